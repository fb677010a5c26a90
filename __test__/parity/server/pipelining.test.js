'use strict';

/** Responses that wait for their turn: what they show meanwhile, and what becomes of them however the connection ends. */

const { parity } = require('../../support/parity');
const { get, UPGRADE, SWITCH } = require('../../support/server-asks');

const state = (res) =>
  `finished=${res.writableFinished} ended=${res.writableEnded} destroyed=${res.destroyed} closed=${res.closed} errored=${res.errored?.message ?? res.errored}`;

/** Logs what comes of a request and its response. */
function follow(req, res, log) {
  const name = req.url;
  for (const event of ['prefinish', 'finish', 'drain']) res.on(event, () => log(name, event));
  res.on('close', () => log(name, 'close', state(res)));
  for (const event of ['aborted', 'close']) req.on(event, () => log(name, 'request', event));
  req.on('error', (error) => log(name, 'request', error.code));
}

/** An answer as it stands on the wire. */
const answered = (text) =>
  `HTTP/1.1 200 OK\r\nDate: *\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: ${text.length}\r\n\r\n${text}`;

/** What is told of the first response, and then of the others, where the second one's turn ends the connection. */
const ONE_IS_SENT = [
  '/1 prefinish',
  'one sent',
  '/1 finish',
  '/1 close finished=true ended=true destroyed=true closed=true errored=null',
  '/1 request close',
];
const REST_IS_ABORTED = [
  '/2 request aborted',
  '/3 request aborted',
  '/3 close finished=false ended=false destroyed=true closed=true errored=aborted',
  '/2 request ECONNRESET',
  '/2 request close',
  '/3 request ECONNRESET',
  '/3 request close',
];

/** Takes three requests, and then does `act` with their responses. The peer is told nothing before. */
function queue(act, observe = follow) {
  const waiting = [];
  return (req, res, log) => {
    waiting.push(res);
    observe(req, res, log);
    if (waiting.length === 3) setImmediate(() => act(waiting.splice(0), log, req.socket));
  };
}

const THREE = get('/1') + get('/2') + get('/3');
const FIRST_CLOSED = { log: '/1 close' };
/** Told when all three are over. */
const OVER = [FIRST_CLOSED, { log: '/2 close' }, { log: '/3 close' }];
/** Without an error: it was sent. node:http forgets the others. */
const told = (log, name) => (error) => {
  if (!error) log(name, 'sent');
};

