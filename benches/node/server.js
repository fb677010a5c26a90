'use strict';

/** A server of the benches: `server.js IMPLEMENTATION SCENARIO`; prints its port. */

const [, , implementation, scenario] = process.argv;
const http = implementation.startsWith('turnout') ? require('../..') : require('node:http');

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
  return http
    .createServer()
    .on('upgrade', (req, socket, head) => sockets.handleUpgrade(req, socket, head, (webSocket) => sockets.emit('connection', webSocket, req)));
}

const SERVERS = {
  get: () =>
    http.createServer((req, res) => {
      res.setHeader('Content-Type', 'text/plain');
      res.end('okay');
    }),
  large: () =>
    http.createServer((req, res) => {
      res.setHeader('Content-Length', LARGE.length);
      res.end(LARGE);
    }),
  post: () =>
    http.createServer((req, res) => {
      let bytes = 0;
      req.on('data', (chunk) => (bytes += chunk.length));
      req.on('end', () => res.end(String(bytes)));
    }),
  echo: () =>
    http.createServer((req, res) => {
      res.setHeader('Content-Length', req.headers['content-length']);
      req.pipe(res);
    }),
  express() {
    const application = require('express')();
    application.get('/', (req, res) => res.send('okay'));
    return http.createServer(application);
  },
  upgrade: () =>
    http.createServer().on('upgrade', (req, socket) => {
      socket.on('error', () => {});
      socket.write(SWITCH);
      socket.resume();
      socket.on('end', () => socket.end());
    }),
  raw: () =>
    http.createServer().on('upgrade', (req, socket) => {
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
