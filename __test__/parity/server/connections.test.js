'use strict';

const { parity } = require('../../support/parity');
const { UPGRADE, SWITCH, get } = require('../../support/server-asks');

const counts = (socket) => socket.eventNames().map((name) => `${String(name)}:${socket.listenerCount(name)}`).join(' ');
const answer = (req, res, log) => {
  log('request', req.url);
  res.end(`${req.url}.`);
};
/**
 * Tells at the close what a 'data' listener saw: node:http's parser is a 'data' listener itself and has told of a request before the
 * next listener hears of its bytes; turnout tells of it afterwards.
 */
function witness(socket, log) {
  let seen = '';
  const see = (chunk) => (seen += chunk);
  socket.on('data', see);
  socket.on('close', () => log('seen', JSON.stringify(seen)));
  return see;
}
const LEAVE = ['end', 'closed', { log: 'seen' }];
const onConnection = (act) => (server, log) => server.on('connection', (socket) => act(socket, log, server));

/** Node 26 takes a connection that has not been used for an idle one. */
function closing(method) {
  const setup = (later) =>
    onConnection((socket, log, server) => {
      socket.on('close', () => log('socket closed'));
      later(() => log(method, server[method]() === undefined));
    });
  const cases = {};
  for (const [name, later] of Object.entries({ "a listener of 'connection'": (act) => act(), 'a tick': process.nextTick, 'a round of its own': setImmediate })) {
    cases[`${method}() closes an unused connection, from ${name}`] = { setup: setup(later), steps: ['closed', { log: 'socket closed' }] };
  }
  cases[`${method}() closes an unused connection whose first request is on its way`] = {
    setup: setup((act) => act()),
    handler: answer,
    steps: [get('/1'), 'closed', { log: 'socket closed' }],
  };
  cases[`${method}() leaves a connection open whose first request is being answered`] = {
    setup: setup(() => {}),
    handler(req, res, log) {
      log(method, req.socket.server[method]() === undefined);
      setImmediate(answer, req, res, log);
    },
    steps: [get('/1'), { until: '/1.' }],
  };
  return cases;
}

