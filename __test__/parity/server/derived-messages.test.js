'use strict';

const stream = require('node:stream');
const { text } = require('node:stream/consumers');
const { derivations, logEvents } = require('../../support/derivations');
const { parity } = require('../../support/parity');
const { UPGRADE, SWITCH } = require('../../support/server-asks');

const FIRST = 'POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n';
const SECOND = '3\r\ndef\r\n0\r\nT: r\r\n\r\n';
const GET = 'GET /g HTTP/1.1\r\nHost: a\r\n\r\n';

/** What may be done with a derived request; each logs 'done' when it is over. Not iterate: Node's iterator waits for events of the very object. */
const requestActs = {
  "reads by 'data'": (req, log) => {
    let body = '';
    req.on('data', (chunk) => (body += chunk)).on('end', () => log(body, 'done'));
  },
  "reads by 'readable'": (req, log) => {
    let body = '';
    req.on('readable', () => {
      for (let chunk = req.read(); chunk !== null; chunk = req.read()) body += chunk;
    });
    req.on('end', () => log(body, 'done'));
  },
  pipes: (req, log) => text(req.pipe(new stream.PassThrough())).then((body) => log(body, 'done')),
  'goes through a pipeline': (req, log) => {
    const through = new stream.PassThrough();
    text(through).then((body) => log(body));
    stream.pipeline(req, through, (error) => setImmediate(() => log(error?.code, 'done')));
  },
  'becomes a web stream': async (req, log) => {
    let body = '';
    for await (const chunk of stream.Readable.toWeb(req)) body += Buffer.from(chunk);
    log(body, 'done');
  },
  'sets an encoding': (req, log) => {
    req.setEncoding('utf8');
    req.on('data', (chunk) => log(typeof chunk)).on('end', () => log('done'));
  },
  'pauses and resumes': (req, log) => {
    req.on('data', (chunk) => log(`${chunk}`)).on('end', () => log('done'));
    req.pause();
    log(req.isPaused());
    setImmediate(() => req.resume());
  },
  unshifts: (req, log) => {
    let body = '';
    req.on('data', (chunk) => (body += chunk)).on('end', () => log(body, 'done'));
    req.unshift(Buffer.from('XY'));
  },
  'is finished()': (req, log) => {
    stream.finished(req, (error) => log(error?.code, 'done'));
    req.resume();
  },
  'reads the trailers': (req, log, original) => {
    req.resume().on('end', () => log(JSON.stringify(req.trailers), JSON.stringify(req.rawTrailers), req.complete, original.complete, 'done'));
  },
  'shares listeners with the request': (req, log, original) => {
    original.on('x', (arg) => log('x of the request', arg));
    req.on('x', (arg) => log('x of the derived', arg));
    req.on('data', () => {});
    original.on('end', () => log('done'));
    log(req.emit('x', 1), original.emit('x', 2), original.listenerCount('x'), req.listenerCount('x'), original.eventNames().includes('x'));
  },
  'takes a listener off': (req, log, original) => {
    const listener = () => log('never');
    req.on('x', listener).removeListener('x', listener);
    original.on('y', listener);
    req.off('y', listener);
    log(original.emit('x'), original.emit('y'), req.emit('x'), req.emit('y'));
    req.resume().on('end', () => log('done'));
  },
  'shows the same members': (req, log, original) => {
    for (const name of ['method', 'url', 'httpVersion', 'httpVersionMajor', 'headers', 'rawHeaders', 'headersDistinct', 'complete', 'aborted', 'upgrade']) log(name, JSON.stringify(req[name]));
    for (const name of ['readable', 'readableFlowing', 'readableLength', 'readableHighWaterMark', 'readableEnded', 'destroyed', 'closed', 'errored']) log(name, req[name]);
    for (const name of ['socket', 'connection', 'rawHeaders', 'rawTrailers', 'headers', '_readableState']) log(name, req[name] === original[name]);
    log(req.signal.aborted, req.listenerCount('end'));
    req.resume().on('end', () => log('done'));
  },
  'is given members of its own': (req, log, original) => {
    Object.assign(req, { url: '/o', method: 'PUT', httpVersion: '9', query: 1, complete: 5 });
    for (const one of [req, original]) log(one.url, one.method, one.httpVersion, one.query, one.complete);
    req.resume().on('end', () => log('done'));
  },
  'sets a timeout': (req, log, original) => {
    log(req.setTimeout(5000, () => {}) === req, original.socket.timeout);
    req.setTimeout(0);
    req.resume().on('end', () => log('done'));
  },
  'is dumped': (req, log) => {
    req._dump();
    req.on('end', () => log('done'));
  },
  'is destroyed': (req, log) => {
    logEvents(req, log, 'aborted', 'error', 'end').on('close', () => log('done'));
    log(req.destroy() === req, req.destroyed);
  },
  'is destroyed with an error': (req, log, original) => {
    logEvents(req, log, 'aborted', 'error', 'end').on('close', () => log('done'));
    req.destroy(new Error('mine'));
    log(req.destroyed, original.destroyed);
  },
};

