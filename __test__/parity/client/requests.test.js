'use strict';

const { OK } = require('../../support/client-asks');
const { parity } = require('../../support/parity');

/** A request as `send` makes it; the wire tells. */
const sent = (send, until = '\r\n\r\n') => ({
  server: [[{ until }, OK]],
  async run(tools) {
    const req = send(tools);
    req.on('response', (res) => res.resume()).on('error', (error) => tools.log(error.code)).on('close', () => tools.log('close'));
    await tools.until('close');
  },
});

/** What `attempt` throws, or its first event of that name. */
const thrown = (attempt) => ({
  async run(tools) {
    try {
      const req = attempt(tools);
      tools.log('did not throw', req.constructor.name);
      req.on('error', () => {}).destroy();
    } catch (error) {
      tools.log(error.constructor.name, error.code, error.message);
    }
  },
});

parity(__filename, {
  'get(options)': sent(({ http, port, host, agent }) => http.get({ port, host, agent, path: '/a?b=c' })),
  'get(string)': sent(({ http, port, agent }) => http.get(`http://127.0.0.1:${port}/s?x=1#f`, { agent })),
  'get(URL, callback)': sent(({ http, port, log }) => http.get(new URL(`http://127.0.0.1:${port}/u`), { agent: false }, (res) => log('called', res.statusCode))),
  'get(string, options, callback)': sent(({ http, port, agent, log }) => http.get(`http://127.0.0.1:${port}/s`, { agent, headers: { a: 1 } }, (res) => log(res.statusCode))),
  'options override the URL': sent(({ http, port, agent }) => http.get('http://127.0.0.1:1/s', { agent, port, path: '/other' })),
  'request() with the callback behind the options': sent(({ http, port, host, agent, log }) => http.request({ port, host, agent }, (res) => log(res.statusCode)).end()),
  'credentials in the URL': sent(({ http, port, agent }) => http.get(`http://user:p%40ss@127.0.0.1:${port}/`, { agent })),
  'auth': sent(({ http, port, host, agent }) => http.get({ port, host, agent, auth: 'u:p' })),
  'auth does not replace Authorization': sent(({ http, port, host, agent }) => http.get({ port, host, agent, auth: 'u:p', headers: { authorization: 'mine' } })),
  'method in lower case': sent(({ http, port, host, agent }) => http.request({ port, host, agent, method: 'options' }).end()),
  'an unknown method': sent(({ http, port, host, agent }) => http.request({ port, host, agent, method: 'BREW' }).end()),
  'fields as an object': sent(({ http, port, host, agent }) => http.get({ port, host, agent, headers: { 'X-A': ['1', '2'], b: 3, Cookie: ['a=1', 'b=2'] } })),
  'fields as a flat list': sent(({ http, port, host, agent }) => http.get({ port, host, agent, headers: ['HoSt', 'zz', 'X-a', '1', 'X-a', '2'] })),
  'fields as pairs': sent(({ http, port, host, agent }) => http.get({ port, host, agent, headers: [['Host', 'zz'], ['X-a', '1']] })),
  'setHost: false': sent(({ http, port, host, agent }) => http.get({ port, host, agent, setHost: false })),
  'setDefaultHeaders: false': sent(({ http, port, host, agent }) => http.get({ port, host, agent, setDefaultHeaders: false })),
  'uniqueHeaders': sent(({ http, port, host, agent }) => http.get({ port, host, agent, uniqueHeaders: ['x-a'], headers: { 'X-A': ['1', '2'] } })),
  'setHeader, appendHeader and removeHeader': sent(({ http, port, host, agent, log }) => {
    const req = http.request({ port, host, agent, headers: { a: 1, b: 2 } });
    req.setHeader('C', 'x');
    req.removeHeader('b');
    req.appendHeader('c', 'y');
    log(JSON.stringify(req.getHeaders()), JSON.stringify(req.getRawHeaderNames()));
    return req.end();
  }),
  'POST in one piece': sent(({ http, port, host, agent }) => http.request({ port, host, agent, method: 'POST' }).end('body'), 'body'),
  'POST in two': sent(({ http, port, host, agent }) => {
    const req = http.request({ port, host, agent, method: 'POST' });
    req.write('one');
    return req.end('two');
  }, '0\r\n\r\n'),
  'POST in two ticks': sent(({ http, port, host, agent }) => {
    const req = http.request({ port, host, agent, method: 'POST' });
    req.write('one');
    req.on('socket', (socket) => socket.once('connect', () => setImmediate(() => req.end('two'))));
    return req;
  }, '0\r\n\r\n'),
  'POST with Content-Length': sent(({ http, port, host, agent }) => {
    const req = http.request({ port, host, agent, method: 'POST', headers: { 'Content-Length': 6 } });
    req.write('one');
    return req.end('two');
  }, 'onetwo'),
  'POST with trailers': sent(({ http, port, host, agent }) => {
    const req = http.request({ port, host, agent, method: 'POST', headers: { Trailer: 'X-T' } });
    req.write('one');
    req.addTrailers({ 'X-T': 'v' });
    return req.end();
  }, 'X-T: v\r\n\r\n'),
  'GET with a body': sent(({ http, port, host, agent }) => http.request({ port, host, agent }).end('body'), 'body'),
  'DELETE with a body in two pieces': sent(({ http, port, host, agent }) => {
    const req = http.request({ port, host, agent, method: 'DELETE' });
    req.write('a');
    return req.end('b');
  }, 'b'),
  'flushHeaders': sent(({ http, port, host, agent }) => {
    const req = http.request({ port, host, agent, method: 'POST' });
    req.flushHeaders();
    req.on('socket', (socket) => socket.once('connect', () => req.end('x')));
    return req;
  }, '0\r\n\r\n'),
  'Connection: close': sent(({ http, port, host, agent }) => http.get({ port, host, agent, headers: { Connection: 'close' } })),
  'an agent without keepAlive': sent(({ http, port, host }) => http.get({ port, host, agent: new http.Agent() })),
  'agent: false': sent(({ http, port, host }) => http.get({ port, host, agent: false })),
  'the Host field of an IPv6 address': sent(({ http, port, agent }) => http.get({ port, host: '::1', agent, lookup: undefined, family: 4, createConnection: undefined }).on('error', () => {}).destroy()),
  'the default port is left out of Host': sent(({ http, port, host, agent }) => http.get({ port, host, agent, defaultPort: port })),
  'state of a request': sent(({ http, port, host, agent, log }) => {
    const req = http.request({ port, host, agent, path: '/x', method: 'POST', timeout: 5000 });
    const state = () =>
      log(
        req.path, req.method, req.host, req.protocol, req.finished, req.writableEnded, req.writableFinished, req.headersSent, req.reusedSocket, req.aborted,
        req.destroyed, req.timeout, req.shouldKeepAlive, req.useChunkedEncodingByDefault, req.maxHeadersCount, req.writableLength > 0, req.socket === null, req.res === null,
        req.agent === agent, req.closed, req.writableNeedDrain, req.errored, Object.keys(req).includes('socket'),
      );
    state();
    req.on('finish', state).on('response', state).on('close', state);
    return req.end('x');
  }, '\r\n\r\nx'),
  'an invalid path': thrown(({ http }) => http.get({ path: '/a b' })),
  'an invalid path later': thrown(({ http, port, host, agent }) => {
    const req = http.request({ port, host, agent }).on('error', () => {});
    req.destroy();
    req.path = '/\n';
    return req;
  }),
  'an invalid method': thrown(({ http }) => http.get({ method: 'A B' })),
  'a method that is no string': thrown(({ http }) => http.get({ method: 1 })),
  'an invalid agent': thrown(({ http }) => http.get({ agent: {} })),
  'an invalid host': thrown(({ http }) => http.get({ host: 1 })),
  'an invalid hostname': thrown(({ http }) => http.get({ hostname: {} })),
  'another protocol': thrown(({ http }) => http.get('https://127.0.0.1/')),
  'an invalid URL': thrown(({ http }) => http.get('nonsense')),
  'an invalid timeout': thrown(({ http }) => http.get({ timeout: 'x' })),
  'a negative timeout': thrown(({ http }) => http.get({ timeout: -1 })),
  'an invalid maxHeaderSize': thrown(({ http }) => http.get({ maxHeaderSize: 1.5 })),
  'an invalid insecureHTTPParser': thrown(({ http }) => http.get({ insecureHTTPParser: 1 })),
  'an invalid joinDuplicateHeaders': thrown(({ http }) => http.get({ joinDuplicateHeaders: 1 })),
  'an invalid port': thrown(({ http }) => http.get({ port: 70000, host: '127.0.0.1' })),
  'an invalid localAddress': thrown(({ http }) => http.get({ host: '127.0.0.1', localAddress: 'x' })),
  'an invalid lookup': thrown(({ http }) => http.get({ host: 'localhost', lookup: 1 })),
  'an invalid header': thrown(({ http }) => http.get({ headers: { 'a b': 1 } })),
  'an invalid header value': thrown(({ http }) => http.get({ headers: { a: 'x\n' } })),
  'an invalid agent scheduling': thrown(({ http }) => new http.Agent({ scheduling: 'x' })),
  "who listens to 'connect' first may still stop a request": {
    server: [['ended']],
    async run({ http, port, host, watch, until }) {
      const req = watch(http.request({ port, host, method: 'POST', agent: false }));
      req.on('socket', (socket) => socket.on('connect', () => socket.destroy(new Error('not him'))));
      req.end('body');
      await until('req close');
    },
  },
  "what is written on 'connect' comes after what was written before": {
    server: [[{ until: 'HELLO' }, OK]],
    async run({ http, port, host, log, until }) {
      const req = http.get({ port, host, agent: false });
      req.on('socket', (socket) =>
        socket.on('connect', () => {
          log(socket.bytesWritten > 0, socket.connecting);
          socket.write('HELLO', () => log('written'));
        }),
      );
      req.on('response', (res) => res.resume());
      req.on('close', () => log('req close'));
      await until('req close');
    },
  },
});
