'use strict';

/**
 * With threads, an upgraded stream that writes large pieces goes over to the loop of the JavaScript thread (lib/connection/driver-change.js). Nobody
 * may notice: every test moves a stream in the midst of something.
 */

const crypto = require('node:crypto');
const net = require('node:net');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const tls = require('node:tls');
const { once } = require('node:events');
const { isInline } = require('../../lib/seam/connection-table');
const { connectionOf } = require('../../lib/connection/socket');
const certificate = require('../support/certificate');
const { program } = require('../support/child');
const { listening, closed, until } = require('../support/servers');
const turnout = require('../..');

const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n';
const REQUEST = 'GET /z HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
const PIECE = 64 * 1024;
/** Writes after which the next one moves a stream; and writes that are enough, whatever the threads do meanwhile. */
const RUN = 8;
const ENOUGH = 24;
const canMove = ['linux', 'darwin'].includes(process.platform);

const hasMoved = (socket) => isInline(connectionOf(socket));

/** once() would reject for the error before it. */
const gone = (stream) => new Promise((resolve) => stream.on('close', resolve));

/** Reads exactly `bytes` of a paused stream. */
async function take(stream, bytes) {
  const pieces = [];
  let length = 0;
  while (length < bytes) {
    const piece = stream.read(Math.min(bytes - length, stream.readableLength));
    if (piece === null) {
      if (stream.readableEnded || stream.destroyed) throw new Error(`the stream ended after ${length} of ${bytes} bytes`);
      await once(stream, 'readable');
      continue;
    }
    pieces.push(piece);
    length += piece.length;
  }
  return Buffer.concat(pieces);
}

/** The server writes `count` pieces, each of which the client reads before the next. */
async function bulk({ socket, client }, count) {
  for (let i = 0; i < count; i++) {
    const piece = crypto.randomBytes(PIECE);
    socket.write(piece);
    expect((await take(client, PIECE)).equals(piece)).toBe(true);
  }
}

/** Writes until a write has moved the stream; the client has not read that one. */
async function move({ socket, client }) {
  for (let i = 0; i < ENOUGH; i++) {
    socket.write(Buffer.alloc(PIECE, i));
    if (hasMoved(socket)) return;
    await take(client, PIECE);
  }
  expect(canMove).toBe(false);
}

/** The next large write moves the stream. */
async function prepare(pair) {
  await bulk(pair, RUN);
  await until(() => pair.socket.writableLength === 0);
  expect(hasMoved(pair.socket)).toBe(false);
}

