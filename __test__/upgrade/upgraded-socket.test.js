'use strict';

const http2 = require('node:http2');
const net = require('node:net');
const tls = require('node:tls');
const { once } = require('node:events');
const { pipeline, Transform } = require('node:stream');
const turnout = require('../..');
const certificate = require('../support/certificate');
const { listening, closed, until } = require('../support/servers');

const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n';
const REQUEST = 'GET /z HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';

/** An upgraded pair: the server's socket, the client's with the 101 read, and the server. */
async function upgraded(t) {
  const server = turnout.createServer();
  const client = net.connect(await listening(server), '127.0.0.1');
  client.on('error', () => {});
  client.write(REQUEST);
  const [req, socket, head] = await once(server, 'upgrade');
  socket.on('error', () => {});
  socket.write(SWITCH);
  let seen = '';
  while (!seen.endsWith('\r\n\r\n')) {
    const [chunk] = await once(client, 'data');
    seen += chunk;
  }
  client.pause();
  t.push(async () => {
    client.destroy();
    socket.destroy();
    await closed(server);
  });
  return { server, client, req, socket, head };
}

describe('the upgraded socket', () => {
  const cleanups = [];
  afterEach(async () => {
    while (cleanups.length > 0) await cleanups.pop()();
  });

  it('has the surface of a net.Socket', async () => {
    const { socket, client, server } = await upgraded(cleanups);
    expect(socket instanceof net.Socket).toBe(true);
    expect(socket.constructor.name).toBe('Socket');
    for (const name of Object.getOwnPropertyNames(net.Socket.prototype)) expect(name in socket).toBe(true);
    expect([socket.remoteAddress, socket.remotePort, socket.remoteFamily]).toEqual(['127.0.0.1', client.localPort, 'IPv4']);
    expect([socket.localAddress, socket.localPort, socket.localFamily]).toEqual(['127.0.0.1', server.address().port, 'IPv4']);
    expect(socket.address()).toEqual({ address: '127.0.0.1', family: 'IPv4', port: server.address().port });
    expect([socket.pending, socket.connecting, socket.readyState, socket.destroyed]).toEqual([false, false, 'open', false]);
    expect(socket.setNoDelay(true)).toBe(socket);
    expect(socket.setKeepAlive(true, 1000)).toBe(socket);
    expect(socket.ref().unref().ref()).toBe(socket);
    expect(() => socket.setEncoding('utf8')).toThrow(expect.objectContaining({ code: 'ERR_HTTP_SOCKET_ENCODING' }));
    expect(socket.server).toBe(server);
    expect(socket.parser).toBe(null);
  });

  it('counts bytes from the accept', async () => {
    const { socket, client } = await upgraded(cleanups);
    expect([socket.bytesRead, socket.bytesWritten]).toEqual([REQUEST.length, SWITCH.length]);
    client.write('abc');
    await once(socket, 'data');
    socket.write('12345');
    expect([socket.bytesRead, socket.bytesWritten]).toEqual([REQUEST.length + 3, SWITCH.length + 5]);
  });

  it('echoes 4 MiB through pipe, in order', async () => {
    const { socket, client } = await upgraded(cleanups);
    socket.pipe(socket);
    const sent = Buffer.alloc(4 * 1024 * 1024);
    for (let i = 0; i < sent.length; i += 4) sent.writeUInt32LE(i, i);
    client.end(sent);
    const chunks = [];
    for await (const chunk of client) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(sent)).toBe(true);
  });

  it.each(['accepted', 'given'])('is its program\'s when the body of its request is in, and idle or in error as it likes: one that was %s', async (way) => {
    const server = turnout.createServer();
    const front = way === 'accepted' ? server : net.createServer((socket) => server.emit('connection', socket));
    const told = [];
    for (const event of ['timeout', 'clientError']) server.on(event, () => told.push(event));
    const client = net.connect(await listening(front), '127.0.0.1');
    client.on('error', () => {});
    client.write(`${REQUEST.replace('GET', 'POST').slice(0, -2)}Content-Length: 3\r\n\r\na`);
    const [req, stream] = await once(server, 'upgrade');
    const { socket } = req;
    stream.on('error', () => told.push('error')).resume();
    client.write('bc');
    await once(req.resume(), 'end');
    socket.setTimeout(10);
    await once(socket, 'timeout');
    expect([told, socket.destroyed]).toEqual([[], false]);
    socket.destroy(new Error('the program has had enough'));
    await until(() => stream.closed);
    expect(told).toEqual(['error']);
    client.destroy();
    await closed(front);
  });

  it('runs in a pipeline', async () => {
    const { socket, client } = await upgraded(cleanups);
    const upper = new Transform({ transform: (chunk, encoding, done) => done(null, String(chunk).toUpperCase()) });
    pipeline(socket, upper, socket, () => {});
    client.end('abc');
    const [chunk] = await once(client.resume(), 'data');
    expect(String(chunk)).toBe('ABC');
  });

  it('gives unshifted bytes first, pauses, and iterates', async () => {
    const { socket, client } = await upgraded(cleanups);
    socket.unshift(Buffer.from('head'));
    client.write('tail');
    client.end();
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text).toBe('headtail');
  });

  it('stops reading when nobody takes the bytes, and loses none', async () => {
    const { socket, client } = await upgraded(cleanups);
    const sent = Buffer.alloc(8 * 1024 * 1024, 'x');
    client.end(sent);
    await until(() => socket.readableLength > 0);
    for (let i = 0; i < 50; i++) await new Promise(setImmediate);
    expect(socket.readableLength).toBeLessThanOrEqual(256 * 1024);
    let received = 0;
    for await (const chunk of socket) received += chunk.length;
    expect(received).toBe(sent.length);
  });

  it('says false above its high-water mark and drains', async () => {
    const { socket, client } = await upgraded(cleanups);
    const chunk = Buffer.alloc(1024 * 1024);
    let writes = 0;
    while (socket.write(chunk)) writes++;
    expect(writes).toBeLessThan(2);
    expect(socket.writableNeedDrain).toBe(true);
    const done = once(socket, 'drain');
    client.resume();
    await done;
    expect(socket.writableLength).toBe(0);
  });

  it('corks', async () => {
    const { socket, client } = await upgraded(cleanups);
    socket.cork();
    socket.write('a');
    socket.write(Buffer.from('b'));
    expect(socket.writableLength).toBe(2);
    socket.uncork();
    const [chunk] = await once(client.resume(), 'data');
    expect(String(chunk)).toBe('ab');
  });

  it('half-closes both ways', async () => {
    const { socket, client } = await upgraded(cleanups);
    socket.resume();
    client.end();
    await once(socket, 'end');
    expect([socket.writable, socket.readyState]).toEqual([true, 'writeOnly']);
    const close = once(socket, 'close');
    socket.end('late');
    const [chunk] = await once(client.resume(), 'data');
    expect(String(chunk)).toBe('late');
    await close;
  });

  it('stays, writable and counted, when the peer ends and nobody reads', async () => {
    const { socket, client, server } = await upgraded(cleanups);
    client.end();
    await until(() => !socket.readable || socket._readableState.ended);
    expect(socket.destroyed).toBe(false);
    expect(await new Promise((resolve) => server.getConnections((error, n) => resolve(n)))).toBe(1);
  });

  it("emits 'timeout' when idle, and not while bytes move", async () => {
    const { socket, client } = await upgraded(cleanups);
    socket.resume();
    const timeouts = [];
    socket.setTimeout(60, () => timeouts.push('idle'));
    expect(socket.timeout).toBe(60);
    const started = Date.now();
    client.write('x');
    await once(socket, 'timeout');
    expect(Date.now() - started).toBeGreaterThanOrEqual(50);
    expect(timeouts).toEqual(['idle']);
    socket.setTimeout(0);
    expect(socket.timeout).toBe(0);
  });

  it('resets', async () => {
    const { socket, client } = await upgraded(cleanups);
    const error = new Promise((resolve) => client.once('error', resolve));
    socket.resetAndDestroy();
    client.resume();
    expect(await error).toMatchObject({ code: 'ECONNRESET' });
    expect(socket.destroyed).toBe(true);
  });

  it('fails writes after end and after destroy as net.Socket does', async () => {
    const { socket } = await upgraded(cleanups);
    const errors = [];
    socket.on('error', (error) => errors.push(error.code));
    const close = new Promise((resolve) => socket.once('close', resolve));
    socket.end();
    socket.write('x');
    await close;
    expect(errors).toEqual(['ERR_STREAM_WRITE_AFTER_END']);
  });

  it('only calls back for a write after destroy', async () => {
    const { socket } = await upgraded(cleanups);
    const errors = [];
    socket.on('error', (error) => errors.push(error.code));
    socket.destroy();
    const code = await new Promise((resolve) => socket.write('x', (error) => resolve(error.code)));
    expect(code).toBe('ERR_STREAM_DESTROYED');
    expect(errors).toEqual([]);
  });

  it('is waited for by close(), and not seen by closeAllConnections', async () => {
    const { socket, server } = await upgraded(cleanups);
    const order = [];
    server.on('close', () => order.push('server'));
    socket.on('close', () => order.push('socket'));
    server.close();
    server.closeIdleConnections();
    server.closeAllConnections();
    expect(socket.destroyed).toBe(false);
    socket.destroy();
    await once(socket, 'close');
    expect(order).toEqual(['server', 'socket']);
  });

  it('carries TLS', async () => {
    const { socket, client } = await upgraded(cleanups);
    const server = new tls.TLSSocket(socket, { isServer: true, secureContext: tls.createSecureContext(certificate) });
    server.on('error', () => {});
    server.on('data', (chunk) => server.write(`secret ${chunk}`));
    const secure = tls.connect({ socket: client, rejectUnauthorized: false });
    secure.on('error', () => {});
    await once(secure, 'secureConnect');
    secure.write('hello');
    const [chunk] = await once(secure, 'data');
    expect(String(chunk)).toBe('secret hello');
    expect(secure.getProtocol()).toBe('TLSv1.3');
    secure.destroy();
    server.destroy();
  });

  (http2.performServerHandshake ? it : it.skip)('carries HTTP/2', async () => {
    const { socket, client } = await upgraded(cleanups);
    const session = http2.performServerHandshake(socket);
    session.on('error', () => {});
    session.on('stream', (stream, headers) => stream.end(`h2 ${headers[':path']}`));
    const peer = http2.connect('http://a', { createConnection: () => client });
    peer.on('error', () => {});
    const stream = peer.request({ ':path': '/z' });
    let text = '';
    for await (const chunk of stream) text += chunk;
    expect(text).toBe('h2 /z');
    peer.destroy();
    session.destroy();
  });
});
