'use strict';

/** What is still said when a program has ended or destroyed the socket of its request, or takes it for itself. */

const { parity } = require('../../support/parity');
const { get, UPGRADE, SWITCH, CONNECT, watchClose, deaf, CLOSED, note } = require('../../support/server-asks');

parity(__filename, {
  'the last answer, and what the socket says in the same tick': {
    setup: watchClose,
    handler(req, res, log) {
      res.end('one.');
      req.socket.write('two.', (error) => log('written', error?.code));
      req.socket.end('three.', () => log('ended'));
    },
    steps: [get('/1', 'Connection: close\r\n'), ...CLOSED],
  },
  'socket.end() with an answer: what the handler says then is not sent': {
    setup: watchClose,
    handler(req, res, log) {
      note(req, res, log);
      req.socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      res.setHeader('X', 'y');
      log(res.write('no'), res.writableLength > 0);
      res.end('no.');
    },
    steps: [get('/1'), ...CLOSED],
  },
  'socket.end() with an answer, and the handler answers in the next tick': {
    setup: watchClose,
    handler(req, res, log) {
      note(req, res, log);
      req.socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      process.nextTick(() => res.end('no.'));
    },
    steps: [get('/1'), ...CLOSED],
  },
  'socket.end() with an answer, and the handler answers in the next round': {
    setup(server, log) {
      deaf(server, log);
    },
    handler(req, res, log) {
      note(req, res, log);
      req.socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      setImmediate(() => {
        res.writeHead(200);
        res.end('no.');
      });
    },
    steps: [get('/1'), ...CLOSED],
  },
  'socket.end() and then interim responses, head and trailers': {
    setup: watchClose,
    handler(req, res, log) {
      req.socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      res.writeContinue();
      res.writeProcessing();
      res.writeEarlyHints({ link: '</a>; rel=preload' });
      res.flushHeaders();
      res.addTrailers({ a: 'b' });
      res.end();
      log(res.headersSent, res.writableEnded, res.writableFinished);
    },
    steps: [get('/1'), ...CLOSED],
  },
  'socket.destroySoon(), then an answer': {
    setup: watchClose,
    handler(req, res, log) {
      note(req, res, log);
      req.socket.write('HTTP/1.1 403 Forbidden\r\n\r\n');
      req.socket.destroySoon();
      res.end('no.');
    },
    steps: [get('/1'), ...CLOSED],
  },
  'socket.destroy(), then an answer': {
    setup(server, log) {
      deaf(server, log);
    },
    handler(req, res, log) {
      note(req, res, log);
      req.socket.destroy();
      log(res.write('no'));
      res.end('no.');
    },
    steps: [get('/1'), ...CLOSED],
  },
  'an answer that has begun is cut by socket.end()': {
    setup: watchClose,
    handler(req, res, log) {
      note(req, res, log);
      res.setHeader('Content-Length', 6);
      res.write('abc');
      req.socket.end();
      res.end('def');
    },
    steps: [get('/1'), ...CLOSED],
  },
  'a chunked answer that has begun is cut by socket.end()': {
    setup: watchClose,
    handler(req, res, log) {
      note(req, res, log);
      res.write('abc');
      setImmediate(() => {
        res.write('def');
        req.socket.end('raw');
        res.end('ghi');
      });
    },
    steps: [get('/1'), ...CLOSED],
  },
  'an answer that has been ended is sent before socket.end() takes effect': {
    setup: watchClose,
    handler(req, res, log) {
      note(req, res, log);
      const { socket } = req;
      res.end('answer.');
      socket.end('raw.');
    },
    steps: [get('/1'), ...CLOSED],
  },
  'requests after one whose handler ended the socket are told and not answered': {
    setup: watchClose,
    handler(req, res, log) {
      log('request', req.url);
      if (req.url === '/1') req.socket.end('bye.');
      else res.end('no.');
    },
    steps: [get('/1') + get('/2'), ...CLOSED],
  },
  'socket.write and response.write keep their order in one tick': {
    handler(req, res) {
      const { socket } = req;
      res.sendDate = false;
      res.setHeader('Content-Length', 6);
      socket.write('HTTP/1.1 102 a\r\n\r\n');
      res.write('one');
      socket.write('RAW');
      res.end('two');
      socket.write('after.');
    },
    steps: [get('/1'), { until: 'after.' }],
  },
  'socket.write on a corked socket stays ahead of what the response writes': {
    handler(req, res) {
      const { socket } = req;
      res.sendDate = false;
      socket.cork();
      socket.write('HTTP/1.1 102 a\r\n\r\n');
      res.end('one');
      socket.uncork();
      socket.write('after.');
    },
    steps: [get('/1'), { until: 'after.' }],
  },
  'a large socket.write stays ahead of what the response writes': {
    handler(req, res) {
      const { socket } = req;
      res.sendDate = false;
      socket.write(Buffer.alloc(300000, 'x'));
      socket.write('y');
      res.write('chunk');
      socket.write('z');
      res.end('last.');
    },
    steps: [get('/1'), { until: 'last.' }, { until: '0\r\n\r\n' }],
  },
  "what an upgraded socket's program has ended says nothing more": {
    setup: (server, log) =>
      server.on('upgrade', (req, socket) => {
        socket.on('error', (error) => log('error', error.code));
        socket.on('close', (hadError) => log('socket closed', hadError));
        socket.end(`${SWITCH}raw.`);
        socket.write('no', (error) => log('write', error.code));
      }),
    steps: [UPGRADE, ...CLOSED],
  },
  'what an upgraded socket is told after destroy() is not sent': {
    setup: (server, log) =>
      server.on('upgrade', (req, socket) => {
        socket.on('error', (error) => log('error', error.code));
        socket.on('close', (hadError) => log('socket closed', hadError));
        socket.write(`${SWITCH}raw.`, () => {
          socket.destroy();
          socket.write('no', (error) => log('write', error.code));
        });
      }),
    steps: [UPGRADE, { until: 'raw.' }, ...CLOSED],
  },
  'what the socket of a CONNECT says after its end is not sent': {
    setup: (server, log) =>
      server.on('connect', (req, socket) => {
        socket.on('error', (error) => log('error', error.code));
        socket.on('close', (hadError) => log('socket closed', hadError));
        socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
        socket.write('no', (error) => log('write', error.code));
      }),
    steps: [CONNECT, ...CLOSED],
  },
  "a reset after socket.end() is no second 'clientError'": {
    setup: deaf,
    handler(req) {
      req.socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    },
    steps: [get('/1'), { until: '403' }, ...CLOSED],
  },
  'shouldUpgradeCallback destroys the socket and declines': {
    setup(server, log) {
      watchClose(server, log);
      server.shouldUpgradeCallback = (req) => {
        req.socket.destroy();
        return false;
      };
    },
    handler: note,
    steps: [UPGRADE + get('/2'), ...CLOSED],
  },
  'shouldUpgradeCallback destroys the socket and accepts': {
    setup(server, log) {
      watchClose(server, log);
      server.shouldUpgradeCallback = (req) => {
        req.socket.destroy();
        return true;
      };
      server.on('upgrade', (req, socket) => log('upgrade', socket.destroyed));
    },
    handler: note,
    steps: [UPGRADE, ...CLOSED],
  },
  "'checkContinue' destroys the socket among pipelined requests": {
    setup(server, log) {
      watchClose(server, log);
      server.on('checkContinue', (req, res) => {
        note(req, res, log);
        req.socket.destroy();
      });
    },
    handler: note,
    steps: [get('/1') + get('/2', 'Expect: 100-continue\r\n') + get('/3'), ...CLOSED, { log: '/3 close' }],
  },
  "'clientError' destroys the socket after pipelined requests": {
    setup(server, log) {
      watchClose(server, log);
      server.on('clientError', (error, socket) => {
        log(error.code);
        socket.destroy();
      });
    },
    handler: note,
    steps: [`${get('/1')}${get('/2')}GARBAGE\r\n\r\n`, ...CLOSED, { log: '/2 close' }],
  },
  'socket.parser may be looked at, called and written to': {
    setup: watchClose,
    handler(req, res, log) {
      const { socket } = req;
      const { parser } = socket;
      log(parser.constructor.name, parser.incoming === req, parser.socket === socket, parser.outgoing, parser._consumed, typeof parser.onIncoming);
      parser.maxHeaderPairs = 10;
      parser.mine = 1;
      parser.unconsume();
      log(parser === socket.parser, Buffer.isBuffer(parser.getCurrentBuffer()));
      res.on('close', () => setImmediate(() => log(req.url, parser.incoming, socket.parser === parser)));
      socket.on('close', () => log('parser after the close', socket.parser));
      res.end(`${req.url}.`);
    },
    steps: [get('/1'), { log: '/1' }, 'end', ...CLOSED],
  },
  'what is fed to socket.parser is parsed': {
    handler(req, res) {
      res.end(`${req.url}.`);
      if (req.url === '/1') setImmediate(() => req.socket.parser.execute(Buffer.from(get('/2'))));
    },
    steps: [get('/1'), { until: '/2.' }],
  },
  'socket.parser = null in the HTTP phase': {
    setup: watchClose,
    handler(req, res, log) {
      log('request', req.url);
      req.socket.parser = null;
      req.socket.on('end', () => log('end'));
      res.end(`${req.url}.`);
    },
    steps: [get('/1'), { until: '/1.' }, get('/2'), { until: '/2.' }, 'end', ...CLOSED],
  },
});