parity(__filename, {
  'the socket of a response is null before its turn': {
    handler: queue(
      ([one, two, three], log) => {
        const sockets = () => [one, two, three].map((res) => Boolean(res.socket && res.connection)).join(' ');
        log(sockets());
        two.on('socket', (socket) => log('socket of two', socket === two.socket, sockets()));
        three.on('socket', (socket) => log('socket of three', socket === three.socket, sockets()));
        one.on('close', () => {
          log('one is over', sockets());
          two.end('two.');
        });
        two.on('close', () => {
          log('two is over', sockets());
          three.end('three.');
        });
        three.on('close', () => log('three is over', sockets()));
        one.end('one.');
      },
      () => {},
    ),
    steps: [THREE, { log: 'three is over' }, { until: 'three.' }],
  },
  'a response ended at once hands the socket to the next one only when it has finished': {
    handler(req, res, log) {
      log(req.url, Boolean(res.socket), req.socket._httpMessage === res);
      res.on('socket', () => log(req.url, 'socket'));
      res.on('prefinish', () => log(req.url, 'prefinish'));
      res.on('finish', () => log(req.url, 'finish', Boolean(res.socket)));
      res.on('close', () => log(req.url, 'close'));
      res.end(`${req.url}.`, () => log(req.url, 'end callback', Boolean(res.socket)));
    },
    steps: [THREE, { log: '/3 close' }, { until: '/3.' }],
  },
  'answers leave in order, whatever order they are given in': {
    handler: queue(([one, two, three], log) => {
      three.end('three.', told(log, 'three'));
      two.write('two');
      one.end('one.', told(log, 'one'));
      one.on('close', () => two.end('.', told(log, 'two')));
    }),
    steps: [THREE, { log: '/3 close' }, { until: 'three.' }],
  },
  'what a response writes before its turn waits in it': {
    handler: queue(
      ([one, two, three], log) => {
        const sizes = (res) => `${res.outputSize} ${res.writableLength} ${res.outputData.length} ${res.writableNeedDrain}`;
        two.setHeader('Content-Length', 10);
        two.sendDate = false;
        two.flushHeaders();
        log('head', sizes(two));
        log(two.write('12345', () => log('written')), sizes(two));
        log(two.write(Buffer.from('67890')), sizes(two));
        three.sendDate = false;
        log(three.write('abc'), sizes(three));
        log(three.write('x'.repeat(70000)), sizes(three));
        three.on('drain', () => {
          log('drain', three.outputSize, three.outputData.length);
          three.end('last.', () => log('three has left'));
        });
        two.on('finish', () => log('two', sizes(two)));
        two.end();
        log('ended', sizes(two));
        one.end('one.');
      },
      () => {},
    ),
    steps: [THREE, { until: 'last.' }, { log: 'three has left' }],
  },
  'interim responses of a request that waits stand in front of its answer': {
    setup: (server) =>
      server.on('checkContinue', (req, res) => {
        res.writeContinue();
        res.end('two.');
      }),
    handler(req, res) {
      if (req.url === '/1') setImmediate(() => setImmediate(() => res.end('one.')));
      else {
        res.writeProcessing();
        res.end('three.');
      }
    },
    steps: [get('/1') + get('/2', 'Expect: 100-continue\r\n') + get('/3'), { until: 'three.' }],
  },
  'the timeout of a response begins with its turn': {
    handler: queue(
      ([one, two], log) => {
        two.setTimeout(100000, () => log('timeout'));
        log(one.socket.timeout, two.listenerCount('socket'));
        const { socket } = one;
        two.on('socket', () => log('its turn', socket.timeout));
        one.end('one.');
      },
      () => {},
    ),
    steps: [THREE, { log: 'its turn' }],
  },
  "'timeout' is told to the response whose turn it is": {
    handler: queue(
      ([one, two, three], log, socket) => {
        for (const [i, res] of [one, two, three].entries()) res.on('timeout', () => log('timeout', i + 1));
        one.socket.emit('timeout');
        one.on('close', () => {
          socket.emit('timeout');
          two.end('two.');
          three.end('three.');
        });
        one.end('one.');
      },
      () => {},
    ),
    steps: [THREE, { until: 'three.' }],
  },
  'a corked response that waits leaves when it is uncorked in its turn': {
    handler: queue(([one, two, three], log) => {
      two.cork();
      two.write('a');
      two.write('b');
      log(two.writableCorked);
      two.on('socket', () => setImmediate(() => {
        log('uncork');
        two.uncork();
        two.end('two.');
        three.end('three.');
      }));
      one.end('one.');
    }, () => {}),
    steps: [THREE, { until: 'three.' }],
  },
  'destroying a response that waits leaves those ahead alone': {
    handler: queue(([one, two], log, socket) => {
      two.destroy();
      log('destroyed', two.destroyed, two.closed, socket.destroyed);
      setImmediate(() => {
        log(two.closed, socket.destroyed);
        one.end('one.', told(log, 'one'));
      });
    }),
    steps: [THREE, { until: 'one.' }, FIRST_CLOSED, 'closed', ...OVER, { log: '/3 request close' }],
    nodeSteps: [THREE, { until: 'one.' }, { log: '/1 request close' }],
    // node:http gives a response that is gone the turn, and the connection waits for it for ever.
    better: [
      `${answered('one.')}\n--\ndestroyed true false false`,
      '/2 close finished=false ended=false destroyed=true closed=true errored=undefined',
      'true false',
      ...ONE_IS_SENT,
      ...REST_IS_ABORTED,
    ].join('\n'),
  },
  'a response that waits and is destroyed with an error takes the connection down in its turn': {
    handler: queue(([one, two], log) => {
      two.on('error', (error) => log('error', error.message));
      two.destroy(new Error('mine'));
      setImmediate(() => one.end('one.', told(log, 'one')));
    }),
    setup: (server, log) => {
      server.on('connection', (socket) => socket.on('close', (hadError) => log('socket close', hadError)));
      server.on('clientError', (error, socket) => {
        log('clientError', error.message);
        socket.destroy();
      });
    },
    steps: [THREE, { until: 'one.' }, 'closed', { log: '/3 request close' }],
    nodeSteps: [THREE, { until: 'one.' }, { log: '/1 request close' }],
    better: [
      `${answered('one.')}\n--\n/2 close finished=false ended=false destroyed=true closed=true errored=mine`,
      ...ONE_IS_SENT.slice(0, 3),
      'clientError mine',
      ...ONE_IS_SENT.slice(3),
      ...REST_IS_ABORTED.slice(0, 2),
      'socket close true',
      ...REST_IS_ABORTED.slice(2),
    ].join('\n'),
  },
  'a response that is ended and then destroyed while it waits is sent in its turn': {
    handler: queue(([one, two, three], log) => {
      two.end('two.', told(log, 'two'));
      two.destroy();
      three.end('three.', told(log, 'three'));
      setImmediate(() => one.end('one.', told(log, 'one')));
    }),
    steps: [THREE, { until: 'three.' }, { log: '/3 close' }],
  },
  'a write to a response that was destroyed while it waited fails': {
    handler: queue(([one, two], log) => {
      two.destroy();
      log(two.write('x', (error) => log('write', error.code)));
      setImmediate(() => one.destroy());
    }, () => {}),
    steps: [THREE, { log: 'write' }, 'closed'],
  },
  'the peer ends: what waits is told that it was not sent': {
    handler: queue(([, two, three], log) => {
      two.end('two.', told(log, 'two'));
      three.write('thr', (error) => error || log('written'));
      log('queued');
    }),
    steps: [THREE, { log: 'queued' }, 'end', 'closed', ...OVER],
  },
  'the peer resets: what waits is told that it was not sent': {
    handler: queue(([, two], log) => {
      two.end('two.', told(log, 'two'));
      log('queued');
    }),
    steps: [THREE, { log: 'queued' }, 'reset', ...OVER],
  },
  'the handler ends the socket: what waits is told that it was not sent': {
    handler: queue(([one, two], log) => {
      two.end('two.', told(log, 'two'));
      one.socket.end();
    }),
    steps: [THREE, 'closed', ...OVER],
  },
  'the handler ends the socket and then answers: nothing is sent': {
    handler: queue(([one, two, three], log) => {
      one.socket.end('raw.');
      one.end('one.', told(log, 'one'));
      two.end('two.', told(log, 'two'));
      three.end('three.', told(log, 'three'));
    }),
    steps: [THREE, 'closed', ...OVER],
  },
  'the handler destroys the socket: what waits is told that it was not sent': {
    handler: queue(([one, two], log) => {
      two.end('two.', told(log, 'two'));
      one.socket.destroy();
    }),
    steps: [THREE, 'closed', ...OVER],
  },
  'the handler destroys the response whose turn it is': {
    handler: queue(([one, two], log) => {
      two.end('two.', told(log, 'two'));
      one.destroy();
    }),
    steps: [THREE, 'closed', ...OVER],
  },
  'the handler destroys a later request': {
    handler: queue(
      ([, two, three], log) => {
        two.end('two.', told(log, 'two'));
        three.req.destroy();
      },
      (req, res, log) => res.on('close', () => log(req.url, 'close', state(res))),
    ),
    steps: [THREE, 'closed', ...OVER],
  },
  'an answer that says close is the last one': {
    handler: queue(([one, two, three], log) => {
      two.end('two.', told(log, 'two'));
      one.setHeader('Connection', 'close');
      one.end('one.', told(log, 'one'));
      three.end('three.', told(log, 'three'));
    }),
    steps: [THREE, 'closed', ...OVER],
  },
  'an answer that says close, given at once': {
    handler(req, res, log) {
      follow(req, res, log);
      if (req.url === '/1') res.setHeader('Connection', 'close');
      res.end(`${req.url}.`, told(log, req.url));
    },
    steps: [THREE, 'closed', ...OVER],
  },
  'a request that says close after others is answered last': {
    handler(req, res, log) {
      setImmediate(() => res.end(`${req.url}.`, told(log, req.url)));
    },
    steps: [get('/1') + get('/2', 'Connection: close\r\n'), 'closed', { log: '/2 sent' }],
  },
  'closeAllConnections() with answers that wait': {
    setup: (server) => (server.closeThem = () => server.closeAllConnections()),
    handler: queue(([one, two], log) => {
      two.end('two.', told(log, 'two'));
      one.req.socket.server.closeThem();
    }),
    steps: [THREE, 'closed', ...OVER],
  },
  'close() of the server waits for answers that wait': {
    handler: queue(([one, two, three], log) => {
      one.req.socket.server.close(() => log('server closed'));
      two.end('two.', told(log, 'two'));
      three.end('three.', told(log, 'three'));
      one.end('one.', told(log, 'one'));
    }),
    steps: [THREE, { until: 'three.' }, { log: '/3 close' }, 'end', { log: 'server closed' }],
  },
  'maxRequestsPerSocket with answers that wait': {
    setup: (server, log) => {
      server.maxRequestsPerSocket = 2;
      server.on('dropRequest', (req) => log('dropped', req.url));
    },
    handler(req, res, log) {
      setImmediate(() => res.end(`${req.url}.`, told(log, req.url)));
    },
    steps: [THREE, { until: '503' }, { log: '/2 sent' }],
  },
  "'clientError' after answers that wait": {
    setup: (server, log) =>
      server.on('clientError', (error, socket) => {
        log('clientError', error.code, Boolean(socket._httpMessage));
        socket.destroy();
      }),
    handler(req, res, log) {
      follow(req, res, log);
      if (req.url === '/2') res.end('two.', told(log, 'two'));
    },
    steps: [`${get('/1')}${get('/2')}GARBAGE\r\n\r\n`, 'closed', FIRST_CLOSED, { log: '/2 close' }],
  },
  'garbage after answers that wait, and nobody listens': {
    handler(req, res, log) {
      follow(req, res, log);
      if (req.url === '/2') res.end('two.', told(log, 'two'));
    },
    steps: [`${get('/1')}${get('/2')}GARBAGE\r\n\r\n`, 'closed', FIRST_CLOSED, { log: '/2 close' }],
  },
  'an upgrade after answers that wait': {
    setup: (server, log) =>
      server.on('upgrade', (req, socket) => {
        log('upgrade');
        socket.write(`${SWITCH}raw.`);
      }),
    handler(req, res, log) {
      setImmediate(() => setImmediate(() => res.end(`${req.url}.`, told(log, req.url))));
    },
    steps: [get('/1') + get('/2') + UPGRADE, { until: 'raw.' }, { log: '/2 sent' }],
    // node:http sends nothing of what stood ahead.
    better: `${answered('/1.')}${answered('/2.')}${SWITCH}raw.\n--\nupgrade\n/1 sent\n/2 sent`,
    nodeSteps: [get('/1') + get('/2') + UPGRADE, { until: 'raw.' }],
  },
  'a handler that destroys the socket among pipelined requests': {
    handler(req, res, log) {
      follow(req, res, log);
      if (req.url === '/1') req.socket.destroy();
      else res.end(`${req.url}.`, told(log, req.url));
    },
    steps: [THREE, 'closed', FIRST_CLOSED],
  },
  'a body whose reader destroys the socket': {
    handler(req, res, log) {
      follow(req, res, log);
      req.on('data', () => req.socket.destroy());
    },
    steps: [`POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello${get('/2')}`, 'closed', FIRST_CLOSED],
  },
  'all bytes take the way of a socket.write that was replaced, each response in its turn': {
    setup(server, log) {
      server.on('connection', (socket) => {
        const { write } = socket;
        let written = '';
        socket.write = function (chunk, ...rest) {
          written += chunk;
          return write.call(this, chunk, ...rest);
        };
        socket.on('close', () => log('written', written.match(/\w+\.(?=HTTP|$)/g)));
      });
    },
    handler: queue(
      ([one, two, three]) => {
        three.end('three.');
        two.end('two.');
        one.end('one.');
      },
      () => {},
    ),
    steps: [THREE, { until: 'three.' }, 'end', 'closed', { log: 'written' }],
  },
  'a timeout that one request has set does not outlive it': {
    setup: (server) => server.setTimeout(200000),
    handler(req, res, log) {
      log(req.url, req.socket.timeout);
      if (req.url === '/1') res.setTimeout(100000);
      else if (req.url === '/2') req.socket.setTimeout(0);
      res.end(`${req.url}.`);
    },
    steps: [get('/1'), { until: '/1.' }, get('/2'), { until: '/2.' }, get('/3'), { until: '/3.' }],
  },
  'many answers given backwards': {
    handler: (() => {
      const waiting = [];
      return (req, res) => {
        waiting.push(() => res.end(`${req.url}.`));
        if (waiting.length === 40) for (const end of waiting.splice(0).reverse()) end();
      };
    })(),
    steps: [Array.from({ length: 40 }, (_, i) => get(`/${i}`)).join(''), { until: '/39.' }],
  },
});
