'use strict';

/** How a connection of HTTP ends when its peer does: the FIN, a reset, input that is no HTTP; and streams that are ended before their turn. */

const { parity } = require('../../support/parity');
const { get, post, UPGRADE, SWITCH, CONNECT, watchClose, deaf, CLOSED, note, later } = require('../../support/server-asks');

/** Input that is refused, each after a good request. */
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
  unread[`${event}: a stream piped into itself and ended with bytes unread writes after its end`] = {
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
  'an upgraded stream with nothing to say is ended after a request that is never answered': {
    ...aheadOf((socket) => socket.end()),
    steps: [get('/1') + UPGRADE, { log: 'finish' }, 'end', ...CLOSED],
  },
  'destroySoon() of an upgraded stream after a request that is never answered': {
    ...aheadOf((socket, log) => {
      socket.write(`${SWITCH}raw.`, wrote(log, 'write'));
      socket.destroySoon();
    }),
    steps: [get('/1') + UPGRADE, { until: 'raw.' }, ...CLOSED],
  },
  'destroy() of an upgraded stream after a request that is never answered': {
    ...aheadOf((socket, log) => {
      socket.write(SWITCH, wrote(log, 'write'));
      socket.write('raw.');
      socket.destroy();
    }),
    steps: [get('/1') + UPGRADE, { until: 'raw.' }, ...CLOSED],
  },
  'resetAndDestroy() of an upgraded stream after a request that is never answered': {
    ...aheadOf((socket, log) => {
      socket.write(`${SWITCH}raw.`, wrote(log, 'write'));
      socket.resetAndDestroy();
    }),
    steps: [get('/1') + UPGRADE, { until: 'raw.' }, ...CLOSED],
  },
  'what is answered after the end of an upgraded stream that waits for it leaves ahead of that': {
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
});
