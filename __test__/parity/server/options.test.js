'use strict';

const { Duplex } = require('node:stream');
const { parity } = require('../../support/parity');
const { get } = require('../../support/server-asks');

const HEAD = 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n';
const UPGRADE = get('/u', 'Connection: Upgrade\r\nUpgrade: x\r\n');
const echo = (req, res) => res.end(`${req.url}.`);

/** Logs the code of what `act` throws, or what it returns. */
function tell(log, act) {
  try {
    log(act());
  } catch (error) {
    log(error.code);
  }
}

/** A stream that is no socket: what is written to it is logged, except for the empty chunk that older Nodes write. */
function streamOf(log) {
  const stream = new Duplex({
    read() {},
    write(chunk, encoding, callback) {
      if (chunk.length > 0) log(JSON.stringify(String(chunk).replace(/Date: [^\r]*/, 'Date: *')));
      callback();
    },
  });
  return stream;
}

/** The old listeners are asked by a new one, as engine.io and sockjs do it. */
function takeOver(server, log) {
  const listeners = server.listeners('request').slice();
  server.removeAllListeners('request');
  server.on('request', (req, res) => {
    log('new listener', req.url);
    if (req.url.startsWith('/mine')) res.end('mine.');
    else for (const listener of listeners) listener.call(server, req, res);
  });
}

parity(__filename, {
  // A third of a second is told apart from a fiftieth on the slowest machine.
  'closes no sooner than keepAliveTimeout and its buffer say': {
    options: { keepAliveTimeout: 20, keepAliveTimeoutBuffer: 300 },
    handler(req, res, log) {
      res.on('finish', () => {
        const since = performance.now();
        req.socket.on('close', () => log('late enough', performance.now() - since > 150));
      });
      res.end('x');
    },
    steps: [get('/'), 'closed', { log: 'late enough' }],
  },
  'keeps idle connections for ever with keepAliveTimeout: 0, and says no timeout': {
    options: { keepAliveTimeout: 0 },
    handler: echo,
    steps: [get('/1'), { until: '/1.' }, get('/2'), { until: '/2.' }],
  },
  'takes timeouts that are changed while it listens': {
    handler(req, res) {
      req.socket.server.keepAliveTimeout = 10;
      req.socket.server.keepAliveTimeoutBuffer = 0;
      res.end('x');
    },
    steps: [get('/'), 'closed'],
  },
  'tells the peer of keepAliveTimeout and maxRequestsPerSocket': {
    options: { keepAliveTimeout: 7200 },
    setup: (server) => {
      server.maxRequestsPerSocket = 9;
    },
    handler: echo,
    steps: [get('/1'), { until: '/1.' }],
  },
  'has no limit of fields with maxHeadersCount: 0': {
    setup: (server) => {
      server.maxHeadersCount = 0;
    },
    handler: (req, res) => res.end(`${Object.keys(req.headers).length}.`),
    steps: [get('/', Array.from({ length: 1500 }, (_, i) => `A${i}: ${i}\r\n`).join('')), { until: '\r\n\r\n' }],
  },
  'joins the values of uniqueHeaders': {
    options: { uniqueHeaders: ['X-One', 'x-two'] },
    handler(req, res) {
      res.setHeader('X-One', ['a', 'b']);
      res.setHeader('X-Two', ['a', 'b']);
      res.setHeader('X-Three', ['a', 'b']);
      res.end('.');
    },
    steps: [get('/'), { until: '\r\n\r\n.' }],
  },
  'refuses a body where there is none with rejectNonStandardBodyWrites': {
    options: { rejectNonStandardBodyWrites: true },
    handler(req, res, log) {
      tell(log, () => res.write('body'));
      tell(log, () => res.end('body'));
      res.end();
    },
    steps: [HEAD, { until: '\r\n\r\n' }],
  },
  'drops a body where there is none without it': {
    handler(req, res, log) {
      tell(log, () => res.write('body'));
      res.end('body');
    },
    steps: [HEAD, { until: '\r\n\r\n' }, get('/'), { until: 'body' }],
  },
  'gives highWaterMark to request, response and socket': {
    options: { highWaterMark: 1000 },
    handler(req, res, log) {
      const { socket } = req;
      log(req.readableHighWaterMark, res.writableHighWaterMark, socket.readableHighWaterMark, socket.writableHighWaterMark);
      res.end('.');
    },
    steps: [get('/'), { until: '\r\n\r\n.' }],
  },
  "lets a new 'request' listener ask the old ones": {
    setup: takeOver,
    handler: echo,
    steps: [get('/mine'), { until: 'mine.' }, get('/theirs'), { until: '/theirs.' }],
  },
  'lets listeners be swapped between two requests of a connection': {
    handler(req, res, log) {
      if (req.url === '/1') takeOver(req.socket.server, log);
      echo(req, res);
    },
    steps: [get('/1'), { until: '/1.' }, get('/mine'), { until: 'mine.' }, get('/2'), { until: '/2.' }],
  },
  "emits 'request' again for whoever emits it by hand": {
    handler(req, res, log) {
      log(req.url);
      if (req.url === '/again') {
        echo(req, res);
      } else {
        req.url = '/again';
        req.socket.server.emit('request', req, res);
      }
    },
    steps: [get('/1'), { until: '/again.' }, get('/2'), { log: '/2' }],
  },
  "runs 'upgrade' listeners for whoever emits it by hand": {
    options: { shouldUpgradeCallback: () => false },
    setup(server, log) {
      server.on('upgrade', (req, socket, head) => {
        log('upgrade', req.upgrade, head.length, socket === req.socket);
        socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nby hand');
      });
    },
    handler: (req) => req.socket.server.emit('upgrade', req, req.socket, Buffer.alloc(0)),
    steps: [UPGRADE, 'closed'],
  },
  "serves a stream that is no socket and comes by emit('connection')": {
    setup(server, log) {
      server.on('listening', () => {
        const stream = streamOf(log);
        server.emit('connection', stream);
        stream.push(get('/stream', 'Connection: close\r\n'));
      });
    },
    handler(req, res, log) {
      log(req.url, req.socket.server === undefined, res instanceof require('node:http').ServerResponse);
      echo(req, res);
    },
    steps: [{ log: '/stream.' }],
  },
  "upgrades a stream that is no socket and comes by emit('connection')": {
    setup(server, log) {
      server.on('upgrade', (req, stream, head) => {
        log('upgrade', req.url, `head=${head}`);
        stream.end('HTTP/1.1 101 S\r\n\r\n');
        stream.on('data', (chunk) => log('data', chunk));
        stream.on('end', () => log('end'));
      });
      server.on('listening', () => {
        const stream = streamOf(log);
        stream.on('close', () => log('stream closed'));
        server.emit('connection', stream);
        stream.push(`${UPGRADE}abc`);
        stream.push('def');
        stream.push(null);
      });
    },
    steps: [{ log: 'stream closed' }],
  },
});
