'use strict';

/** How a connection of HTTP ends, and what is still said then: the peer's FIN, input that is no HTTP, a socket that its program has ended. */

const { parity } = require('../../support/parity');

const get = (path, fields = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const post = (text, length = text.length, fields = '') => `POST /p HTTP/1.1\r\nHost: a\r\n${fields}Content-Length: ${length}\r\n\r\n${text}`;
const UPGRADE = 'GET /u HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
const CONNECT = 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n';

/** Tells when the connection has closed and everybody has heard. */
const watchClose = (server, log) => server.on('connection', (socket) => socket.on('close', (hadError) => setImmediate(log, 'socket closed', hadError)));
/** A 'clientError' listener that does nothing. */
const deaf = (server, log) => {
  watchClose(server, log);
  server.on('clientError', (error, socket) => log('clientError', error.code, socket.writable));
};
const CLOSED = ['closed', { log: 'socket closed' }];
const note = (req, res, log) => {
  log('request', req.url);
  res.on('finish', () => log(req.url, 'finish'));
  res.on('close', () => log(req.url, 'close', res.writableFinished));
  req.on('aborted', () => log(req.url, 'aborted'));
};
/** Answers one round of the loop later. */
const later = (req, res, log) => {
  note(req, res, log);
  setImmediate(() => res.end(`${req.url}.`));
};

/** Input that is refused, each behind a good request. */
const BAD = {
  'a transfer coding that is not chunked': 'POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n',
  'chunked and Content-Length': 'POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n',
  'a CR without LF': 'GET /b HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n',
  'no method': 'GARBAGE\r\n\r\n',
  'a bad chunk': 'POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
};
const refused = {};
for (const [name, text] of Object.entries(BAD)) {
  const handler = (req, res, log) => {
    note(req, res, log);
    if (req.url !== '/b') setImmediate(() => res.end(`${req.url}.`));
  };
  refused[`${name}: a 'clientError' listener leaves the socket open, the peer ends`] = {
    setup: deaf,
    handler,
    steps: [text, { log: 'clientError' }, 'end', ...CLOSED],
  };
  refused[`${name}, with the FIN`] = { setup: deaf, handler, steps: [text, 'end', ...CLOSED] };
  refused[`${name} behind a good request: a listener leaves the socket open, the peer ends`] = {
    setup: deaf,
    handler,
    steps: [get('/1') + text, { log: 'clientError' }, { until: '/1.' }, { log: '/1 finish' }, 'end', ...CLOSED],
  };
  refused[`${name} behind a request that is never answered: a listener leaves the socket open, the peer ends`] = {
    setup: deaf,
    handler: note,
    steps: [get('/1') + text, { log: 'clientError' }, 'end', ...CLOSED],
  };
  refused[`${name} behind a request that is never answered, and nobody listens`] = {
    setup: watchClose,
    handler: note,
    steps: [get('/1') + text, ...CLOSED],
  };
}

/** Bytes of the new protocol in the packet of the upgrade, more than one read brings: what is unread when the handler runs comes before its FIN has left. */
const unread = {};
for (const [event, text] of [['upgrade', UPGRADE], ['connect', CONNECT]]) {
  const followed = (act) => (server, log) =>
    server.on(event, (req, socket, head) => {
      socket.on('error', (error) => log('error', error.code));
      socket.on('finish', () => log('finish'));
      socket.on('end', () => log('end'));
      socket.on('close', (hadError) => setImmediate(log, 'socket closed', hadError));
      act(socket, log, head);
    });
  unread[`${event}: a stream piped into itself and ended with bytes unread writes behind its end`] = {
    setup: followed((socket) => {
      socket.pipe(socket);
      socket.end();
    }),
    steps: [text + 'z'.repeat(200000), ...CLOSED],
  };
  unread[`${event}: what is there to read is told before the end of the writing`] = {
    setup: followed((socket, log, head) => {
      let bytes = head.length;
      socket.on('data', (chunk) => {
        bytes += chunk.length;
        if (bytes === 90000) log('all');
      });
      socket.end('said.');
    }),
    steps: [text + 'z'.repeat(90000), { log: 'finish' }, 'end', ...CLOSED],
  };
}

/** Behind a request that is never answered, or late. */
const aheadOf = (act) => ({
  setup(server, log) {
    server.on('upgrade', (req, socket) => {
      socket.on('finish', () => log('finish'));
      socket.on('close', (hadError) => setImmediate(log, 'socket closed', hadError));
      act(socket, log, server.earlier);
    });
  },
  handler(req, res, log) {
    req.socket.server.earlier = res;
    res.on('close', () => log('close', res.writableFinished));
    req.on('aborted', () => log('aborted'));
  },
});
const wrote = (log, name) => (error) => log(name, error ? error.code : 'done');
const ahead = {
  'an upgraded stream that is ended says what it was told though the request ahead is never answered': {
    ...aheadOf((socket, log) => {
      socket.write(SWITCH, wrote(log, 'write'));
      socket.end('raw.', wrote(log, 'end'));
    }),
    steps: [get('/1') + UPGRADE, { until: 'raw.' }, 'end', ...CLOSED],
  },
  'an upgraded stream with nothing to say is ended behind a request that is never answered': {
    ...aheadOf((socket) => socket.end()),
    steps: [get('/1') + UPGRADE, { log: 'finish' }, 'end', ...CLOSED],
  },
  'destroySoon() of an upgraded stream behind a request that is never answered': {
    ...aheadOf((socket, log) => {
      socket.write(`${SWITCH}raw.`, wrote(log, 'write'));
      socket.destroySoon();
    }),
    steps: [get('/1') + UPGRADE, { until: 'raw.' }, ...CLOSED],
  },
  'destroy() of an upgraded stream behind a request that is never answered': {
    ...aheadOf((socket, log) => {
      socket.write(SWITCH, wrote(log, 'write'));
      socket.write('raw.');
      socket.destroy();
    }),
    steps: [get('/1') + UPGRADE, { until: 'raw.' }, ...CLOSED],
  },
  'resetAndDestroy() of an upgraded stream behind a request that is never answered': {
    ...aheadOf((socket, log) => {
      socket.write(`${SWITCH}raw.`, wrote(log, 'write'));
      socket.resetAndDestroy();
    }),
    steps: [get('/1') + UPGRADE, { until: 'raw.' }, ...CLOSED],
  },
  'what is answered behind the end of an upgraded stream that waits for it leaves ahead of that': {
    ...aheadOf((socket, log, earlier) => {
      socket.write(SWITCH);
      socket.end('raw.', wrote(log, 'end'));
      setImmediate(() => earlier.end('late.'));
    }),
    steps: [get('/1') + UPGRADE, 'end', ...CLOSED],
    // node:http sends nothing of the answer.
    better: `HTTP/1.1 200 OK\r\nDate: *\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 5\r\n\r\nlate.${SWITCH}raw.\n--\nclose true\nend done\nfinish\nsocket closed false`,
  },
  'the peer resets: an upgraded stream that waits for an answer is told that it was not sent': {
    ...aheadOf((socket, log) => {
      socket.on('error', (error) => log('error', error.code));
      socket.write(SWITCH, (error) => log('write', error ? 'failed' : 'done'));
      log('upgrade');
    }),
    steps: [get('/1') + UPGRADE, { log: 'upgrade' }, 'reset', ...CLOSED],
    // node:http has sent it, into the answer.
    nodeSteps: [get('/1') + UPGRADE, { log: 'write' }, 'reset', ...CLOSED],
    better: '\n--\nupgrade\nwrite failed\nerror ECONNRESET\nclose false\nsocket closed true',
  },
};

const onConnection = (act) => (server, log) => {
  watchClose(server, log);
  server.on('connection', (socket) => act(socket, server, log));
};
const answer = (req, res) => res.end(`${req.url}.`);
const idle = {
  'close() of the server with a connection that has said nothing': { setup: onConnection((socket, server) => setImmediate(() => server.close())), handler: answer, steps: CLOSED },
  "close() of the server in its 'connection' event": { setup: onConnection((socket, server) => server.close()), handler: answer, steps: CLOSED },
  'closeIdleConnections() with a connection that has said nothing': {
    setup: onConnection((socket, server) => setImmediate(() => server.closeIdleConnections())),
    handler: answer,
    steps: CLOSED,
  },
  'closeIdleConnections() with a connection that waits for another request': {
    setup: watchClose,
    handler(req, res) {
      res.on('close', () => setImmediate(() => req.socket.server.closeIdleConnections()));
      res.end('one.');
    },
    steps: [get('/1'), ...CLOSED],
  },
  'closeIdleConnections() with a request that has begun to come': {
    setup: watchClose,
    handler(req, res) {
      const { socket } = req;
      res.on('close', () => {
        if (req.url === '/1') setImmediate(() => setImmediate(() => socket.server.closeIdleConnections()));
      });
      res.end(`${req.url}.`);
    },
    steps: [`${get('/1')}GET /2 HTTP/1.1\r\nHo`, { until: '/1.' }, 'st: a\r\n\r\n', { until: '/2.' }],
  },
};

parity(__filename, {
  ...unread,
  ...idle,
  ...ahead,
  'request and FIN together: an answer of the same round of the loop is sent': { setup: watchClose, handler: later, steps: [get('/1'), 'end', ...CLOSED] },
  'request and FIN together: answered at once': {
    setup: watchClose,
    handler(req, res, log) {
      note(req, res, log);
      res.end('now.');
    },
    steps: [get('/1'), 'end', ...CLOSED],
  },
  'body and FIN together: an answer of the same round of the loop is sent': {
    setup: watchClose,
    handler(req, res, log) {
      note(req, res, log);
      req.on('data', (chunk) => log('data', chunk));
      req.on('end', () => setImmediate(() => res.end('got it.')));
    },
    steps: [post('hello'), 'end', ...CLOSED],
  },
  'pipelined requests and FIN together: all are answered': {
    setup: watchClose,
    handler: (req, res) => setImmediate(() => res.end(`${req.url}.`)),
    steps: [get('/1') + get('/2') + get('/3'), 'end', ...CLOSED],
  },
  'many pipelined requests and FIN together: all are answered': {
    setup: watchClose,
    handler: (req, res) => res.end(`${req.url}.`),
    steps: [Array.from({ length: 50 }, (_, i) => get(`/${i}`)).join(''), 'end', ...CLOSED],
  },
  'as many pipelined requests as are told at a time, and FIN': {
    setup: watchClose,
    handler: (req, res) => res.end(`${req.url}.`),
    steps: [Array.from({ length: 16 }, (_, i) => get(`/${i}`)).join(''), 'end', ...CLOSED],
  },
  'a good request, half a request and FIN together': {
    setup: deaf,
    handler: later,
    steps: [`${get('/1')}GET /2 HTTP/1.1\r\nHo`, 'end', { log: 'clientError' }, { until: '/1.' }],
  },
  'a good request, half a request and FIN together, and nobody listens': {
    setup: watchClose,
    handler: later,
    steps: [`${get('/1')}GET /2 HTTP/1.1\r\nHo`, 'end', ...CLOSED],
  },
  'half a request and FIN: a listener may answer later': {
    setup(server, log) {
      watchClose(server, log);
      server.on('clientError', (error, socket) => {
        log('clientError', error.code);
        setImmediate(() => setImmediate(() => socket.end('HTTP/1.1 400 Late\r\n\r\n')));
      });
    },
    steps: ['GET / HT', 'end', { until: 'Late' }, ...CLOSED],
  },
  'half a body and FIN together': {
    setup: watchClose,
    handler: (req, res, log) => {
      res.on('finish', () => log('finish'));
      setImmediate(() => res.end('early.'));
    },
    steps: [post('hel', 5), 'end', ...CLOSED],
  },
  'a request with Connection: close and FIN together': { setup: watchClose, handler: later, steps: [get('/1', 'Connection: close\r\n'), 'end', ...CLOSED] },
  'a request of HTTP/1.0 and FIN together': { setup: watchClose, handler: later, steps: ['GET /1 HTTP/1.0\r\n\r\n', 'end', ...CLOSED] },
  'an answer that is streamed over several rounds of the loop is cut by the FIN': {
    setup: watchClose,
    handler(req, res, log) {
      res.on('close', () => log('close', res.writableFinished));
      setImmediate(() => {
        res.write('one.');
        req.socket.on('end', () => log('write', res.write('two.'), res.end('three.') === res));
      });
    },
    steps: [get('/1'), { until: 'one.' }, 'end', ...CLOSED],
  },
  'Expect and FIN together': {
    setup: watchClose,
    handler: later,
    steps: [post('', 0, 'Expect: 100-continue\r\n'), 'end', ...CLOSED],
  },
  'httpAllowHalfOpen: a late answer is sent, and is the last one': {
    setup(server, log) {
      watchClose(server, log);
      server.httpAllowHalfOpen = true;
    },
    handler(req, res, log) {
      note(req, res, log);
      req.socket.on('end', () => setImmediate(() => res.end('late.')));
    },
    steps: [get('/1'), 'end', ...CLOSED],
  },
  'httpAllowHalfOpen: late answers to pipelined requests are sent': {
    setup(server, log) {
      watchClose(server, log);
      server.httpAllowHalfOpen = true;
    },
    handler(req, res) {
      if (req.url === '/2') res.end('two.');
      else req.socket.on('end', () => setImmediate(() => res.end('late.')));
    },
    steps: [get('/1') + get('/2'), 'end', { until: 'two.' }, ...CLOSED],
  },
  'httpAllowHalfOpen: answered at once': {
    setup(server, log) {
      watchClose(server, log);
      server.httpAllowHalfOpen = true;
    },
    handler: (req, res) => res.end('now.'),
    steps: [get('/1'), 'end', ...CLOSED],
  },
  'an upgrade and FIN together': {
    setup: (server, log) =>
      server.on('upgrade', (req, socket) => {
        socket.on('close', () => log('socket closed'));
        socket.on('end', () => log('end'));
        socket.resume();
        setImmediate(() => socket.end(`${SWITCH}raw.`));
      }),
    steps: [UPGRADE, 'end', ...CLOSED],
  },
  'CONNECT and FIN together': {
    setup: (server, log) =>
      server.on('connect', (req, socket) => {
        socket.on('close', () => log('socket closed'));
        socket.on('end', () => log('end'));
        socket.resume();
        setImmediate(() => socket.end('HTTP/1.1 200 OK\r\n\r\nraw.'));
      }),
    steps: [CONNECT, 'end', ...CLOSED],
  },
  ...refused,

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
  'requests behind one whose handler ended the socket are told and not answered': {
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
      socket.write('behind.');
    },
    steps: [get('/1'), { until: 'behind.' }],
  },
  'socket.write on a corked socket stays ahead of what the response writes': {
    handler(req, res) {
      const { socket } = req;
      res.sendDate = false;
      socket.cork();
      socket.write('HTTP/1.1 102 a\r\n\r\n');
      res.end('one');
      socket.uncork();
      socket.write('behind.');
    },
    steps: [get('/1'), { until: 'behind.' }],
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
  'what an upgraded socket is told behind destroy() is not sent': {
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
  'what the socket of a CONNECT says behind its end is not sent': {
    setup: (server, log) =>
      server.on('connect', (req, socket) => {
        socket.on('error', (error) => log('error', error.code));
        socket.on('close', (hadError) => log('socket closed', hadError));
        socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
        socket.write('no', (error) => log('write', error.code));
      }),
    steps: [CONNECT, ...CLOSED],
  },
  "a reset behind socket.end() is no second 'clientError'": {
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
  "'clientError' destroys the socket behind pipelined requests": {
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
      socket.on('close', () => log('parser behind the close', socket.parser));
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