describe('a stream that changes drivers', () => {
  const cleanups = [];
  afterEach(async () => {
    while (cleanups.length > 0) await cleanups.pop()();
  });

  async function upgraded(where = { port: 0, host: '127.0.0.1' }, threads = 1) {
    const server = turnout.createServer({ threads });
    await listening(server, where);
    const client = where.path === undefined ? net.connect(server.address().port, '127.0.0.1') : net.connect(where.path);
    const errors = [];
    client.on('error', () => {});
    client.write(REQUEST);
    const [, socket] = await once(server, 'upgrade');
    socket.on('error', (error) => errors.push(error.code));
    socket.write(SWITCH);
    expect((await take(client, SWITCH.length)).toString()).toBe(SWITCH);
    cleanups.push(async () => {
      client.destroy();
      socket.destroy();
      await closed(server);
    });
    return { server, client, socket, errors };
  }

  it('moves while its peer writes, and loses nothing of either side', async () => {
    const pair = await upgraded();
    const { socket, client } = pair;
    const up = crypto.randomBytes(48 * PIECE);
    const came = take(socket, up.length);
    for (let at = 0; at < up.length; at += 10_000) client.write(up.subarray(at, at + 10_000));
    await bulk(pair, ENOUGH);
    expect((await came).equals(up)).toBe(true);
    expect(hasMoved(socket)).toBe(canMove);
    expect(socket.bytesWritten).toBe(SWITCH.length + ENOUGH * PIECE);
    expect(socket.bytesRead).toBe(REQUEST.length + up.length);
    expect([socket.remotePort, socket.localPort]).toEqual([client.localPort, client.remotePort]);
  });

  it('does not move for small pieces, nor for one large piece among them', async () => {
    const pair = await upgraded();
    for (let i = 0; i < 4 * ENOUGH; i++) {
      const piece = Buffer.alloc(i % 4 === 0 ? PIECE : 100, i);
      pair.socket.write(piece);
      expect((await take(pair.client, piece.length)).equals(piece)).toBe(true);
    }
    expect(hasMoved(pair.socket)).toBe(false);
  });

  it('stays where it is as long as something waits to be sent, and keeps the order', async () => {
    const pair = await upgraded();
    const { socket, client } = pair;
    const pieces = Array.from({ length: 200 }, (_, i) => Buffer.alloc(i % 7 === 6 ? 40_000 : PIECE, i));
    let refused = 0;
    const writing = (async () => {
      for (const piece of pieces) {
        if (socket.write(piece)) continue;
        refused++;
        await once(socket, 'drain');
      }
    })();
    for (const piece of pieces) expect((await take(client, piece.length)).equals(piece)).toBe(true);
    await writing;
    expect(refused).toBeGreaterThan(0);
    await bulk(pair, ENOUGH);
    expect(hasMoved(socket)).toBe(canMove);
  });

  it('goes on with small pieces in the order they are written', async () => {
    const pair = await upgraded();
    await bulk(pair, ENOUGH);
    expect(hasMoved(pair.socket)).toBe(canMove);
    let text = '';
    for (let i = 0; i < 500; i++) {
      pair.socket.write(`${i};`);
      text += `${i};`;
    }
    expect((await take(pair.client, text.length)).toString()).toBe(text);
  });

  it('hears the end of the peer once, and may go on writing', async () => {
    const pair = await upgraded();
    const { socket, client } = pair;
    let ends = 0;
    socket.on('end', () => ends++).resume();
    const ended = once(socket, 'end');
    await move(pair);
    client.end('last');
    await take(client, PIECE);
    await bulk(pair, ENOUGH);
    await ended;
    expect(hasMoved(socket)).toBe(canMove);
    const over = gone(socket);
    socket.end('bye');
    expect((await take(client, 3)).toString()).toBe('bye');
    await over;
    expect([ends, pair.errors]).toEqual([1, []]);
  });

  it.each(['end', 'destroy', 'resetAndDestroy'])('closes by %s() right after the change', async (method) => {
    const pair = await upgraded();
    const { socket, client, server } = pair;
    const left = gone(client);
    let closes = 0;
    socket.on('close', () => closes++);
    const over = gone(socket);
    await move(pair);
    socket[method]();
    client.on('end', () => client.end()).resume();
    await Promise.all([over, left]);
    expect(closes).toBe(1);
    expect(await new Promise((resolve) => server.getConnections((_, count) => resolve(count)))).toBe(0);
  });

  it('hears a reset in the midst of the change', async () => {
    const pair = await upgraded();
    const { socket, client, errors } = pair;
    const over = gone(socket);
    await move(pair);
    client.resetAndDestroy();
    socket.resume();
    await over;
    expect(['ECONNRESET', 'EPIPE']).toContain(errors[0]);
    expect(errors.length).toBe(1);
  });

  it('stays paused', async () => {
    const pair = await upgraded();
    const { socket, client } = pair;
    let seen = 0;
    socket.on('data', (chunk) => (seen += chunk.length));
    socket.pause();
    await new Promise((resolve) => client.write(Buffer.alloc(1000), resolve));
    await bulk(pair, ENOUGH);
    expect([seen, hasMoved(socket)]).toEqual([0, canMove]);
    client.write(Buffer.alloc(500_000));
    await bulk(pair, 4);
    expect(seen).toBe(0);
    socket.resume();
    while (seen < 501_000) await once(socket, 'data');
    expect(seen).toBe(501_000);
  });

  it('makes the peer wait for a reader that takes nothing', async () => {
    const pair = await upgraded();
    const { socket, client } = pair;
    await bulk(pair, ENOUGH);
    expect(hasMoved(socket)).toBe(canMove);
    let drained = false;
    client.write(Buffer.alloc(64 << 20), () => (drained = true));
    socket.read(0);
    await once(socket, 'readable');
    for (let i = 0; i < 50; i++) await new Promise(setImmediate);
    expect(socket.bytesRead - REQUEST.length).toBeLessThanOrEqual(2 * (128 + 66) * 1024);
    expect(drained).toBe(false);
  });

  it('works over a Unix socket', async () => {
    if (process.platform === 'win32') return;
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'turnout-'));
    cleanups.push(() => fs.rmSync(directory, { recursive: true }));
    const pair = await upgraded({ path: path.join(directory, 's') });
    await bulk(pair, ENOUGH);
    expect(hasMoved(pair.socket)).toBe(canMove);
    const said = pair.client.write('still here') && take(pair.socket, 10);
    expect((await said).toString()).toBe('still here');
  });

  it('carries TLS', async () => {
    const { socket, client } = await upgraded();
    const secure = new tls.TLSSocket(socket, { isServer: true, ...certificate });
    const peer = tls.connect({ socket: client, rejectUnauthorized: false });
    await once(peer, 'secureConnect');
    const sent = crypto.randomBytes(64 * PIECE);
    secure.write(sent);
    expect((await take(peer, sent.length)).equals(sent)).toBe(true);
    peer.write('pong');
    expect((await take(secure, 4)).toString()).toBe('pong');
    peer.destroy();
    secure.destroy();
  });

  it('is a client’s stream as well', async () => {
    const peer = net.createServer((socket) => {
      socket.once('data', () => {
        socket.write(SWITCH);
        socket.pipe(socket);
      });
      socket.on('error', () => {});
    });
    await new Promise((resolve) => peer.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => closed(peer));
    const { out, err } = await program(
      `
      const { isInline } = require('./lib/seam/connection-table');
      const { connectionOf } = require('./lib/connection/socket');
      const req = http.get({ port: ${peer.address().port}, headers: { Connection: 'Upgrade', Upgrade: 'x' } });
      req.on('upgrade', async (res, socket) => {
        let came = 0, sum = 0, sent = 0;
        socket.on('data', (chunk) => { came += chunk.length; for (const byte of chunk) sum += byte; });
        for (let i = 0; i < ${ENOUGH}; i++) {
          const piece = Buffer.alloc(${PIECE}, i);
          sent += i * ${PIECE};
          socket.write(piece);
          while (came < (i + 1) * ${PIECE}) await new Promise(setImmediate);
        }
        console.log(JSON.stringify([came, sum === sent, isInline(connectionOf(socket)), socket.bytesWritten > came]));
        socket.destroy();
      });
    `,
      { env: { TURNOUT_THREADS: '1' } },
    );
    expect(err).toBe('');
    expect(JSON.parse(out)).toEqual([ENOUGH * PIECE, true, canMove, true]);
  });

  it('gets an index that no record still to be heard names', async () => {
    const HERE = { port: 0, host: '127.0.0.1' };
    const pair = await upgraded();
    const relay = await upgraded(HERE, 0);
    const leaving = await upgraded(HERE, 0);
    await prepare(pair);
    const left = gone(leaving.socket.resume());
    // One turn brings the bytes and, after them, the end of the connection whose number is the next to be used.
    relay.socket.on('data', () => pair.socket.write(Buffer.alloc(PIECE, 'r')));
    relay.client.write('x');
    leaving.client.resetAndDestroy();
    expect((await take(pair.client, PIECE)).equals(Buffer.alloc(PIECE, 'r'))).toBe(true);
    await left;
    expect([leaving.errors, pair.errors, pair.socket.destroyed]).toEqual([['ECONNRESET'], [], false]);
    await bulk(pair, 4);
    expect(hasMoved(pair.socket)).toBe(canMove);
    const over = gone(pair.socket.resume());
    pair.client.end();
    pair.socket.end();
    await over;
  });

  it('is heard to its end before it closes', async () => {
    const { openPort } = require('../../lib/seam/binding');
    const pair = await upgraded();
    const { socket, client, errors } = pair;
    let heard = '';
    socket.on('data', (chunk) => (heard += chunk));
    const over = gone(socket);
    await prepare(pair);
    const before = openPort().census().undelivered;
    client.write('last words');
    while (openPort().census().undelivered === before);
    socket.write(Buffer.alloc(PIECE));
    expect(hasMoved(socket)).toBe(canMove);
    client.resetAndDestroy();
    // The other end is gone: the driver that writes sees it first.
    for (let i = 0; i < 4; i++) socket.write(Buffer.alloc(PIECE));
    await over;
    expect(heard).toBe('last words');
    expect(errors.length).toBe(1);
  });

  it('loses, repeats and mixes nothing where many move, end and are reset at once', async () => {
    const PAIRS = 48;
    const server = turnout.createServer({ threads: 2 });
    const inline = turnout.createServer({ threads: 0 }, (req, res) => res.end(req.url));
    let moved = 0;
    let wrong = 0;
    // Every stream says its number in every word, in both directions.
    server.on('upgrade', (req, socket) => {
      const number = Number(req.url.slice(1));
      const word = Buffer.alloc(4);
      word.writeUInt32LE(number);
      socket.on('error', () => {});
      socket.write(SWITCH);
      let odd = 0;
      socket.on('data', (chunk) => {
        for (const byte of chunk) if (byte !== word[odd++ % 4]) wrong++;
        if (hasMoved(socket)) moved++;
        for (let left = Math.ceil(chunk.length / PIECE); left > 0; left--) socket.write(Buffer.alloc(PIECE, word));
      });
      socket.on('end', () => socket.end());
    });
    for (const each of [server, inline]) await listening(each);
    const stream = async (number) => {
      const client = net.connect(server.address().port, '127.0.0.1');
      client.on('error', () => {});
      const over = gone(client);
      const word = Buffer.alloc(4);
      word.writeUInt32LE(number);
      client.write(REQUEST.replace('/z', `/${number}`));
      await take(client, SWITCH.length);
      for (let i = 0; i < 14; i++) {
        client.write(Buffer.alloc(400, word));
        expect((await take(client, PIECE)).equals(Buffer.alloc(PIECE, word))).toBe(true);
      }
      if (number % 3 === 0) client.resetAndDestroy();
      else client.end();
      client.resume();
      await over;
    };
    /** Connections of the other driver come and go meanwhile: numbers are used again. */
    let done = false;
    const others = async () => {
      while (!done) {
        const client = net.connect(inline.address().port, '127.0.0.1', () => client.write('GET /a HTTP/1.1\r\nHost: a\r\n\r\n'));
        client.on('error', () => {});
        client.once('data', () => client.resetAndDestroy());
        await gone(client);
      }
    };
    const meanwhile = [others(), others(), others()];
    await Promise.all(Array.from({ length: PAIRS }, (_, number) => stream(number)));
    done = true;
    await Promise.all(meanwhile);
    await Promise.all([server, inline].map(closed));
    expect(wrong).toBe(0);
    expect(moved > 0).toBe(canMove);
  });

  it('leaves nothing behind', async () => {
    const { openPort } = require('../../lib/seam/binding');
    for (let i = 0; i < 20; i++) {
      const pair = await upgraded();
      await move(pair);
      while (cleanups.length > 0) await cleanups.pop()();
    }
    await until(() => openPort().connections() === 0);
    const { connections, queued } = openPort().census();
    expect([connections, queued]).toEqual([0, 0]);
  });
});
