'use strict';

/** A tunnel: CONNECT through a turnout server to a node:net server. */

const net = require('node:net');
const http = require('..');

const target = net.createServer((socket) => socket.end('hello from the other end'));
const proxy = http.createServer((req, res) => res.writeHead(405).end());

proxy.on('connect', (req, socket, head) => {
  const { port, hostname } = new URL(`http://${req.url}`);
  const upstream = net.connect(port, hostname, () => {
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    if (head.length > 0) upstream.write(head);
    upstream.pipe(socket).pipe(upstream);
  });
  upstream.on('error', () => socket.destroy());
  socket.on('error', () => upstream.destroy());
});

target.listen(0, '127.0.0.1', () => {
  proxy.listen(Number(process.env.PORT ?? 1337), '127.0.0.1', () => {
    const req = http.request({ port: proxy.address().port, host: '127.0.0.1', method: 'CONNECT', path: `127.0.0.1:${target.address().port}` });
    req.end();
    req.on('connect', (res, socket, head) => {
      console.log(`client: ${res.statusCode} ${res.statusMessage}`);
      socket.unshift(head);
      socket.setEncoding('utf8').on('data', (text) => console.log(`client: ${text}`));
      socket.on('end', () => {
        target.close();
        proxy.close();
      });
    });
  });
});