const socketActs = {
  'shows the same members': (socket, log, original) => {
    for (const name of ['remoteAddress', 'remoteFamily', 'localAddress', 'destroyed', 'readyState', 'connecting', 'pending', 'writable', 'readable', 'allowHalfOpen']) log(name, socket[name]);
    log(socket.remotePort === original.remotePort, socket.server === original.server, socket._httpMessage === original._httpMessage, socket.address().port === original.localPort);
    log('done');
  },
  writes: (socket, log) => log(socket.write('raw', () => log('done'))),
  ends: (socket, log) => {
    logEvents(socket, log, 'finish').on('close', () => log('done'));
    socket.end('bye');
  },
  'is destroyed': (socket, log, original) => {
    socket.on('close', () => log('done'));
    socket.destroy();
    log(socket.destroyed, original.destroyed);
  },
  'is destroyed with an error': (socket, log) => {
    logEvents(socket, log, 'error').on('close', (hadError) => log(hadError, 'done'));
    socket.destroy(new Error('mine'));
  },
  'is destroyed soon': (socket, log) => {
    socket.on('close', () => log('done'));
    socket.write('a');
    socket.destroySoon();
  },
  'times out': (socket, log, original) => {
    socket.on('timeout', () => log('done'));
    log(socket.setTimeout(1) === socket, original.timeout, socket.timeout);
  },
  'is set': (socket, log) => {
    log(socket.setNoDelay() === socket, socket.setKeepAlive(true, 1000) === socket, socket.unref() === socket, socket.ref() === socket, 'done');
  },
  pauses: (socket, log) => {
    socket.pause();
    log(socket.isPaused());
    socket.resume();
    log(socket.isPaused(), 'done');
  },
  corks: (socket, log) => {
    socket.cork();
    socket.write('a');
    socket.write('b', () => log('done'));
    socket.uncork();
  },
};

const upgradeActs = {
  echoes: (socket, log) => {
    socket.on('data', (chunk) => {
      log(`${chunk}`);
      socket.end(chunk);
    });
    socket.on('close', () => log('done'));
  },
  pipes: (socket, log) => {
    socket.pipe(socket);
    socket.on('close', () => log('done'));
  },
  "reads by 'readable'": (socket, log) => {
    socket.on('readable', () => {
      const chunk = socket.read();
      if (chunk !== null) {
        log(`${chunk}`, 'done');
        socket.end('x');
      }
    });
  },
  'becomes web streams': async (socket, log) => {
    const { readable, writable } = stream.Duplex.toWeb(socket);
    const { value } = await readable.getReader().read();
    const writer = writable.getWriter();
    await writer.write(value);
    await writer.close();
    log(`${Buffer.from(value)}`, 'done');
  },
  'is finished()': (socket, log) => {
    stream.finished(socket, (error) => log(error?.code, 'done'));
    socket.on('data', () => socket.end('x'));
  },
  unshifts: (socket, log) => {
    socket.unshift(Buffer.from('U'));
    let read = '';
    socket.on('data', (chunk) => {
      read += chunk;
      if (read === 'Uping') socket.end(read, () => log('done'));
    });
  },
  'writes in pieces': (socket, log) => {
    socket.cork();
    socket.write('a');
    socket.write('b');
    socket.uncork();
    socket.end('c', () => log('done'));
  },
  'is destroyed': (socket, log) => {
    socket.on('close', (hadError) => log(hadError, 'done'));
    socket.destroy();
  },
};

