'use strict';

const { runsOnTurnout } = require('../support/ecosystem');

describe('proxies, with the proxy and what is behind it on the same http', () => {
  async function proxied(kit, require, which) {
    const http = require('http');
    const { WebSocketServer, WebSocket } = require('ws');
    const behind = http.createServer((req, res) => {
      if (req.url === '/slow') return req.socket.destroy();
      let body = '';
      req.on('data', (data) => (body += data)).on('end', () => {
        res.writeHead(201, 'Made', { 'Set-Cookie': ['a=1', 'b=2'], 'X-Forwarded': String(req.headers['x-forwarded-for']), 'X-Url': req.url });
        res.write(req.method + ' ');
        res.end(String(body.length));
      });
    });
    new WebSocketServer({ server: behind }).on('connection', (socket, req) => {
      socket.on('message', (data, isBinary) => socket.send(isBinary ? data : `${req.url} ${data}`));
    });
    const target = `http://127.0.0.1:${await kit.listen(behind)}`;

    const failures = [];
    let front;
    if (which !== 'http-proxy-middleware') {
      const { default: library, createProxyServer = library.createProxyServer } = await import(which);
      const proxy = createProxyServer({ target, ws: true, xfwd: true });
      proxy.on('error', (error, req, res) => {
        failures.push(error.code);
        res.writeHead(502).end('bad gateway');
      });
      front = http.createServer((req, res) => proxy.web(req, res));
      front.on('upgrade', (req, socket, head) => proxy.ws(req, socket, head));
    } else {
      const { createProxyMiddleware } = require('http-proxy-middleware');
      const error = (reason, req, res) => {
        failures.push(reason.code);
        res.writeHead(502).end('bad gateway');
      };
      const middleware = createProxyMiddleware({ target, ws: true, xfwd: true, on: { error } });
      const app = require('express')();
      app.use(middleware);
      front = http.createServer(app);
      front.on('upgrade', middleware.upgrade);
    }
    const port = await kit.listen(front);
    const post = await kit.fetch(port, '/path?q=1', { method: 'POST', body: 'x'.repeat(300_000) });
    const bad = await kit.fetch(port, '/slow');
    return {
      post: [post.status, post.body, post.headers.getSetCookie(), post.headers.get('x-forwarded').replace('::ffff:', ''), post.headers.get('x-url')],
      get: (await kit.fetch(port, '/')).body,
      bad: [bad.status, bad.body, failures],
      chat: await kit.chat(new WebSocket(`ws://127.0.0.1:${port}/ws`), ['hello', Buffer.alloc(300_000)]),
    };
  }

  for (const name of ['http-proxy', 'http-proxy-3', 'httpxy', 'http-proxy-middleware']) {
    runsOnTurnout(
      name,
      proxied,
      {
        post: [201, 'POST 300000', ['a=1', 'b=2'], '127.0.0.1', '/path?q=1'],
        get: 'GET 0',
        bad: [502, 'bad gateway', ['ECONNRESET']],
        chat: ['/ws hello', 'binary 300000'],
      },
      name,
    );
  }

  runsOnTurnout(
    'proxy, which forwards absolute URLs and CONNECT',
    async (kit, require) => {
      const http = require('http');
      const net = require('node:net');
      const { createProxy } = await import('proxy');
      const behind = http.createServer((req, res) => res.end(`${req.method} ${req.url} ${req.headers.via ? 'via' : 'direct'}`));
      const target = await kit.listen(behind);
      const port = await kit.listen(createProxy(http.createServer()));
      const forwarded = await kit.raw(port, `GET http://127.0.0.1:${target}/a HTTP/1.1\r\nHost: 127.0.0.1:${target}\r\nConnection: close\r\n\r\n`);
      const socket = net.connect(port, '127.0.0.1');
      socket.write(`CONNECT 127.0.0.1:${target} HTTP/1.1\r\nHost: 127.0.0.1:${target}\r\n\r\n`);
      const [established] = await kit.once(socket, 'data');
      socket.write('GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      let through = '';
      for await (const data of socket) through += data;
      const last = (text) => text.split('\r\n').filter((line) => /^(GET|\w+ \/)/.test(line)).at(-1);
      return { forwarded: last(forwarded), established: String(established).split('\r\n')[0], through: last(through) };
    },
    { forwarded: 'GET /a via', established: 'HTTP/1.1 200 Connection established', through: 'GET /b direct' },
  );
});
