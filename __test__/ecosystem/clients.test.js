'use strict';

const { spawnSync } = require('node:child_process');
const { runsOnTurnout } = require('../support/ecosystem');

describe('clients', () => {
  runsOnTurnout(
    'undici: pipelining, upgrade, CONNECT, trailers, streams and keep-alive',
    async (kit, require) => {
      const { Client, request } = require('undici');
      const http = require('http');
      const server = http.createServer((req, res) => {
        if (req.url === '/trailers') {
          res.writeHead(200, { Trailer: 'X-Sum' });
          res.write('body');
          res.addTrailers({ 'X-Sum': '4' });
          return res.end();
        }
        if (req.method === 'POST') return req.pipe(res);
        return res.end(req.url);
      });
      const connections = new Set();
      server.on('connection', (socket) => connections.add(socket));
      server.on('upgrade', (req, socket) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n');
        socket.pipe(socket);
      });
      server.on('connect', (req, socket) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${req.url}`));
      const origin = `http://127.0.0.1:${await kit.listen(server)}`;

      const client = new Client(origin, { pipelining: 10 });
      const paths = Array.from({ length: 30 }, (_, i) => `/${i}`);
      const bodies = await Promise.all(paths.map(async (path) => (await client.request({ path, method: 'GET' })).body.text()));
      const echoed = await client.request({ path: '/', method: 'POST', body: Buffer.alloc(1_000_000, 1) });
      const length = (await echoed.body.arrayBuffer()).byteLength;
      const trailing = await client.request({ path: '/trailers', method: 'GET' });
      await trailing.body.text();
      const used = connections.size;
      const { socket } = await client.upgrade({ path: '/', protocol: 'echo' });
      const heard = kit.once(socket, 'data');
      socket.write('hello');
      const upgraded = String((await heard)[0]);
      socket.destroy();
      const tunnel = await client.connect({ path: 'example.org:443' });
      let through = '';
      for await (const data of tunnel.socket) through += data;
      await client.close();
      const result = { inOrder: bodies.join() === paths.join(), length, trailers: trailing.trailers, used, upgraded, through };
      const last = await request(origin, { reset: true });
      return { ...result, last: await last.body.text() };
    },
    { inOrder: true, length: 1_000_000, trailers: { 'x-sum': '4' }, used: 1, upgraded: 'hello', through: 'example.org:443', last: '/' },
  );

  runsOnTurnout(
    'fetch: streams, abort and form data',
    async (kit, require) => {
      const aborted = [];
      const server = require('http').createServer(async (req, res) => {
        if (req.url === '/wait') {
          res.on('close', () => aborted.push(res.writableFinished));
          return res.write('first');
        }
        let size = 0;
        for await (const data of req) size += data.length;
        return res.end(JSON.stringify({ size, type: req.headers['content-type'].split(';')[0] }));
      });
      const port = await kit.listen(server);
      const form = new FormData();
      form.set('file', new Blob([Buffer.alloc(100_000)]), 'a');
      const posted = JSON.parse((await kit.fetch(port, '/', { method: 'POST', body: form })).body);
      const stop = new AbortController();
      const response = await fetch(`http://127.0.0.1:${port}/wait`, { signal: stop.signal });
      const reader = response.body.getReader();
      const first = new TextDecoder().decode((await reader.read()).value);
      stop.abort();
      const name = await reader.read().catch((error) => error.name);
      while (aborted.length === 0) await new Promise(setImmediate);
      return { enough: posted.size > 100_000, type: posted.type, first, name, aborted };
    },
    { enough: true, type: 'multipart/form-data', first: 'first', name: 'AbortError', aborted: [false] },
  );

  const curl = spawnSync('curl', ['--version']).status === 0;
  (curl ? runsOnTurnout : it.skip)(
    curl ? 'curl' : 'curl (not installed here)',
    async (kit, require) => {
      const { execFile } = require('node:child_process');
      const { promisify } = require('node:util');
      const server = require('http').createServer((req, res) => {
        let size = 0;
        req.on('data', (data) => (size += data.length)).on('end', () => res.end(`${req.method} ${size} ${req.headers.expect ?? ''}`));
      });
      const url = `http://127.0.0.1:${await kit.listen(server)}/`;
      const curl = async (...args) => (await promisify(execFile)('curl', ['-s', ...args])).stdout;
      const body = 'x'.repeat(100_000);
      return {
        posted: await curl('-H', 'Expect: 100-continue', '-d', body, url),
        head: (await curl('-I', url)).split('\r\n')[0],
        many: await curl(url, url, url),
      };
    },
    { posted: 'POST 100000 100-continue', head: 'HTTP/1.1 200 OK', many: 'GET 0 GET 0 GET 0 ' },
  );
});
