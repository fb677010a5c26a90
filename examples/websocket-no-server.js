'use strict';

/** WebSockets with the package ws on a server of its own: 'upgrade' → handleUpgrade → 'connection'. */

const { WebSocket, WebSocketServer } = require('ws');
const http = require('..');

const sockets = new WebSocketServer({ noServer: true, clientTracking: false });

sockets.on('connection', (socket, request) => {
  console.log(`server: connection to ${request.url}`);
  socket.on('message', (message) => {
    console.log(`server: received ${message}`);
    socket.send(`you said ${message}`);
  });
  socket.send('hello world');
});

const server = http.createServer((req, res) => {
  res.writeHead(501);
  res.end('Not Implemented');
});

server.on('upgrade', (req, socket, head) => {
  sockets.handleUpgrade(req, socket, head, (webSocket) => sockets.emit('connection', webSocket, req));
});

server.listen(Number(process.env.PORT ?? 8999), '127.0.0.1', () => {
  console.log('server: started');
  const client = new WebSocket(`ws://127.0.0.1:${server.address().port}/chat`);
  client.on('message', (message) => {
    console.log(`client: received ${message}`);
    if (String(message) === 'hello world') client.send('hi');
    else client.close(1000);
  });
  client.on('close', (code) => server.close(() => console.log(`client: closed with ${code}`)));
});
