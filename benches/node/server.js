'use strict';

/** A server of the benches: `server.js IMPLEMENTATION SCENARIO tcp|tls`; prints its port, or why there is no such server. */

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');

const [, , implementation, scenario, below] = process.argv;
/** Where turnout is. */
const TURNOUT = process.env.BENCH_TURNOUT ?? path.join(__dirname, '..', '..');

/** @return {{createServer: Function}} node:http or node:https, or what turnout has in its place */
function implementationOf() {
  const ours = implementation.startsWith('turnout');
  if (below !== 'tls') return ours ? require(TURNOUT) : require('node:http');
  if (!ours) return require('node:https');
  const https = path.join(TURNOUT, 'https.js');
  if (fs.existsSync(https)) return require(https);
  console.log('no turnout/https');
  process.exit();
}

const http = implementationOf();
const createServer = (listener) => http.createServer(below === 'tls' ? credentials() : {}, listener);

function credentials() {
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => fs.readFileSync(path.join(__dirname, '..', '..', '__test__', 'support', name)));
  return { key, cert };
}

function okay(req, res) {
  res.setHeader('Content-Type', 'text/plain');
  res.end('okay');
}

const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n';
const LARGE = Buffer.alloc(1 << 20, 'x');

/**
 * A server whose upgraded sockets go through npm's ws.
 * @param {(sockets: object, socket: object) => void} connected called for every WebSocket
 */
function webSockets(connected) {
  const { WebSocketServer } = require('ws');
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  sockets.on('connection', (socket) => {
    socket.on('error', () => {});
    connected(sockets, socket);
  });
  const upgrade = (req, socket, head) => sockets.handleUpgrade(req, socket, head, (webSocket) => sockets.emit('connection', webSocket, req));
  return createServer().on('upgrade', upgrade);
}

const SERVERS = {
  get: () => createServer(okay),
  // Somebody else's server accepts, as behind a PROXY protocol or a first-byte switch.
  emitted() {
    const server = createServer(okay);
    return net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => server.emit('connection', socket));
  },
  large: () =>
    createServer((req, res) => {
      res.setHeader('Content-Length', LARGE.length);
      res.end(LARGE);
    }),
  post: () =>
    createServer((req, res) => {
      let bytes = 0;
      req.on('data', (chunk) => (bytes += chunk.length));
      req.on('end', () => res.end(String(bytes)));
    }),
  echo: () =>
    createServer((req, res) => {
      res.setHeader('Content-Length', req.headers['content-length']);
      req.pipe(res);
    }),
  express() {
    const application = require('express')();
    application.get('/', (req, res) => res.send('okay'));
    return createServer(application);
  },
  upgrade: () =>
    createServer().on('upgrade', (req, socket) => {
      socket.on('error', () => {});
      socket.write(SWITCH);
      socket.resume();
      socket.on('end', () => socket.end());
    }),
  raw: () =>
    createServer().on('upgrade', (req, socket) => {
      socket.on('error', () => {});
      socket.write(SWITCH);
      socket.pipe(socket);
    }),
  ws: () => webSockets((sockets, socket) => socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }))),
  broadcast: () =>
    webSockets((sockets, socket) =>
      socket.on('message', (message, isBinary) => {
        for (const client of sockets.clients) client.send(message, { binary: isBinary });
      }),
    ),
};

const server = SERVERS[scenario]();
server.listen(0, '127.0.0.1', 2048, () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit());
