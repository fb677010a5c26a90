'use strict';

const fs = require('node:fs');
const net = require('node:net');
const nodeHttp = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const turnout = require('../..');
const { listening, closed, until } = require('../support/servers');

/** @return {Promise<object|string>} the address of a server that listens */
const opened = async (server, ...where) => {
  await listening(server, ...where);
  return server.address();
};
const get = (options) =>
  new Promise((resolve, reject) => {
    nodeHttp
      .get({ agent: false, ...options }, (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (chunk) => (text += chunk));
        res.on('end', () => resolve(text));
      })
      .on('error', reject);
  });
const plain = ({ code, errno, syscall, address, port, message }) => ({ code, errno, syscall, address, port, message });

/** The same error from both implementations: their fields, except for a port chosen by the system. */
async function errorOf(http, ...args) {
  const server = http.createServer();
  server.listen(...args);
  const [error] = await once(server, 'error');
  return plain(error);
}

describe('server.listen', () => {
  const socketPath = () => path.join(os.tmpdir(), `turnout-${process.pid}-${Math.random().toString(36).slice(2)}.sock`);
  let server;
  beforeEach(() => {
    server = turnout.createServer((req, res) => res.end(`${req.socket.remoteAddress}`));
  });
  afterEach(async () => {
    if (server.listening) await closed(server);
  });

  it('is a Server of both kinds', () => {
    for (const Class of [turnout.Server, nodeHttp.Server, net.Server]) expect(server instanceof Class).toBe(true);
    expect(turnout.Server() instanceof turnout.Server).toBe(true);
    expect(server.address()).toBe(null);
    expect(server.listening).toBe(false);
  });

  it('takes port 0 and listens on both families', async () => {
    const address = await opened(server, 0);
    expect(address).toEqual({ address: '::', family: 'IPv6', port: expect.any(Number) });
    expect(await get({ port: address.port, host: '127.0.0.1' })).toBe('::ffff:127.0.0.1');
    expect(await get({ port: address.port, host: '::1' })).toBe('::1');
  });

  it('takes (port, host, backlog) and options', async () => {
    expect(await opened(server, 0, '127.0.0.1', 10)).toMatchObject({ address: '127.0.0.1', family: 'IPv4' });
    await closed(server);
    expect(await opened(server, { port: 0, host: 'localhost', backlog: 5, exclusive: true })).toMatchObject({ port: expect.any(Number) });
  });

  it('keeps IPv4 out with ipv6Only', async () => {
    const { port } = await opened(server, { port: 0, host: '::', ipv6Only: true });
    await expect(get({ port, host: '127.0.0.1' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(await get({ port, host: '::1' })).toBe('::1');
  });

  it('shares a port with reusePort', async () => {
    const { port } = await opened(server, { port: 0, host: '127.0.0.1', reusePort: true });
    const second = turnout.createServer();
    expect(await opened(second, { port, host: '127.0.0.1', reusePort: true })).toMatchObject({ port });
    await closed(second);
  });

  it('takes the path of a Unix socket, and removes it on close', async () => {
    const file = socketPath();
    expect(await opened(server, { path: file, readableAll: true, writableAll: true })).toBe(file);
    expect(fs.statSync(file).mode & 0o666).toBe(0o666);
    expect(await get({ socketPath: file })).toBe('undefined');
    await closed(server);
    expect(fs.existsSync(file)).toBe(false);
  });

  // Node 20's own client cannot name an abstract socket.
  const abstract = process.platform === 'linux' && !process.versions.node.startsWith('20.');
  (abstract ? it : it.skip)('takes an abstract Unix socket', async () => {
    const name = `\0turnout-${process.pid}`;
    expect(await opened(server, name)).toBe(name);
    expect(await get({ socketPath: name })).toBe('undefined');
  });

  it('stops by a signal', async () => {
    const controller = new AbortController();
    await opened(server, { port: 0, signal: controller.signal });
    controller.abort();
    await once(server, 'close');
    expect(server.listening).toBe(false);
  });

  it('fails as node:http does when the address is in use', async () => {
    const { port } = await opened(server, 0, '127.0.0.1');
    const expected = await errorOf(nodeHttp, port, '127.0.0.1');
    expect(expected.code).toBe('EADDRINUSE');
    expect(await errorOf(turnout, port, '127.0.0.1')).toEqual(expected);
  });

  it('fails as node:http does when the address is not ours or the path no path', async () => {
    expect(await errorOf(turnout, 0, '192.0.2.1')).toEqual(await errorOf(nodeHttp, 0, '192.0.2.1'));
    const missing = path.join(os.tmpdir(), 'no-such-folder', 'x.sock');
    const expected = await errorOf(nodeHttp, missing);
    expect(['EACCES', 'ENOENT']).toContain(expected.code);
    expect(await errorOf(turnout, missing)).toMatchObject({ syscall: 'listen', address: missing, port: -1 });
  });

  it('throws for what is wrong at once', async () => {
    for (const args of [[-1], [70000], [{}], ['x', { a: 1 }]]) {
      let expected;
      try {
        nodeHttp.createServer().listen(...args).close();
      } catch (error) {
        expected = error.code;
      }
      if (expected) expect(() => server.listen(...args)).toThrow(expect.objectContaining({ code: expected }));
    }
    await opened(server, 0);
    expect(() => server.listen(0)).toThrow(expect.objectContaining({ code: 'ERR_SERVER_ALREADY_LISTEN' }));
  });

  it('throws for bad options', () => {
    for (const options of [{ requestTimeout: -1 }, { headersTimeout: 'x' }, { shouldUpgradeCallback: 1 }, { insecureHTTPParser: 1 }, { headersTimeout: 2, requestTimeout: 1 }, 1]) {
      expect(() => turnout.createServer(options)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_/) }));
    }
  });
});

