'use strict';

const { parity } = require('../../support/parity');

const fields = 'Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
const UP = `GET /u HTTP/1.1\r\n${fields}\r\n`;
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n';
const BODY = `POST /u HTTP/1.1\r\n${fields}Content-Length: 5\r\n\r\n`;

/** An 'upgrade' listener that echoes and logs. */
function echo(server, log) {
  server.on('upgrade', (req, socket, head) => {
    log('upgrade', req.method, req.url, `head=${head}`, Buffer.isBuffer(head));
    socket.write(SWITCH);
    if (head.length > 0) socket.write(head);
    socket.on('data', (chunk) => socket.write(chunk));
    socket.on('end', () => socket.end());
  });
}

const accepted = (head) => ({ setup: echo, handler: (req, res) => res.end('request.'), steps: [head, { until: '101' }] });
const declined = (head) => ({ setup: echo, handler: (req, res) => res.end('request.'), steps: [head, { until: 'request.' }] });

/** Listens for an upgrade with a body and logs both streams. */
function both(server, log) {
  server.on('upgrade', (req, stream, head) => {
    log(stream.constructor.name, req.complete, `head=${head}`);
    req.on('data', (chunk) => log('body', chunk));
    req.on('end', () => log('body end'));
    stream.on('data', (chunk) => log('stream', chunk));
    stream.write(SWITCH);
  });
}