/** The peer resets the connection in the middle of the body. */
const abortion = (derive) => ({
  handler(req, res, log) {
    const derived = derive(req);
    logEvents(derived, log, 'aborted', 'error', 'end').on('close', () => log('done'));
    derived.signal.addEventListener('abort', () => log('abort'));
    derived.on('data', () => log('data'));
  },
  steps: [FIRST, { log: 'data' }, 'reset', { log: 'done' }],
});

/** A request with its body in two packets, the second when the handler has returned; the answer when all is done. */
function ofRequest(derive, act, isUsed) {
  return {
    handler(req, res, log) {
      if (isUsed) void [req.headers, req._readableState, req.socket];
      act(derive(req), log, req, res);
      log('begun');
    },
    steps: [FIRST, { log: 'begun' }, SECOND, { log: 'done' }],
  };
}

/** What is on the wire at last. */
const SEEN = { writes: { until: 'raw' }, corks: { until: 'ab' }, ends: 'closed', 'is destroyed': 'closed', 'is destroyed with an error': 'closed', 'is destroyed soon': 'closed' };

const ofSocket = (derive, act, seen = []) => ({
  handler: (req, res, log) => act(derive(req.socket), log, req.socket),
  steps: [GET, { log: 'done' }].concat(seen),
});

const ofUpgrade = (derive, act) => ({
  setup: (server, log) =>
    server.on('upgrade', (req, socket) => {
      socket.write(SWITCH);
      act(derive(socket), log, socket);
    }),
  steps: [UPGRADE, { until: '\r\n\r\n' }, 'ping', 'end', { log: 'done' }, 'closed'],
});

/** An upgrade whose request has a body that is not in yet: what is handed over is a stream of its own. */
const ofUpgradeWithBody = (derive) => ({
  setup: (server, log) =>
    server.on('upgrade', (req, original) => {
      original.write(SWITCH);
      const stream = derive(original);
      let body = '';
      derive(req).on('data', (chunk) => (body += chunk)).on('end', () => log(body));
      stream.on('data', (chunk) => stream.end(chunk)).on('close', () => log('done'));
    }),
  steps: [UPGRADE.replace('\r\n\r\n', '\r\nContent-Length: 5\r\n\r\nab'), { until: '\r\n\r\n' }, 'cde', { log: 'abcde' }, 'ping', { until: 'ping' }, 'end', { log: 'done' }],
});

const cases = {};
for (const [how, derive] of Object.entries(derivations)) {
  for (const [what, act] of Object.entries(requestActs)) cases[`request, ${how}: ${what}`] = ofRequest(derive, act, false);
  for (const what of ["reads by 'data'", 'shows the same members']) cases[`request in use, ${how}: ${what}`] = ofRequest(derive, requestActs[what], true);
  cases[`request, ${how}: hears that the peer has gone`] = abortion(derive);
  for (const [what, act] of Object.entries(socketActs)) cases[`socket, ${how}: ${what}`] = ofSocket(derive, act, SEEN[what]);
  cases[`upgraded stream after a body, ${how}`] = ofUpgradeWithBody(derive);
  for (const [what, act] of Object.entries(upgradeActs)) cases[`upgraded socket, ${how}: ${what}`] = ofUpgrade(derive, act);
}

parity(__filename, cases);
