'use strict';

/** 与 upgrade.js 相同的一对程序,中文输出。 The same pair, speaking Chinese. */

const http = require('..');

const server = http.createServer((req, res) => {
  res.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' });
  res.end('响应内容');
});

server.on('upgrade', (req, socket) => {
  console.log('服务器收到升级请求');
  socket.write('HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n');
  socket.pipe(socket);
});

server.listen(Number(process.env.PORT ?? 1337), '127.0.0.1', () => {
  const { port } = server.address();
  http.get({ port, host: '127.0.0.1', agent: false }, (res) => {
    res.setEncoding('utf8').on('data', (text) => console.log(`普通请求: ${text}`));
    res.on('end', () => {
      const req = http.request({ port, host: '127.0.0.1', headers: { Connection: 'Upgrade', Upgrade: 'websocket' } });
      req.end();
      req.on('upgrade', (upgradeResponse, socket) => {
        console.log(`接收到响应: ${upgradeResponse.statusCode}`);
        socket.end();
        server.close(() => console.log('已关闭'));
      });
    });
  });
});