parity(__filename, {
  'accepts the two fields': accepted(UP),
  'accepts keep-alive, Upgrade': accepted('GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: x\r\n\r\n'),
  'accepts two Connection lines in lower case': accepted('GET / HTTP/1.1\r\nHost: a\r\nconnection: keep-alive\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
  'accepts HTTP/1.0': accepted('GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
  'accepts without Host': accepted('GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
  'accepts and ignores Expect': accepted(`GET / HTTP/1.1\r\n${fields}Expect: 100-continue\r\n\r\n`),
  'accepts POST with Content-Length: 0': accepted(`POST / HTTP/1.1\r\n${fields}Content-Length: 0\r\n\r\n`),
  'accepts OPTIONS *': accepted('OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0\r\n\r\n'),
  'is no upgrade without Connection': declined('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n'),
  'is no upgrade without Upgrade': declined('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\r\n'),
  'is no upgrade with an empty Upgrade': declined('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade:\r\n\r\n'),
  'refuses Content-Length with Transfer-Encoding before any event': {
    setup: echo,
    steps: [`POST / HTTP/1.1\r\n${fields}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`, 'closed'],
  },
  'joins two Upgrade lines': {
    setup: (server, log) =>
      server.on('upgrade', (req, socket) => {
        log(req.headers.upgrade, req.upgrade);
        socket.end(SWITCH);
      }),
    steps: ['GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: example/1\r\nUpgrade: foo/2\r\n\r\n', 'closed'],
  },
  'hands over the socket idle, with what came behind the head': {
    setup(server, log) {
      server.on('upgrade', (req, socket, head) => {
        log(socket === req.socket, socket.readableFlowing, socket.isPaused(), socket.readyState, socket.allowHalfOpen, socket.timeout);
        log(socket.bytesRead, socket.bytesWritten, req.complete, req.readableEnded, socket.parser, `head=${head}`);
        log(socket.eventNames().map((name) => `${String(name)}:${socket.listenerCount(name)}`));
        socket.end(SWITCH);
      });
    },
    steps: [`${UP}abc`, 'closed'],
  },
  'gives an empty head when nothing came with it': { setup: echo, steps: [UP, { until: '101' }] },
  'takes a second request for bytes of the new protocol': { setup: echo, steps: [`${UP}GET /2 HTTP/1.1\r\n\r\n`, { until: 'GET /2' }] },
  'echoes and half-closes': { setup: echo, steps: [UP, { until: '101' }, 'hello', { until: 'hello' }, 'end', 'closed'] },
  'keeps what comes before anyone listens': {
    setup(server, log) {
      server.on('upgrade', (req, socket) => {
        socket.write(SWITCH);
        server.late = socket;
      });
      server.on('request', (req, res) => res.end());
      const check = () => {
        if (!server.late || server.late.readableLength < 3) return void setImmediate(check);
        log('buffered', server.late.readableLength);
        server.late.on('data', (chunk) => log('data', chunk));
        return undefined;
      };
      server.on('listening', check);
    },
    steps: [UP, { until: '101' }, 'abc', { log: 'data abc' }],
  },
  "asks shouldUpgradeCallback once, as the server's method": {
    options: {
      shouldUpgradeCallback(req) {
        req.asked = [arguments.length, req.upgrade, typeof this.listen, req.url];
        return req.url === '/yes';
      },
    },
    setup(server, log) {
      server.on('upgrade', (req, socket) => {
        log('upgrade', req.asked);
        socket.end(SWITCH);
      });
    },
    handler(req, res, log) {
      log('request', req.asked, req.upgrade);
      res.end('no.');
    },
    steps: [`GET /no HTTP/1.1\r\n${fields}\r\n`, { until: 'no.' }, `GET /yes HTTP/1.1\r\n${fields}\r\n`, 'closed'],
  },
  'takes a promise for yes': {
    options: { shouldUpgradeCallback: async () => false },
    setup: echo,
    steps: [UP, { until: '101' }],
  },
  'destroys an accepted upgrade that nobody listens for': { options: { shouldUpgradeCallback: () => true }, steps: [UP, 'closed'] },
  'is a request when nobody listens': {
    handler: (req, res, log) => {
      log(req.url, req.upgrade);
      res.end('ok.');
    },
    steps: [UP, { until: 'ok.' }, 'GET /2 HTTP/1.1\r\nHost: a\r\n\r\n', { log: '/2' }, { until: 'ok.' }],
  },
  'parses what stands behind a declined upgrade in the same packet': {
    handler: (req, res, log) => {
      log(req.url);
      res.end(`${req.url}.`);
    },
    steps: [`${UP}GET /2 HTTP/1.1\r\nHost: a\r\n\r\n`, { until: '/2.' }],
    nodeSteps: [UP, { until: '/u.' }],
    better: [
      'HTTP/1.1 200 OK\r\nDate: *\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 3\r\n\r\n/u.',
      'HTTP/1.1 200 OK\r\nDate: *\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 3\r\n\r\n/2.\n--\n/u\n/2',
    ].join(''),
  },
  'reports garbage behind a declined upgrade': {
    setup: (server, log) =>
      server.on('clientError', (error, socket) => {
        log(error.code);
        socket.destroy();
      }),
    handler: (req, res) => res.end('ok.'),
    steps: [`${UP}GARBAGE\r\n\r\n`, 'closed'],
    nodeSteps: [UP, { until: 'ok.' }],
    better: 'HTTP/1.1 200 OK\r\nDate: *\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 3\r\n\r\nok.\n--\nHPE_INVALID_METHOD',
  },
  'lets earlier responses leave before the 101': {
    setup(server, log) {
      server.on('upgrade', (req, socket) => {
        log('upgrade');
        socket.write(`${SWITCH}RAW`);
        setImmediate(() => server.earlier.end('R.'));
      });
    },
    handler(req, res, log) {
      req.socket.server.earlier = res;
      res.on('finish', () => log('finish'));
    },
    steps: [`GET /r HTTP/1.1\r\nHost: a\r\n\r\n${UP}`, { until: 'RAW' }, { until: 'R.' }, { log: 'finish' }],
    better: `HTTP/1.1 200 OK\r\nDate: *\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nR.${SWITCH}RAW\n--\nupgrade\nfinish`,
  },
  'gives a body that came whole to the request, the rest as head': {
    setup: both,
    steps: [`${BODY}helloraw1`, { until: '101' }, { log: 'body end' }, 'raw2', { log: 'stream raw2' }],
  },
  'streams a body first and the new protocol after it': {
    setup: both,
    steps: [`${BODY}he`, { until: '101' }, { log: 'body he' }, 'llo', { log: 'body end' }, 'raw1', { log: 'stream raw1' }],
  },
  'streams a chunked body first': {
    setup: both,
    steps: [
      `POST /u HTTP/1.1\r\n${fields}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`,
      { until: '101' },
      { log: 'body abc' },
      '0\r\n\r\n',
      { log: 'body end' },
      'raw1',
      { log: 'stream raw1' },
    ],
  },
  'is not blocked by a body nobody reads': {
    setup: (server, log) =>
      server.on('upgrade', (req, stream) => {
        stream.on('data', (chunk) => log('stream', chunk));
        stream.write(SWITCH);
      }),
    steps: [`${BODY}he`, { until: '101' }, 'lloraw1', { log: 'stream raw1' }],
  },
  'aborts the request when the peer goes in mid-body': {
    setup(server, log) {
      server.on('upgrade', (req, stream) => {
        req.on('aborted', () => log('aborted'));
        req.on('error', (error) => log('error', error.code));
        stream.on('end', () => log('stream end'));
        stream.on('close', () => log('stream close'));
        req.resume();
        stream.resume();
        stream.write(SWITCH);
      });
    },
    steps: [`${BODY}he`, { until: '101' }, 'end', { log: 'stream close' }],
    better: `${SWITCH}\n--\naborted\nstream end\nerror ECONNRESET\nstream close`,
  },
  'tells of a malformed chunk in the body of an upgrade': {
    setup(server, log) {
      server.on('clientError', (error, socket) => {
        log(error.code);
        socket.destroy();
      });
      server.on('upgrade', (req, stream) => {
        req.on('error', (error) => log('error', error.code));
        stream.on('close', () => log('stream close'));
        req.resume();
        stream.write(SWITCH);
      });
    },
    steps: [`POST /u HTTP/1.1\r\n${fields}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`, { until: '101' }, 'zz\r\n', { log: 'stream close' }, { log: 'error' }],
    nodeSteps: [`POST /u HTTP/1.1\r\n${fields}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`, { until: '101' }],
    better: `${SWITCH}\n--\nHPE_INVALID_CHUNK_SIZE\nerror ECONNRESET\nstream close`,
  },
  'writes no 408 into the new protocol': {
    options: { headersTimeout: 30, requestTimeout: 40, connectionsCheckingInterval: 10 },
    setup(server, log) {
      server.on('upgrade', (req, stream) => {
        req.on('error', (error) => log('error', error.code));
        stream.on('error', (error) => log('stream error', error.code));
        stream.on('close', () => log('stream close'));
        req.resume();
        stream.write(SWITCH);
      });
    },
    steps: [`${BODY}he`, 'closed', { log: 'stream close' }, { log: 'stream error' }],
    better: `${SWITCH}\n--\nerror ERR_HTTP_REQUEST_TIMEOUT\nstream error ERR_HTTP_REQUEST_TIMEOUT\nstream close`,
  },
  'has no deadline once upgraded': {
    options: { headersTimeout: 20, requestTimeout: 30, connectionsCheckingInterval: 10, keepAliveTimeout: 10, keepAliveTimeoutBuffer: 0 },
    setup(server, log) {
      server.on('upgrade', (req, socket) => {
        socket.write(SWITCH);
        socket.on('error', (error) => log(error.code));
        socket.setTimeout(120, () => {
          log('idle', socket.destroyed);
          socket.end('bye');
        });
      });
    },
    steps: [UP, { until: 'bye' }],
  },
  "emits 'connect' for CONNECT and asks nobody": {
    options: { shouldUpgradeCallback: () => false },
    setup: (server, log) =>
      server.on('connect', (req, socket, head) => {
        log(req.method, req.url, req.upgrade, `head=${head}`);
        socket.end('HTTP/1.1 200 OK\r\n\r\nx');
      }),
    steps: ['CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\nContent-Length: 5\r\n\r\nHH', 'closed'],
  },
  'closes a CONNECT that nobody listens for': { steps: ['CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n\r\n', 'closed'] },
  "prefers 'connect' when CONNECT carries Upgrade": {
    setup(server, log) {
      echo(server, log);
      server.on('connect', (req, socket) => {
        log('connect');
        socket.end('x');
      });
    },
    steps: [`CONNECT a:1 HTTP/1.1\r\n${fields}\r\n`, 'closed'],
  },
  'allows 101 from the request handler': {
    handler(req, res) {
      res.writeHead(101, { Connection: 'Upgrade', Upgrade: 'foo' });
      res.end();
    },
    steps: [UP, { until: '\r\n\r\n' }],
  },
  'shows what the peer does to an upgraded socket': {
    setup(server, log) {
      server.on('upgrade', (req, socket) => {
        socket.write(SWITCH);
        socket.on('error', (error) => log('error', error.code, error.syscall));
        socket.on('close', (hadError) => log('close', hadError));
        socket.resume();
      });
    },
    steps: [UP, { until: '101' }, 'reset', { log: 'close' }],
  },
});
