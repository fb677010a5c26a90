'use strict';

/**
 * Upgrades to protocols of one's own, seen as bytes: a list of protocols in order of preference, and the TLS/1.0 exchange of RFC 2817.
 * (A document spells its method "GMT", which no server accepts; RFC 2817 has OPTIONS * or GET.)
 */

const net = require('node:net');
const http = require('..');

const server = http.createServer((req, res) => {
  res.writeHead(426, { Upgrade: 'TLS/1.0, HTTP/1.1', Connection: 'Upgrade' });
  res.end();
});

server.on('upgrade', (req, socket) => {
  const [preferred] = req.headers.upgrade.split(/ *, */);
  const answer = preferred === 'TLS/1.0' ? 'TLS/1.0, HTTP/1.1' : preferred;
  socket.end(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${answer}\r\nConnection: Upgrade\r\n\r\n`);
});

const requests = [
  'GET /index.html HTTP/1.1\r\nHost: www.example.com\r\nConnection: upgrade\r\nUpgrade: example/1, foo/2\r\n\r\n',
  'GET /index.htm HTTP/1.1\r\nHost: www.example.com\r\nUpgrade: TLS/1.0\r\nConnection: Upgrade\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: www.example.com\r\nUpgrade: TLS/1.0\r\nConnection: Upgrade\r\n\r\n',
  'GET /must-be-tls HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n',
];

function exchange([request, ...rest]) {
  if (request === undefined) {
    server.close();
    return;
  }
  console.log(`> ${request.trim().replaceAll('\r\n', '\n> ')}`);
  const socket = net.connect(server.address().port, '127.0.0.1', () => socket.write(request));
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  socket.on('close', () => {
    console.log(`< ${answer.trim().replaceAll('\r\n', '\n< ')}\n`);
    exchange(rest);
  });
}

server.listen(Number(process.env.PORT ?? 1337), '127.0.0.1', () => exchange(requests));
