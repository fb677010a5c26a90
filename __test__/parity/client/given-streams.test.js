'use strict';

/** Requests over streams that the program brings: by createConnection, by an agent of its own, by onSocket(). Each case runs over every kind of stream. */

const net = require('node:net');
const { Duplex } = require('node:stream');
const { HEAD_END, OK } = require('../../support/client-asks');
const { parity } = require('../../support/parity');
const { quiet } = require('../../support/servers');

const HEAD = (more = '') => `HTTP/1.1 200 OK\r\n${more}\r\n`;
const EVENTS = ['data', 'end', 'close', 'timeout', 'free', 'agentRemove'];

/** A stream that is no socket and has nothing but a Duplex' own methods. */
function wrapped(socket) {
  const stream = new Duplex({
    read: () => socket.resume(),
    write: (chunk, encoding, done) => void socket.write(chunk, done),
    final: (done) => void socket.end(done),
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk) => stream.push(chunk) || socket.pause());
  socket.on('end', () => stream.push(null)).on('error', (error) => stream.destroy(error));
  return stream;
}

/** What a stream is made of; the program logs by `createConnection` when there is one. */
const KINDS = {
  'a socket': ({ port, host }) => net.connect(port, host),
  'a Duplex': ({ port, host }) => wrapped(net.connect({ port, host, allowHalfOpen: true })),
};

/** What listens, and what else can be seen on a stream; of one that has been destroyed Nodes show different things. */
function state(stream, req) {
  if (stream === null) return 'none';
  const message = `parser=${Boolean(stream.parser)} message=${stream._httpMessage === req ? 'req' : stream._httpMessage}`;
  if (stream.destroyed) return `destroyed ${message}`;
  const listeners = EVENTS.filter((event) => stream.listenerCount(event) > 0).map((event) => `${event}:${stream.listenerCount(event)}`);
  return `${listeners.join(' ')} ${message} flowing=${stream.readableFlowing}`;
}

/** Logs what becomes of the stream beside what becomes of the request. */
function watchAll({ log, watch }, req, options) {
  watch(req, options);
  req.once('socket', (stream) => {
    log('on socket:', state(stream, req));
    stream.on('error', (error) => log('stream error', error.code, error.message));
  });
  req.on('response', (res) => {
    log('on response:', state(req.socket, req));
    res.on('end', () => log('on end:', state(req.socket, req)));
  });
  req.on('close', () => log('on close:', req.destroyed, req.closed, state(req.socket, req)));
  return req;
}

const scenarios = {};
/** A request without an agent. @param {object} options @param {Array} steps of the server @param {(req, tools) => void} [act] */
function plain(title, steps, options = {}, act = (req) => req.end(), watched = {}) {
  scenarios[title] = (make) => ({
    // A stream that is no socket is ended, not destroyed.
    server: [[...steps, 'ended', 'end']],
    async run(tools) {
      const { http, port, host, log } = tools;
      let stream;
      const createConnection = (given) => {
        log('createConnection', given.port, given.host, given.path, given.method, given.agent);
        stream = make(tools);
        stream.on('close', (failed) => log('stream close', failed, stream.destroyed));
        return stream;
      };
      const req = watchAll(tools, http.request({ port, host, createConnection, ...options }), watched);
      log('socket', req.socket, req.agent, req.shouldKeepAlive);
      act(req, tools, stream);
      await tools.until('stream close');
      await tools.until('on close');
      await quiet();
      log('after:', state(stream, req), req.destroyed, req.writableFinished, req.res?.complete);
    },
  });
}

