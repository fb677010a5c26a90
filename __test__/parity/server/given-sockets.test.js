'use strict';

/** Connections whose server's own listener of 'connection' is called late or never, or that are given to somebody else. */

const { parity } = require('../../support/parity');
const { UPGRADE, SWITCH, get } = require('../../support/server-asks');

const answer = (req, res, log) => {
  log('request', req.url);
  res.end(`${req.url}.`);
};
const two = [get('/1'), { until: '/1.' }, get('/2'), { until: '/2.' }];
const HEADER = 'PROXY TCP4 192.0.2.7 192.0.2.1 5555 80\r\n';
const counts = (socket) => socket.eventNames().map((name) => `${String(name)}:${socket.listenerCount(name)}`).sort().join(' ');

/** The server's own listener is taken off, and `act(socket, own, log, server)` may call `own()`. */
const without = (act) => (server, log) => {
  const [own] = server.listeners('connection');
  server.removeListener('connection', own);
  server.on('connection', (socket) => act(socket, () => own.call(server, socket), log, server));
};

/** Another server of the same kind, whose answers say so. */
function another(server, log) {
  const Server = server.constructor;
  const other = new Server((req, res) => {
    log('other', req.url, req.socket.server === other);
    res.end(`other${req.url}.`);
  });
  return other;
}
const twoOthers = [get('/1'), { until: 'other/1.' }, get('/2'), { until: 'other/2.' }];

/** Takes the first line off, whatever pieces it comes in. */
function readHeader(socket, then) {
  let text = '';
  const read = () => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) text += chunk.toString('latin1');
    const end = text.indexOf('\r\n');
    if (end < 0) return;
    socket.removeListener('readable', read);
    if (text.length > end + 2) socket.unshift(Buffer.from(text.slice(end + 2), 'latin1'));
    then(text.slice(0, end).split(' ')[2]);
  };
  socket.on('readable', read);
}
const behindHeader = without((socket, own) => {
  readHeader(socket, (address) => {
    socket.claimed = address;
    own();
  });
});
const tell = (req, res, log) => {
  log('request', req.method, req.url, req.socket.claimed);
  let body = '';
  req.on('data', (chunk) => (body += chunk));
  req.on('end', () => res.end(`${req.url} ${body}.`));
};

/** How a program looks at the first byte and then lets HTTP begin. */
const FIRST_BYTE = {
  "once('data') and a pause": (socket, own) =>
    socket.once('data', (chunk) => {
      socket.pause();
      socket.unshift(chunk);
      own();
      process.nextTick(() => socket.resume());
    }),
  "once('data')": (socket, own) =>
    socket.once('data', (chunk) => {
      socket.unshift(chunk);
      own();
    }),
  "once('data'), put back afterwards": (socket, own) =>
    socket.once('data', (chunk) => {
      own();
      socket.unshift(chunk);
    }),
  'read(1)': (socket, own) =>
    socket.once('readable', () => {
      socket.unshift(socket.read(1));
      own();
    }),
  'read(1), and HTTP in a round of its own': (socket, own) =>
    socket.once('readable', () => {
      socket.unshift(socket.read(1));
      setImmediate(own);
    }),
  "a 'readable' listener that reads nothing": (socket, own) => socket.once('readable', own),
  'a round of its own': (socket, own) => setImmediate(own),
  'a promise': (socket, own) => Promise.resolve().then(own),
};
const firstBytes = {};
for (const [how, act] of Object.entries(FIRST_BYTE)) {
  firstBytes[`begins HTTP after ${how}`] = { setup: without(act), handler: answer, steps: two };
  firstBytes[`begins HTTP after ${how}, with a pipeline in parts`] = {
    setup: without(act),
    handler: answer,
    steps: [`${get('/1')}GET /2 HT`, { until: '/1.' }, 'TP/1.1\r\nHost: a\r\n', `\r\n${get('/3')}`, { until: '/3.' }],
  };
}

