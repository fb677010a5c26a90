'use strict';

/**
 * A 101 whose Upgrade field is commented out, as one of the documents has it. Only 101 with both fields is an upgrade to a client: this
 * one gets an ordinary 'response' with status 101, and its 'upgrade' listener never runs.
 */

const http = require('..');

const server = http.createServer();

server.on('upgrade', (req, socket) => {
  socket.write(
    'HTTP/1.1 101 Web Socket Protocol Handshake\r\n' +
      // 'Upgrade: WebSocket\r\n' +
      'Connection: Upgrade\r\n\r\n',
  );
  socket.pipe(socket);
});

server.listen(Number(process.env.PORT ?? 1337), '127.0.0.1', () => {
  const req = http.request({
    port: server.address().port,
    hostname: '127.0.0.1',
    headers: { Connection: 'Upgrade', Upgrade: 'websocket' },
  });
  req.end();
  req.on('upgrade', () => console.log('client: upgrade'));
  req.on('response', (res) => {
    console.log(`client: a response with status ${res.statusCode}, upgrade: ${res.upgrade}`);
    req.destroy();
    server.close(() => console.log('server: closed'));
  });
});