parity(__filename, {
  'has the listeners of the HTTP phase on the socket, and few after the upgrade': {
    setup(server, log) {
      server.on('connection', (socket) => log(counts(socket), socket.readableFlowing, typeof socket.parser));
      server.on('upgrade', (req, socket) => {
        log(counts(socket), socket.readableFlowing, socket.parser);
        socket.end(SWITCH);
      });
    },
    handler: answer,
    steps: [get('/1'), { until: '/1.' }, UPGRADE, 'closed'],
  },
  'parses bytes that are pushed into a connection': {
    setup: onConnection((socket) => socket.push(get('/pushed'))),
    handler: answer,
    steps: [{ until: '/pushed.' }, get('/sent'), { until: '/sent.' }],
  },
  'parses bytes that are unshifted into a connection': {
    setup: onConnection((socket) => socket.unshift(get('/unshifted'))),
    handler: answer,
    steps: [{ until: '/unshifted.' }, get('/sent'), { until: '/sent.' }],
  },
  'completes what was pushed with what is sent': {
    setup: onConnection((socket) => socket.push('GET /half HTTP/1.1\r\nHo')),
    handler: answer,
    steps: ['st: a\r\n\r\n', { until: '/half.' }],
  },
  'parses pushed bytes larger than a write': {
    setup: onConnection((socket) => socket.push(`POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(100000)}`)),
    handler(req, res, log) {
      let length = 0;
      req.on('data', (chunk) => (length += chunk.length));
      req.on('end', () => {
        log(length);
        res.end('large.');
      });
    },
    steps: [{ until: 'large.' }],
  },
  "lets a 'data' listener see the bytes of the HTTP phase": {
    setup: onConnection(witness),
    handler: answer,
    steps: [get('/1'), { until: '/1.' }, get('/2'), { until: '/2.' }, ...LEAVE],
  },
  "shows a late 'data' listener what comes from then on": {
    handler(req, res, log) {
      if (req.url === '/1') witness(req.socket, log);
      answer(req, res, log);
    },
    steps: [get('/1'), { until: '/1.' }, get('/2'), { until: '/2.' }, ...LEAVE],
  },
  "shows once('data') the first bytes and parses them": {
    setup: onConnection((socket, log) => {
      socket.once('data', (chunk) => {
        const count = socket.listenerCount('data');
        socket.on('close', () => log('seen', chunk, count));
      });
    }),
    handler: answer,
    steps: [get('/1'), { until: '/1.' }, get('/2'), { until: '/2.' }, ...LEAVE],
  },
  'sends the bytes of responses through a socket.write that was replaced': {
    setup: onConnection((socket, log) => {
      let written = '';
      const { write } = socket;
      socket.write = function (chunk, ...rest) {
        written += chunk;
        return write.call(this, chunk, ...rest);
      };
      socket.on('close', () => log('written', JSON.stringify(written.replace(/Date: [^\r]*/g, 'Date: *')), socket.bytesWritten > 300));
    }),
    handler(req, res, log) {
      res.on('finish', () => log('finish', req.url));
      if (req.url === '/chunks') {
        res.setHeader('Trailer', 'X-T');
        res.write('one');
        res.write(Buffer.from('two'), () => log('callback'));
        setImmediate(() => {
          res.addTrailers({ 'X-T': 't' });
          res.end('three');
        });
      } else {
        res.shouldKeepAlive = req.url !== '/last';
        res.end(req.url);
      }
    },
    steps: [get('/1'), { until: '/1' }, get('/chunks'), { log: 'finish /chunks' }, get('/last'), 'closed', { log: 'written' }],
  },
  "lets a 'connection' listener answer and end before anything is parsed": {
    setup: onConnection((socket, log) => {
      socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n', () => log('ended'));
      socket.on('close', (hadError) => log('close', hadError));
    }),
    handler: answer,
    steps: [{ until: '503' }, 'closed', { log: 'close' }],
  },
  "lets a 'connection' listener destroy the socket": {
    setup: onConnection((socket, log) => {
      socket.on('close', (hadError) => log('close', hadError));
      socket.destroy();
    }),
    handler: answer,
    steps: ['closed', { log: 'close' }],
  },
  'goes on when a socket that was paused is resumed': {
    setup: onConnection((socket, log) => {
      // The server's own resume() has been called by then.
      setImmediate(() => {
        socket.pause();
        log('paused', socket.isPaused());
        setImmediate(() => socket.resume());
      });
    }),
    handler: answer,
    steps: [{ log: 'paused' }, get('/1'), { until: '/1.' }, get('/2'), { until: '/2.' }],
  },
  "tells a 'data' listener and the parser of a FIN": {
    setup(server, log) {
      server.on('connection', (socket) => {
        socket.on('data', (chunk) => log('data', chunk.length));
        let ended = false;
        socket.on('end', () => (ended = true));
        socket.on('close', () => log('ended', ended));
      });
      server.on('clientError', (error, socket) => {
        log(error.code);
        setImmediate(() => socket.destroy());
      });
    },
    steps: ['GET / HT', { log: 'data' }, 'end', 'closed', { log: 'ended' }],
  },
  'closes after a FIN that a reader in JavaScript has seen': {
    setup: onConnection((socket, log) => {
      witness(socket, log);
      socket.on('end', () => log('end'));
    }),
    handler: answer,
    steps: [get('/1'), { until: '/1.' }, ...LEAVE],
  },
  'upgrades a connection that is read in JavaScript': {
    setup(server, log) {
      server.on('connection', (socket) => {
        const see = witness(socket, log);
        server.forget = () => socket.removeListener('data', see);
      });
      server.on('upgrade', (req, socket, head) => {
        server.forget();
        log('upgrade', `head=${head}`, counts(socket));
        socket.write(SWITCH);
        socket.on('data', (chunk) => socket.write(`echo ${chunk}`));
        socket.on('error', () => {});
      });
    },
    steps: [`${UPGRADE}abc`, { until: '101' }, 'def', { until: 'echo def' }, 'reset', { log: 'seen' }],
  },
  'reads the body of a request in a connection that is read in JavaScript': {
    setup: onConnection(witness),
    handler(req, res, log) {
      req.on('data', (chunk) => log('body', chunk));
      req.on('end', () => res.end('done.'));
    },
    steps: ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe', { log: 'body he' }, 'llo', { until: 'done.' }, ...LEAVE],
  },
  ...closing('close'),
  ...closing('closeIdleConnections'),
  'serves HTTP again over an upgraded socket': {
    setup(server, log) {
      const Server = server.constructor;
      server.on('upgrade', (req, socket, head) => {
        socket.write(SWITCH);
        const inner = new Server((innerReq, res) => {
          log('inner', innerReq.url, innerReq.socket === socket);
          res.end('inner.');
        });
        log('upgrade', head.length);
        inner.emit('connection', socket);
      });
    },
    steps: [UPGRADE, { until: '101' }, get('/in'), { until: 'inner.' }],
  },
});