plain('GET', [HEAD_END, OK]);
plain('chunks and trailers', [HEAD_END, HEAD('Transfer-Encoding: chunked\r\nTrailer: a\r\n'), '3\r\nabc\r\n', { bytes: '2\r\nde\r\n0\r\na: b\r\n\r\n' }]);
plain('a body until the end', [HEAD_END, HEAD(), 'body', 'end']);
plain('byte by byte', [HEAD_END, { bytes: OK }]);
plain('HEAD', [HEAD_END, HEAD('Content-Length: 5\r\n')], { method: 'HEAD' });
plain('204', [HEAD_END, 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n']);
plain('304', [HEAD_END, 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n']);
plain('100 and a body', [HEAD_END, 'HTTP/1.1 100 Continue\r\n\r\n', { until: 'body' }, OK], { method: 'POST', headers: { Expect: '100-continue', 'Content-Length': 4 } }, (req) => {
  req.flushHeaders();
  req.on('continue', () => req.end('body'));
});
plain('103', [HEAD_END, 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n', OK]);
plain('an early response', [HEAD_END, OK, { log: 'res end' }], { method: 'POST' }, (req, { until }) => {
  req.write('one');
  until('res end').then(() => req.end('two'));
});
plain('an early response, then the end', [HEAD_END, OK, 'end'], { method: 'POST' }, (req) => {
  req.write('one');
});
plain('the end before the response', [HEAD_END, 'end']);
plain('the end within the head', [HEAD_END, 'HTTP/1.1 200 O', 'end']);
plain('the end within a body', [HEAD_END, HEAD('Content-Length: 10\r\n'), 'abc', { log: 'response' }, 'end']);
plain('the end within a chunk', [HEAD_END, HEAD('Transfer-Encoding: chunked\r\n'), '5\r\nabc', { log: 'response' }, 'end']);
plain('malformed', [HEAD_END, 'nonsense\r\n\r\n']);
plain('malformed within a body', [HEAD_END, HEAD('Transfer-Encoding: chunked\r\n'), '3\r\nabc\r\n', { log: 'response' }, 'nonsense\r\n']);
plain('bytes after the response', [HEAD_END, `${OK}more`]);
plain('destroyed at once', [], {}, (req) => req.destroy());
plain('destroyed at once with an error', [], {}, (req) => req.destroy(new Error('mine')));
// Who is told first of a Duplex' end, another listener or `finished()`, is Node's affair.
scenarios['destroyed at once with an error'].since = 24;
plain('aborted at once', [], {}, (req) => req.abort());
plain("destroyed in 'socket'", [], {}, (req) => {
  req.on('socket', () => req.destroy());
  req.end();
});
plain("the stream destroyed in 'socket'", [], {}, (req) => {
  req.on('socket', (stream) => stream.destroy());
  req.end();
});
plain("the stream destroyed in 'socket' with an error", [], {}, (req) => {
  req.on('socket', (stream) => stream.destroy(new Error('mine')));
  req.end();
});
plain('the stream destroyed with an error before its tick', [], {}, (req, tools, stream) => {
  stream.destroy(new Error('mine'));
  req.end();
});
plain("destroyed in 'response'", [HEAD_END, HEAD('Content-Length: 10\r\n'), 'abc'], {}, (req) => {
  req.on('response', () => req.destroy());
  req.end();
});
plain("the response destroyed in 'data'", [HEAD_END, HEAD('Content-Length: 10\r\n'), 'abc'], {}, (req) => {
  req.on('response', (res) => res.on('data', () => res.destroy(new Error('mine'))));
  req.end();
});
plain("the stream destroyed in 'data'", [HEAD_END, HEAD('Content-Length: 10\r\n'), 'abc'], {}, (req) => {
  req.on('response', (res) => res.on('data', () => req.socket.destroy(new Error('mine'))));
  req.end();
});
plain('the stream ended by the program', [HEAD_END, OK], {}, (req) => {
  req.end(() => req.socket.end());
});
plain('a signal', [HEAD_END], {}, (req, { until }) => {
  const controller = new AbortController();
  require('node:stream').addAbortSignal(controller.signal, req);
  req.end();
  until('req finish').then(() => controller.abort());
});
plain('nobody hears the response', [HEAD_END, OK], {}, (req) => {
  req.removeAllListeners('response');
  req.end();
});
plain('a large request', [{ until: 'END' }, OK], { method: 'POST', headers: { 'Content-Length': 2_000_003 } }, (req, { log }) => {
  log('write', req.write('a'.repeat(2_000_000)), req.writableNeedDrain);
  req.once('drain', () => {
    log('drained', req.writableLength, req.writableNeedDrain);
    req.end('END');
  });
});
plain('writes before the stream', [{ until: '0\r\n\r\n' }, OK], { method: 'POST' }, (req, { log }) => {
  log(req.write('one', () => log('one')), req.write('two', () => log('two')));
  req.end('three', () => log('ended'));
});
plain('an upgrade', [HEAD_END, 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhead', { until: 'hello' }, 'world', 'end'], { headers: { Connection: 'Upgrade', Upgrade: 'x' } }, (req, { log }) => {
  req.on('upgrade', (res, stream, head) => {
    log('upgrade', res.statusCode, String(head), stream === req.socket, state(stream, req), Object.keys(stream).includes('parser'));
    stream.on('data', (chunk) => log('data', chunk)).on('end', () => stream.end());
    stream.write('hello');
  });
  req.end();
});
plain('an upgrade nobody asked for', [HEAD_END, 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhead']);
plain('CONNECT', [HEAD_END, 'HTTP/1.1 200 Established\r\n\r\nhead', { until: 'hello' }, 'end'], { method: 'CONNECT', path: 'a.test:443' }, (req, { log }) => {
  req.on('connect', (res, stream, head) => {
    log('connect', res.statusCode, String(head), stream === req.socket, state(stream, req));
    stream.on('end', () => stream.end()).resume();
    stream.write('hello');
  });
  req.end();
});
plain('CONNECT refused', [HEAD_END, 'HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno', 'end'], { method: 'CONNECT', path: 'a.test:443' }, (req, { log }) => {
  req.on('connect', (res, stream, head) => {
    log('connect', res.statusCode, String(head));
    stream.on('end', () => stream.end()).resume();
  });
  req.end();
});

/** Requests of an agent whose connections are the program's. */
function pooled(title, servers, run, options = { keepAlive: true }) {
  scenarios[title] = (make, kind) => ({
    server: servers,
    async run(tools) {
      const { http, log } = tools;
      class Agent extends http.Agent {
        createConnection(given, callback) {
          log('createConnection', given.port, given.keepAlive, typeof callback);
          const stream = make(tools);
          // What an agent asks of what it keeps.
          if (kind === 'a Duplex') Object.assign(stream, { setKeepAlive: () => stream, setTimeout: () => stream, ref: () => stream, unref: () => stream });
          return stream;
        }
      }
      const agent = new Agent(options);
      agent.on('free', (stream) => log('free', state(stream, stream._httpMessage)));
      await run({ ...tools, agent });
      agent.destroy();
      await quiet();
      log(agent.totalSocketCount, Object.keys(agent.sockets).length, Object.keys(agent.freeSockets).length);
    },
  });
}
const one = (tools, path, options, act = (req) => req.end()) =>
  new Promise((resolve) => {
    const { http, port, host, agent } = tools;
    const req = watchAll(tools, http.request({ port, host, agent, path, ...options }));
    req.on('close', () => resolve(quiet().then(() => req)));
    act(req);
  });

pooled('one after the other', [[{ until: '/1' }, OK, { until: '/2' }, OK]], async (tools) => {
  const first = await one(tools, '/1');
  tools.log('idle', state(first.socket, first), first.reusedSocket);
  const second = await one(tools, '/2', { method: 'POST' }, (req) => req.end('body'));
  tools.log(first.socket === second.socket, second.reusedSocket);
});
pooled('one waits for the other', [[{ until: '/1' }, OK, { until: '/2' }, OK]], async (tools) => {
  await Promise.all([one(tools, '/1'), one(tools, '/2')]);
}, { keepAlive: true, maxSockets: 1 });
pooled('the server closes while idle', [[{ until: '/1' }, OK, { log: 'idle' }, 'end'], [{ until: '/2' }, OK]], async (tools) => {
  await one(tools, '/1');
  tools.log('idle');
  await quiet();
  await one(tools, '/2');
});
// A Duplex that nobody listens to would not be heard to end.
scenarios['the server closes while idle'].kinds = ['a socket'];
pooled('Connection: close', [[{ until: '/1' }, HEAD('Connection: close\r\nContent-Length: 2\r\n'), 'ok', 'end'], [{ until: '/2' }, OK]], async (tools) => {
  await one(tools, '/1');
  await one(tools, '/2');
});
pooled('an early response, kept', [[HEAD_END, OK, { until: 'END' }, { until: '/2' }, OK]], async (tools) => {
  await one(tools, '/1', { method: 'POST' }, (req) => {
    req.write('one');
    tools.until('res end').then(() => req.end('END'));
  });
  await one(tools, '/2');
});
pooled('destroyed after the response', [[{ until: '/1' }, OK, { until: '/2' }, OK]], async (tools) => {
  const req = await one(tools, '/1');
  req.destroy();
  req.res.destroy();
  await one(tools, '/2');
});
pooled('an upgrade, pooled', [[HEAD_END, 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n', 'x', 'end']], async (tools) => {
  await one(tools, '/1', { headers: { Connection: 'Upgrade', Upgrade: 'x' } }, (req) => {
    req.on('upgrade', (res, stream) => {
      tools.log('upgrade', state(stream, req), tools.agent.totalSocketCount);
      stream.on('end', () => stream.end()).resume();
    });
    req.end();
  });
});
pooled('HEAD, 204 and 304, kept', [[{ until: '/1' }, HEAD('Content-Length: 5\r\n'), { until: '/2' }, 'HTTP/1.1 204 No\r\n\r\n', { until: '/3' }, 'HTTP/1.1 304 No\r\nContent-Length: 3\r\n\r\n']], async (tools) => {
  await one(tools, '/1', { method: 'HEAD' });
  await one(tools, '/2');
  await one(tools, '/3');
});

const cases = {};
for (const [title, of] of Object.entries(scenarios)) {
  for (const kind of of.kinds ?? Object.keys(KINDS)) cases[`${title}: ${kind}`] = { since: of.since, ...of(KINDS[kind], kind) };
}

parity(__filename, cases);