describe('server life', () => {
  it("emits 'listening' and 'close', and listens again", async () => {
    const server = turnout.createServer((req, res) => res.end('ok'));
    for (let i = 0; i < 3; i++) {
      server.listen(0);
      await once(server, 'listening');
      expect(await get({ port: server.address().port })).toBe('ok');
      server.close();
      await once(server, 'close');
      expect(server.address()).toBe(null);
    }
  });

  it('says ERR_SERVER_NOT_RUNNING when closed twice', async () => {
    const server = turnout.createServer();
    await expect(closed(server)).resolves.toMatchObject({ code: 'ERR_SERVER_NOT_RUNNING' });
  });

  it('counts, closes idle and closes all connections', async () => {
    const server = turnout.createServer((req, res) => req.url === '/wait' || res.end('ok'));
    const { port } = await opened(server, 0, '127.0.0.1');
    const count = () => new Promise((resolve) => server.getConnections((error, n) => resolve(n)));
    const idle = net.connect(port, '127.0.0.1');
    idle.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(idle, 'data');
    const busy = net.connect(port, '127.0.0.1');
    busy.write('GET /wait HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(server, 'request');
    expect(await count()).toBe(2);
    server.closeIdleConnections();
    await once(idle.resume(), 'close');
    const done = closed(server);
    expect(server.listening).toBe(false);
    server.closeAllConnections();
    busy.on('error', () => {});
    await once(busy, 'close');
    await done;
    expect(await count()).toBe(0);
  });

  it('closes after a response that is still being flushed, and cuts nothing of it', async () => {
    const SIZE = 16 * 1024 ** 2;
    const ended = [];
    const server = turnout.createServer((req, res) => {
      // Somebody waits for 'finish': it comes once the bytes have left, and by then close() has been called.
      res.on('finish', () => ended.push('finish'));
      res.end(Buffer.alloc(SIZE));
    });
    server.keepAliveTimeout = 0;
    const { port } = await opened(server, 0, '127.0.0.1');
    const socket = net.connect(port, '127.0.0.1').pause();
    const asked = once(server, 'request');
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await asked;
    const over = closed(server).then(() => ended.push('close'));
    let length = 0;
    socket.on('data', (data) => (length += data.length)).resume();
    await Promise.all([once(socket, 'end'), over]);
    expect(length).toBeGreaterThan(SIZE);
    expect(ended).toEqual(['finish', 'close']);
  });

  it("drops connections past maxConnections with 'drop'", async () => {
    const server = turnout.createServer((req, res) => res.end('ok'));
    server.maxConnections = 1;
    const { port } = await opened(server, 0, '127.0.0.1');
    const first = net.connect(port, '127.0.0.1');
    first.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(first, 'data');
    const second = net.connect(port, '127.0.0.1');
    second.on('error', () => {});
    const [[data]] = await Promise.all([once(server, 'drop'), once(second, 'close')]);
    expect(data).toMatchObject({ localPort: port, remoteFamily: 'IPv4', remoteAddress: '127.0.0.1', remotePort: expect.any(Number) });
    first.destroy();
    await closed(server);
  });

  it('is disposable', async () => {
    const server = turnout.createServer();
    await opened(server, 0);
    await server[Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]();
    expect(server.listening).toBe(false);
  });

  it('returns itself from ref, unref, listen and close', async () => {
    const server = turnout.createServer();
    expect(server.listen(0)).toBe(server);
    await once(server, 'listening');
    expect(server.unref()).toBe(server);
    expect(server.ref()).toBe(server);
    expect(server.close()).toBe(server);
  });

  it('serves any Duplex given to emit(connection)', async () => {
    const server = turnout.createServer((req, res) => res.end('by hand'));
    const front = net.createServer((socket) => server.emit('connection', socket)).listen(0, '127.0.0.1');
    await once(front, 'listening');
    expect(await get({ port: front.address().port, host: '127.0.0.1' })).toBe('by hand');
    await closed(front);
  });

  it('leaves no connection behind in the engine', async () => {
    const { openPort } = require('../../lib/seam/binding');
    const server = turnout.createServer((req, res) => res.end('ok'));
    server.on('upgrade', (req, socket) => socket.end('HTTP/1.1 101 S\r\n\r\n'));
    const { port } = await opened(server, 0, '127.0.0.1');
    await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const socket = net.connect(port, '127.0.0.1');
        socket.on('error', () => {});
        if (i % 3 === 0) socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
        else if (i % 3 === 1) socket.write('GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n');
        else socket.on('connect', () => socket.resetAndDestroy());
        socket.resume();
        await once(socket, 'close');
      }),
    );
    await closed(server);
    expect(server._connections).toBe(0);
    // CLOSED has come for all of them; the engine's own count follows within the turn of its thread.
    await until(() => openPort().connections() === 0);
    expect(openPort().connections()).toBe(0);
  });
});

it('a port is free when close() has returned, however often', async () => {
  const server = turnout.createServer();
  const { port } = await opened(server, 0, '127.0.0.1');
  for (let i = 0; i < 200; i++) {
    await closed(server);
    expect(await opened(server, port, '127.0.0.1')).toMatchObject({ port });
  }
  await closed(server);
});
