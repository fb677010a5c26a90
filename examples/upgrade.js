'use strict';

/** A server that switches protocols and a client that asks it to, in one program: the exchange of the 'upgrade' event's documentation. */

const http = require('..');

const server = http.createServer((req, res) => {
  res.writeHead(200, { 'Content-Type': 'text/plain' });
  res.end('okay');
});

server.on('upgrade', (req, socket, head) => {
  console.log(`server: ${req.method} ${req.url} wants ${req.headers.upgrade}; ${head.length} bytes came with it`);
  socket.write('HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n');
  socket.pipe(socket);
});

server.listen(Number(process.env.PORT ?? 1337), '127.0.0.1', () => {
  const req = http.request({
    port: server.address().port,
    host: '127.0.0.1',
    headers: { Connection: 'Upgrade', Upgrade: 'websocket' },
  });
  req.end();
  req.on('upgrade', (res, socket) => {
    console.log(`client: got upgraded! ${res.statusCode} ${res.statusMessage}`);
    socket.once('data', (chunk) => {
      console.log(`client: the echo is ${chunk}`);
      socket.end();
    });
    socket.on('close', () => server.close(() => console.log('server: closed')));
    socket.write('hello');
  });
});
