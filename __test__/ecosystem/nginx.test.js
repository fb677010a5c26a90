'use strict';

/** Both ends ours, nginx in between as people run it: a reverse proxy that keeps connections to both sides and lets upgrades through. */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const net = require('node:net');
const zlib = require('node:zlib');
const { once } = require('node:events');
const { spawn, spawnSync } = require('node:child_process');
const turnout = require('../..');
const { request } = require('../support/request');
const { listening, closed } = require('../support/servers');

const missing = spawnSync('nginx', ['-v']).error !== undefined || process.platform === 'win32';
const FILE = 'The quick brown fox jumps over the lazy dog.\n'.repeat(50);

const config = (directory, port, backend) => `
daemon off;
worker_processes 1;
pid ${directory}/pid;
error_log ${directory}/error.log;
events { worker_connections 64; }
http {
  access_log off;
  default_type text/plain;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${directory}/${name};`).join('\n  ')}
  gzip on;
  gzip_min_length 100;
  gzip_types text/plain;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream turnout { server 127.0.0.1:${backend}; keepalive 4; }
  server {
    listen 127.0.0.1:${port};
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    proxy_http_version 1.1;
    proxy_request_buffering off;
    client_max_body_size 0;
    location / { proxy_pass http://turnout; }
    location /old/ { proxy_http_version 1.0; proxy_pass http://turnout; }
    location /files/ { root ${directory}; }
  }
}`;

function handle(req, res) {
  if (req.url === '/echo') {
    res.setHeader('X-Framing', req.headers['transfer-encoding'] ?? req.headers['content-length']);
    return req.pipe(res);
  }
  if (req.url === '/long') return res.setHeader('Content-Type', 'text/plain').end(FILE);
  if (req.url === '/cut') {
    res.write('part');
    return setImmediate(() => res.socket.destroy());
  }
  return res.end(`${req.method} ${req.url} HTTP/${req.httpVersion}`);
}

function acceptUpgrade(req, socket, head) {
  socket.on('error', () => {});
  if (req.headers.upgrade !== 'echo') return socket.end('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhello, ');
  socket.write(head);
  return socket.pipe(socket);
}

let server;
let nginx;
let directory;
let port;
let agent;
const backendConnections = new Set();

/** nginx takes the listening socket over from us, as it does from its own predecessor: no port has to be guessed. */
async function startNginx(backend) {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'turnout-nginx-'));
  // Started by root its workers are somebody else.
  fs.chmodSync(directory, 0o755);
  fs.mkdirSync(path.join(directory, 'files'));
  fs.writeFileSync(path.join(directory, 'files', 'fox.txt'), FILE);
  const listener = net.createServer();
  port = await listening(listener);
  const file = path.join(directory, 'nginx.conf');
  fs.writeFileSync(file, config(directory, port, backend));
  nginx = spawn('nginx', ['-p', directory, '-c', file], { stdio: ['ignore', 'ignore', 'ignore', listener._handle.fd], env: { ...process.env, NGINX: '3;' } });
  await once(nginx, 'spawn');
  listener.close();
}

const ask = (options, body) => request({ port, agent, ...options }, body);

/** @return {Promise<Array>} the response, the socket and the bytes after the 101 */
async function upgrade(protocol) {
  const req = turnout.get({ host: '127.0.0.1', port, agent, headers: { Connection: 'Upgrade', Upgrade: protocol } });
  return Promise.race([once(req, 'upgrade'), once(req, 'response')]);
}

const suite = missing ? describe.skip : describe;

suite(missing ? 'nginx is not installed (apt-get install nginx-light): nothing runs behind it' : 'behind nginx', () => {
  beforeAll(async () => {
    server = turnout.createServer(handle).on('upgrade', acceptUpgrade);
    server.on('connection', (socket) => backendConnections.add(socket));
    server.keepAliveTimeout = 0;
    await startNginx(await listening(server));
    agent = new turnout.Agent({ keepAlive: true, maxSockets: 1 });
  });

  afterAll(async () => {
    agent?.destroy();
    if (nginx !== undefined) {
      const ended = once(nginx, 'close');
      nginx.kill('SIGTERM');
      await ended;
      fs.rmSync(directory, { recursive: true });
    }
    for (const socket of backendConnections) socket.destroy();
    await closed(server);
  });

  it('gets an answer', async () => {
    const { res, body } = await ask({ path: '/a?b' });
    expect([res.statusCode, String(body), res.headers.server?.startsWith('nginx')]).toEqual([200, 'GET /a?b HTTP/1.1', true]);
  });

  it('keeps one connection on either side for a hundred requests', async () => {
    const before = backendConnections.size;
    for (let i = 0; i < 100; i++) {
      const { req, body } = await ask({ path: `/${i}` });
      if (i > 0) expect(req.reusedSocket).toBe(true);
      expect(String(body)).toBe(`GET /${i} HTTP/1.1`);
      await new Promise(setImmediate);
    }
    expect(backendConnections.size - before).toBeLessThanOrEqual(1);
  });

  it('HEAD has a length and no body', async () => {
    const { res, body } = await ask({ method: 'HEAD', path: '/files/fox.txt' });
    expect([res.statusCode, body.length, res.headers['content-length']]).toEqual([200, 0, String(FILE.length)]);
  });

  it('posts with a length and chunked, megabytes at a time', async () => {
    const sent = Buffer.alloc(3_000_000, 'turnout');
    const whole = await ask({ method: 'POST', path: '/echo', headers: { 'Content-Length': sent.length, 'Content-Type': 'x/y' } }, sent);
    expect([whole.res.headers['x-framing'], whole.body.equals(sent)]).toEqual([String(sent.length), true]);
    const req = turnout.request({ host: '127.0.0.1', port, agent, method: 'POST', path: '/echo', headers: { 'Content-Type': 'x/y' } });
    const answered = once(req, 'response');
    for (let at = 0; at < sent.length; at += 300_000) req.write(sent.subarray(at, at + 300_000));
    req.end();
    const [res] = await answered;
    const chunks = await res.toArray();
    expect([res.headers['x-framing'], res.headers['transfer-encoding'], Buffer.concat(chunks).equals(sent)]).toEqual(['chunked', 'chunked', true]);
  });

  it('takes what nginx has compressed', async () => {
    const { res, body } = await ask({ path: '/long', headers: { 'Accept-Encoding': 'gzip' } });
    expect([res.headers['content-encoding'], zlib.gunzipSync(body).toString()]).toEqual(['gzip', FILE]);
  });

  it('takes a range, several ranges, and what has not been modified', async () => {
    const one = await ask({ path: '/files/fox.txt', headers: { Range: 'bytes=4-8' } });
    expect([one.res.statusCode, one.res.headers['content-range'], String(one.body)]).toEqual([206, `bytes 4-8/${FILE.length}`, 'quick']);
    const two = await ask({ path: '/files/fox.txt', headers: { Range: 'bytes=4-8,10-14' } });
    expect([two.res.statusCode, /multipart\/byteranges/.test(two.res.headers['content-type'])]).toEqual([206, true]);
    expect(String(two.body)).toMatch(/quick[^]*brown/);
    const none = await ask({ path: '/files/fox.txt', headers: { 'If-None-Match': one.res.headers.etag } });
    expect([none.res.statusCode, none.body.length]).toEqual([304, 0]);
  });

  it('waits for 100 Continue', async () => {
    const req = turnout.request({ host: '127.0.0.1', port, agent, method: 'POST', path: '/echo', headers: { Expect: '100-continue', 'Content-Length': 4 } });
    const answered = once(req, 'response');
    req.flushHeaders();
    await once(req, 'continue');
    req.end('body');
    const [res] = await answered;
    expect(String(Buffer.concat(await res.toArray()))).toBe('body');
  });

  it('the server speaks HTTP/1.0 with nginx', async () => {
    const { body } = await ask({ path: '/old/x' });
    expect(String(body)).toBe('GET /old/x HTTP/1.0');
  });

  it('hears of a body that was cut', async () => {
    const error = await ask({ path: '/cut' }).then(
      () => null,
      (reason) => reason,
    );
    expect([error?.code, error?.message]).toEqual(['ECONNRESET', 'aborted']);
  });

  it('upgrades through it, and megabytes go both ways', async () => {
    const [res, socket, head] = await upgrade('echo');
    expect([res.statusCode, res.headers.upgrade]).toEqual([101, 'echo']);
    const sent = Buffer.alloc(2_000_000, 'x');
    const got = [head];
    let missingBytes = 7 + sent.length - head.length;
    socket.on('data', (chunk) => {
      got.push(chunk);
      missingBytes -= chunk.length;
      // nginx ends both directions with either.
      if (missingBytes === 0) socket.end();
    });
    socket.write(sent);
    await once(socket, 'close');
    const all = Buffer.concat(got);
    expect([all.length, all.latin1Slice(0, 8), all.subarray(7).equals(sent)]).toEqual([7 + sent.length, 'hello, x', true]);
  });

  it('hears of an upgrade that was declined, and goes on', async () => {
    const [res] = await upgrade('other');
    expect([res.statusCode, String(Buffer.concat(await res.toArray()))]).toEqual([426, 'no']);
    expect(String((await ask({ path: '/next' })).body)).toBe('GET /next HTTP/1.1');
  });
});
