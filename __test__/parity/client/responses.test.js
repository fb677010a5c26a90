'use strict';

const { HEAD_END } = require('../../support/client-asks');
const { parity } = require('../../support/parity');

const ok = (body = 'ok') => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** One GET whose events are logged until it is over. */
const get =
  (options = {}) =>
  async ({ http, port, host, agent, until, watch }) => {
    watch(http.request({ port, host, agent, ...options })).end();
    await until('req close');
  };

/** The same answered with `answer`, then FIN. */
const answered = (answer, options) => ({ server: [[HEAD_END, answer, 'end']], run: get(options) });

parity(__filename, {
  'a response with Content-Length': answered(ok()),
  'a chunked response with trailers': answered('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x=y\r\ncde\r\n0\r\nA: 1\r\nB: 2\r\n\r\n'),
  'a response that ends with the connection': answered('HTTP/1.1 200 OK\r\n\r\nuntil the end'),
  'an HTTP/1.0 response': answered('HTTP/1.0 200 Fine\r\n\r\nold'),
  'a response to HEAD': answered('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', { method: 'HEAD' }),
  '204 without a body': answered('HTTP/1.1 204 No Content\r\n\r\n'),
  '304 with a length and without a body': answered('HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n'),
  'an empty reason': answered('HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n'),
  'latin1 in reason and fields': answered('HTTP/1.1 200 \xe9\xff\r\nA: \xe9\r\nContent-Length: 0\r\n\r\n'),
  'more trailers than maxHeadersCount': {
    server: [[HEAD_END, `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${'A: 1\r\nB: 2\r\n'.repeat(600)}\r\n`, 'end']],
    async run({ http, port, log, until }) {
      for (const maxHeadersCount of [null, 3, 0]) {
        const req = http.get({ port, host: '127.0.0.1', agent: false }, (res) => {
          res.resume().on('end', () => log('trailers', maxHeadersCount, res.rawTrailers.length, Object.keys(res.trailers).join()));
        });
        req.maxHeadersCount = maxHeadersCount;
        await until(`trailers ${maxHeadersCount}`);
      }
    },
  },
  'repeated fields': {
    server: [[HEAD_END, 'HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nX: 1\r\nX: 2\r\nServer: a\r\nServer: b\r\nContent-Length: 0\r\n\r\n']],
    async run({ http, port, agent, log, until }) {
      http.get({ port, host: '127.0.0.1', agent }, (res) => {
        log(JSON.stringify(res.headers), JSON.stringify(res.headersDistinct));
        res.resume().on('end', () => log('done'));
      });
      await until('done');
    },
  },
  'repeated fields with joinDuplicateHeaders': {
    server: [[HEAD_END, 'HTTP/1.1 200 OK\r\nServer: a\r\nServer: b\r\nContent-Length: 0\r\n\r\n']],
    async run({ http, port, agent, log, until }) {
      http.get({ port, host: '127.0.0.1', agent, joinDuplicateHeaders: true }, (res) => log(JSON.stringify(res.headers), 'done'));
      await until('done');
    },
  },
  'maxHeadersCount cuts the list': {
    server: [[HEAD_END, `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(5)}Content-Length: 0\r\n\r\n`]],
    async run({ http, port, agent, log, until }) {
      const req = http.get({ port, host: '127.0.0.1', agent }, (res) => log(res.rawHeaders.length, 'done'));
      req.maxHeadersCount = 3;
      await until('done');
    },
  },
  'a thousand fields and more': {
    server: [[HEAD_END, `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(2100)}Content-Length: 0\r\n\r\n`]],
    async run({ http, port, agent, log, until }) {
      http.get({ port, host: '127.0.0.1', agent }, (res) => log(res.rawHeaders.length, 'done'));
      await until('done');
    },
  },
  'interim responses': answered(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${ok()}`),
  'Expect: 100-continue': {
    server: [[HEAD_END, 'HTTP/1.1 100 Continue\r\n\r\n', { until: 'body' }, ok(), 'end']],
    async run({ http, port, host, agent, until, watch }) {
      const req = watch(http.request({ port, host, agent, method: 'POST', headers: { Expect: '100-continue', 'Content-Length': 4 } }));
      req.on('continue', () => req.end('body'));
      await until('req close');
    },
  },
  'a 101 without Upgrade is an ordinary response': answered('HTTP/1.1 101 Switching Protocols\r\n\r\n'),
  'a body cut short': answered('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort'),
  'a chunked body cut short': answered('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab'),
  'a reset in the body': { server: [[HEAD_END, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort', { log: 'response' }, 'reset']], run: get() },
  'a head cut short': answered('HTTP/1.1 200 OK\r\nContent-Le'),
  'no answer at all': { server: [[HEAD_END, 'end']], run: get() },
  'a reset instead of an answer': { server: [[HEAD_END, 'reset']], run: get() },
  'garbage': answered('nonsense\r\n\r\n'),
  'a broken status line': answered('HTTP/1.1 2x0 OK\r\n\r\n'),
  'a broken chunk': answered('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'),
  'obs-fold is refused': answered('HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n'),
  'obs-fold passes with insecureHTTPParser': answered('HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n', { insecureHTTPParser: true }),
  'a head over maxHeaderSize': answered(`HTTP/1.1 200 OK\r\nA: ${'x'.repeat(200)}\r\nContent-Length: 0\r\n\r\n`, { maxHeaderSize: 100 }),
  'two responses to one request': answered(ok('one') + ok('two')),
  'garbage behind a response': answered(`${ok()}garbage`),
  'an answer in bytes': { server: [[HEAD_END, { bytes: 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nT: 1\r\n\r\n' }, 'end']], run: get() },
  'nobody listens for the response': {
    server: [[HEAD_END, ok('x'.repeat(1000))]],
    async run({ http, port, host, agent, log, until }) {
      http.get({ port, host, agent }).on('close', () => log('close'));
      await until('close');
    },
  },
  'res.destroy() in the body': {
    server: [[HEAD_END, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort']],
    async run({ http, port, host, agent, until, watch }) {
      const req = watch(http.get({ port, host, agent }));
      req.on('response', (res) => res.once('data', () => res.destroy()));
      await until('req close');
    },
  },
  'res.destroy(error) in the body': {
    server: [[HEAD_END, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort']],
    async run({ http, port, host, agent, until, watch }) {
      const req = watch(http.get({ port, host, agent }));
      req.on('response', (res) => res.once('data', () => res.destroy(new Error('mine'))));
      await until('req close');
      await until('res close');
    },
  },
  'no tick runs between a response and the body that came with it': {
    server: [[HEAD_END, ok('body')]],
    async run({ http, port, host, agent, log, until }) {
      const req = http.get({ port, host, agent }, (res) => {
        log('response', res.complete, res.readableLength);
        process.nextTick(() => {
          log('tick', res.complete, res.readableLength);
          res.resume();
        });
        Promise.resolve().then(() => log('microtask', res.complete));
      });
      req.on('close', () => log('close'));
      await until('close');
    },
  },
  'a response read late': {
    server: [[HEAD_END, ok('late')]],
    async run({ http, port, host, agent, log, until }) {
      const req = http.get({ port, host, agent }, (res) => {
        setImmediate(() => setImmediate(() => res.on('data', (chunk) => log(chunk)).on('end', () => log('end'))));
      });
      req.on('close', () => log('close'));
      await until('close');
    },
  },
  ...Object.fromEntries(
    ['Connection: close\r\nContent-Length: 300000\r\n', '', 'Content-Length: 300000\r\n'].map((fields) => [
      `a large response read late, its connection gone: ${JSON.stringify(fields)}`,
      {
        server: [[HEAD_END, `HTTP/1.1 200 OK\r\n${fields}\r\n${'x'.repeat(300_000)}`, 'end']],
        async run({ http, port, host, agent, log, until }) {
          const req = http.get({ port, host, agent }, (res) => {
            let length = 0;
            setImmediate(() => setImmediate(() => res.on('data', (chunk) => (length += chunk.length))));
            res.on('end', () => log('end', length, res.complete)).on('aborted', () => log('aborted')).on('error', (error) => log(error.code));
          });
          req.on('close', () => log('close'));
          await until('close');
        },
      },
    ]),
  ),
  'a short response read late, its connection gone': {
    server: [[HEAD_END, 'HTTP/1.1 200 OK\r\n\r\nshort', 'end']],
    async run({ http, port, host, agent, log, until }) {
      const req = http.get({ port, host, agent }, (res) => {
        setImmediate(() => setImmediate(() => res.on('data', (chunk) => log(chunk)).on('end', () => log('end'))));
      });
      req.on('close', () => log('close'));
      await until('close');
    },
  },
  'setEncoding and async iteration': {
    server: [[HEAD_END, ok('\xc3\xa9t\xc3\xa9'), 'end']],
    async run({ http, port, host, agent, log, until }) {
      http.get({ port, host, agent }, async (res) => {
        res.setEncoding('utf8');
        for await (const chunk of res) log(chunk);
        log('done');
      });
      await until('done');
    },
  },
  'the answer comes before the request has ended': {
    server: [[HEAD_END, ok('early'), { until: '0\r\n\r\n' }]],
    async run({ http, port, host, agent, until, watch, log }) {
      const req = watch(http.request({ port, host, agent, method: 'POST' }));
      req.write('part');
      await until('res end');
      log('ending');
      req.end('rest');
      await until('req close');
      log(Object.keys(agent.freeSockets).length);
    },
  },
});