parity(__filename, {
  // ---- the listener is taken off
  'leaves the bytes to who has taken the listener off': {
    setup: without((socket, own, log) => {
      log(socket.parser ?? 'no parser', socket.readableFlowing, socket.timeout ?? 'no timeout', Object.hasOwn(socket, 'setEncoding'), counts(socket));
      socket.setEncoding('latin1');
      socket.on('data', (text) => socket.end(`heard ${typeof text} ${text.length}`));
      socket.on('end', () => log('end'));
      socket.on('close', (hadError) => log('close', hadError));
    }),
    handler: answer,
    steps: [get('/1'), { until: 'heard string' }, 'end', 'closed', { log: 'close' }],
  },
  'leaves the bytes to removeAllListeners() and the one that comes after it': {
    setup(server, log) {
      server.removeAllListeners('connection');
      server.on('connection', (socket) => {
        socket.on('data', (chunk) => socket.write(`echo ${chunk.length}.`));
        socket.on('end', () => socket.end());
        socket.on('close', () => log('close'));
      });
    },
    handler: answer,
    steps: [get('/1'), { until: 'echo 28.' }, 'abc', { until: 'echo 3.' }, 'end', 'closed', { log: 'close' }],
  },
  "is a plain socket's own business: errors": {
    setup: without((socket, own, log, server) => {
      server.on('clientError', () => log('clientError'));
      socket.on('error', (error) => log(error.code));
      socket.on('close', (hadError) => log('close', hadError));
      socket.resume();
    }),
    steps: ['abc', 'reset', { log: 'close' }],
  },
  "is a plain socket's own business: a FIN": {
    setup: without((socket, own, log) => {
      socket.on('end', () => {
        log('end', socket.writable, socket.destroyed);
        setImmediate(() => socket.end('late'));
      });
      socket.on('close', () => log('close'));
      socket.resume();
    }),
    steps: ['abc', 'end', { until: 'late' }, 'closed', { log: 'close' }],
  },
  'leaves plain sockets open when the server closes, or closes all of HTTP': {
    setup: without((socket, own, log, server) => {
      socket.once('data', () => {
        server.closeAllConnections();
        server.closeIdleConnections();
        server.close(() => log('server closed'));
        log('destroyed', socket.destroyed, socket.server === server);
        setImmediate(() => socket.end('open'));
      });
      socket.on('close', () => log('socket gone'));
    }),
    steps: ['abc', { until: 'open' }, 'end', 'closed', { log: 'server closed' }, { log: 'socket gone' }],
  },

  // ---- and called later
  ...firstBytes,
  'reads a PROXY header of the same packet': { setup: behindHeader, handler: tell, steps: [`${HEADER}${get('/1')}`, { until: '/1 .' }, get('/2'), { until: '/2 .' }] },
  'reads a PROXY header that comes ahead': { setup: behindHeader, handler: tell, steps: [HEADER, ...[get('/1'), { until: '/1 .' }, get('/2'), { until: '/2 .' }]] },
  'reads a PROXY header in parts': { setup: behindHeader, handler: tell, steps: [{ bytes: `${HEADER}${get('/1')}` }, { until: '/1 .' }] },
  'reads a body that a PROXY header comes with': {
    setup: behindHeader,
    handler: tell,
    steps: [`${HEADER}POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc`, { log: 'request POST' }, `def${get('/2')}`, { until: '/2 .' }],
  },
  'reads a PROXY header, a request and a FIN of one packet': {
    setup: behindHeader,
    handler: tell,
    steps: [`${HEADER}GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`, 'end', { until: '/1 .' }, 'closed'],
  },
  'upgrades behind a PROXY header': {
    setup(server, log) {
      behindHeader(server, log);
      server.on('upgrade', (req, socket, head) => {
        log('upgrade', socket.claimed, `head=${head}`, counts(socket));
        socket.write(SWITCH);
        socket.on('data', (chunk) => socket.write(`echo ${chunk}.`));
      });
    },
    steps: [`${HEADER}${UPGRADE}abc`, { until: '101' }, 'def', { until: 'echo def.' }],
  },
  'upgrades behind a PROXY header with a body that comes later': {
    setup(server, log) {
      behindHeader(server, log);
      server.on('upgrade', (req, stream) => {
        stream.write(SWITCH);
        req.on('data', (chunk) => log('body', chunk));
        req.on('end', () => log('body over'));
        stream.on('data', (chunk) => stream.write(`echo ${chunk}.`));
      });
    },
    steps: [
      `${HEADER}POST /u HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\n`,
      { until: '101' },
      'abcdef',
      { until: 'echo def.' },
    ],
  },
  "tells 'clientError' of garbage behind a PROXY header": {
    setup(server, log) {
      behindHeader(server, log);
      server.on('clientError', (error, socket) => {
        log(error.code, socket.claimed);
        socket.destroy();
      });
    },
    steps: [`${HEADER}\x01\x02\r\n\r\n`, 'closed', { log: 'HPE_' }],
  },
  "tells 'clientError' of a FIN in the midst of a head behind a PROXY header": {
    setup(server, log) {
      behindHeader(server, log);
      server.on('clientError', (error, socket) => {
        log(error.code);
        socket.destroy();
      });
    },
    steps: [`${HEADER}GET / HT`, 'end', 'closed', { log: 'HPE_INVALID_EOF_STATE' }],
  },
  'counts bytes, and times from when HTTP begins': {
    options: {},
    setup(server, log) {
      server.timeout = 60_000;
      without((socket, own) => {
        log('before', socket.timeout);
        socket.once('data', (chunk) => {
          socket.unshift(chunk.subarray(2));
          own();
          log('after', socket.timeout, socket.bytesRead, typeof socket.parser, counts(socket));
        });
      })(server, log);
    },
    handler: answer,
    steps: [`xx${get('/1')}`, { until: '/1.' }],
  },
  'refuses another encoding from when HTTP begins': {
    setup: without((socket, own, log) => {
      setImmediate(() => {
        own();
        try {
          socket.setEncoding('utf8');
        } catch (error) {
          log(error.code);
        }
      });
    }),
    handler: answer,
    steps: [{ log: 'ERR_HTTP_SOCKET_ENCODING' }, ...two],
  },
  'sends what was written before HTTP began ahead of the answers': {
    setup: without((socket, own) => {
      socket.write('hello;');
      setImmediate(() => {
        socket.write('go on;');
        own();
      });
    }),
    handler: answer,
    steps: [{ until: 'go on;' }, ...two],
  },
  'begins HTTP on a connection that is closed idle afterwards': {
    setup: without((socket, own, log, server) => {
      socket.on('close', () => log('close'));
      setImmediate(() => {
        own();
        server.closeIdleConnections();
      });
    }),
    steps: ['closed', { log: 'close' }],
  },
  'begins nothing on a socket that has been destroyed': {
    setup: without((socket, own, log, server) => {
      socket.destroy();
      own();
      socket.on('close', () => {
        log('close');
        own();
        server.getConnections((error, n) => log('connections', n));
      });
    }),
    steps: ['closed', { log: 'connections 0' }],
  },
  "begins HTTP by emit('connection') once the listener is back": {
    setup(server) {
      const [own] = server.listeners('connection');
      server.removeAllListeners('connection');
      server.once('connection', (socket) => {
        setImmediate(() => {
          server.on('connection', own);
          server.emit('connection', socket);
        });
      });
    },
    handler: answer,
    steps: two,
  },
  'begins once, however often it is given': {
    setup(server) {
      const [own] = server.listeners('connection');
      server.on('connection', (socket) => {
        own.call(server, socket);
        setImmediate(() => own.call(server, socket));
      });
    },
    handler: answer,
    steps: two,
  },
  'speaks on when it is given again in a request': {
    handler(req, res, log) {
      req.socket.server.emit('connection', req.socket);
      answer(req, res, log);
    },
    steps: two,
  },
  "begins a connection paused by 'pauseOnConnect' when somebody reads": {
    options: { pauseOnConnect: true },
    setup(server, log) {
      server.pauseOnConnect = true;
      without((socket, own) => {
        log('paused', socket.isPaused(), socket.readableFlowing, socket.readableLength);
        setImmediate(() => {
          log(socket.readableLength, socket.bytesRead);
          own();
          socket.resume();
        });
      })(server, log);
    },
    handler: answer,
    steps: two,
  },
  "reads a plain connection paused by 'pauseOnConnect' when it is resumed": {
    options: { pauseOnConnect: true },
    setup(server, log) {
      server.pauseOnConnect = true;
      without((socket) => {
        socket.on('data', (chunk) => socket.end(`heard ${chunk.length}`));
        setImmediate(() => {
          log(socket.bytesRead);
          socket.resume();
        });
      })(server, log);
    },
    steps: ['abc', { until: 'heard 3' }],
  },

  // ---- listeners before the server's own
  "lets a listener before the server's own see a plain socket": {
    setup(server, log) {
      server.prependListener('connection', (socket) => log(socket.parser ?? 'no parser', socket.readableFlowing, counts(socket)));
      server.on('connection', (socket) => log(typeof socket.parser, socket.readableFlowing, counts(socket)));
    },
    handler: answer,
    steps: two,
  },
  "lets a 'data' listener from before the server's own hear nothing": {
    setup(server, log) {
      server.prependListener('connection', (socket) => socket.on('data', (chunk) => log('data', chunk.length)));
    },
    handler: answer,
    steps: two,
  },
  'parses what was put into the socket before HTTP began': {
    setup(server) {
      server.prependListener('connection', (socket) => socket.unshift(Buffer.from(get('/early'))));
    },
    handler: answer,
    steps: [{ until: '/early.' }, ...two],
  },

  // ---- another server
  'gives a connection to another server': {
    setup(server, log) {
      const other = another(server, log);
      without((socket) => {
        other.emit('connection', socket);
        log(socket.server === other, typeof socket.parser);
      })(server, log);
    },
    handler: answer,
    steps: twoOthers,
  },
  "gives a connection to another server ahead of the server's own listener": {
    setup(server, log) {
      const other = another(server, log);
      server.prependListener('connection', (socket) => other.emit('connection', socket));
    },
    handler: answer,
    steps: twoOthers,
  },
  'speaks on when the connection is given to another server as well': {
    setup(server, log) {
      const other = another(server, log);
      server.on('connection', (socket) => other.emit('connection', socket));
    },
    handler: answer,
    steps: two,
  },
  'speaks on when the connection is given to another server after an answer': {
    setup(server, log) {
      server.other = another(server, log);
    },
    handler(req, res, log) {
      answer(req, res, log);
      if (req.url === '/1') res.on('finish', () => req.socket.server.other?.emit('connection', req.socket));
    },
    steps: two,
  },
  'gives a connection to another server after the first byte': {
    setup(server, log) {
      const other = another(server, log);
      without((socket) =>
        socket.once('data', (chunk) => {
          socket.pause();
          socket.unshift(chunk);
          other.emit('connection', socket);
          process.nextTick(() => socket.resume());
        }),
      )(server, log);
    },
    handler: answer,
    steps: twoOthers,
  },
  'chooses between two servers, connection by connection': {
    setup(server, log) {
      const other = another(server, log);
      without((socket, own) =>
        socket.once('readable', () => {
          const first = socket.read(1);
          if (String(first) === '!') {
            other.emit('connection', socket);
          } else {
            socket.unshift(first);
            own();
          }
        }),
      )(server, log);
    },
    handler: answer,
    steps: [`!${get('/1')}`, { until: 'other/1.' }],
  },
  'counts a connection where it came in': {
    setup(server, log) {
      const other = another(server, log);
      without((socket) => {
        other.emit('connection', socket);
        socket.on('close', () => log('socket gone'));
        server.getConnections((error, mine) => other.getConnections((failure, its) => log('connections', mine, its)));
      })(server, log);
      other.on('request', (req, res) => {
        res.on('finish', () => {
          server.close(() => log('server closed'));
          server.closeAllConnections();
          setImmediate(() => log('destroyed', req.socket.destroyed));
        });
      });
    },
    steps: [get('/1'), { until: 'other/1.' }, { log: 'destroyed' }, 'end', 'closed', { log: 'server closed' }, { log: 'socket gone' }],
  },
  "gives a CONNECT's connection to another server, with what came in its packet": {
    setup(server, log) {
      const other = another(server, log);
      server.on('connect', (req, socket, head) => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.unshift(head);
        other.emit('connection', socket);
      });
    },
    steps: [`CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n${get('/1')}`, { until: 'other/1.' }, get('/2'), { until: 'other/2.' }],
  },
  "gives a CONNECT's connection to the same server": {
    setup(server) {
      server.on('connect', (req, socket, head) => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.unshift(head);
        server.emit('connection', socket);
      });
    },
    handler: answer,
    steps: [`CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n${get('/1')}`, { until: '/1.' }, get('/2'), { until: '/2.' }],
  },
});
