'use strict';

/** child.send(message, socket) with connections of the engine's. */

const cluster = require('node:cluster');
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { isInline } = require('../../lib/seam/connection-table');
const { connectionOf } = require('../../lib/connection/socket');
const { run } = require('../support/child');
const { receiver, message, done, dial, heard, leave, SWITCH, UPGRADE } = require('../support/receiver');
const { listening, until } = require('../support/servers');
const turnout = require('../..');

const servers = [];
const sockets = [];
const children = [];

/** A server of turnout's that is closed after the test, and its port. */
async function serve(setup, ...where) {
  const server = turnout.createServer((req, res) => res.end('parent'));
  servers.push(server);
  setup(server);
  return { server, port: await listening(server, ...where) };
}

/** A child that ends after the test. */
async function child(options) {
  const made = await receiver(options);
  children.push(made);
  return made;
}

/** A server whose upgraded sockets are given to `use(socket, request)` after the 101. */
const upgrading = (use) => serve((server) => server.on('upgrade', (req, socket) => {
  sockets.push(socket.on('error', () => {}));
  socket.write(SWITCH);
  use(socket, req);
}));

/** The server's end of an upgraded connection, and the peer that has read the 101. */
async function upgraded() {
  const made = {};
  const { server, port } = await upgrading((socket) => (made.socket = socket));
  const peer = dial(port, UPGRADE);
  await heard(peer, '\r\n\r\n');
  peer.text = '';
  return { server, port, peer, socket: made.socket };
}

afterEach(async () => {
  for (const one of children.splice(0)) {
    if (one.exitCode !== null || one.signalCode !== null) continue;
    one.kill();
    await once(one, 'exit');
  }
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

describe('an upgraded socket', () => {
  it('is the child\'s from the handler on, and the object left behind is what Node leaves', async () => {
    const receiving = await child();
    const seen = {};
    const { server, port } = await upgrading((socket) => {
      socket.setTimeout(10_000);
      seen.returned = receiving.send({ kind: 'echo' }, socket, (error) => (seen.error = error));
      seen.state = [socket.destroyed, socket.writable, socket._handle, socket.timeout, socket.remoteAddress, server._connections];
      seen.socket = socket;
    });
    const peer = dial(port, UPGRADE);
    await heard(peer, 'child;');
    peer.write('ping');
    await heard(peer, 'ping');
    expect(peer.text).toBe(`${SWITCH}child;ping`);
    expect(seen).toMatchObject({ returned: true, error: null, state: [false, true, null, 0, undefined, 0] });
    const { socket } = seen;
    const [error] = await new Promise((resolve) => socket.write('x', (...args) => resolve(args)));
    expect(error.code).toBe('ERR_SOCKET_CLOSED');
    await until(() => socket.closed);
    expect(server._connections).toBe(0);
    await leave(peer);
  });

  it.each(['json', 'advanced'])('brings what was read and not used, ahead of all else: %s', async (serialization) => {
    const receiving = await child({ serialization });
    const { socket, peer } = await upgraded();
    const early = 'early '.repeat(20_000);
    peer.write(early);
    await until(() => socket.readableLength > 0);
    receiving.send({ kind: 'echo' }, socket);
    peer.write('late');
    await heard(peer, 'late');
    expect(peer.text).toBe(`child;${early}late`);
    expect(socket.readableLength).toBe(0);
    await leave(peer);
  });

  it('goes though its stream counts bytes that nobody writes', async () => {
    const receiving = await child();
    const { socket, peer } = await upgraded();
    socket._write = () => {};
    socket.write('lost');
    expect(socket.writableLength).toBe(4);
    receiving.send({ kind: 'echo' }, socket);
    await heard(peer, 'child;');
    expect(peer.text).toBe('child;');
    await leave(peer);
  });

  it('goes to a child without turnout', async () => {
    const receiving = await child({ plain: true });
    const { socket, peer } = await upgraded();
    receiving.send({ kind: 'echo' }, socket);
    await heard(peer, 'child;');
    peer.write('ping');
    await heard(peer, 'ping');
    expect(peer.text).toBe('child;ping');
    await leave(peer);
  });

  it('has written everything before the child writes, and other messages wait their turn', async () => {
    const receiving = await child();
    const told = [];
    receiving.on('message', ({ nothing }) => told.push(nothing));
    const { socket, peer } = await upgraded();
    const large = 'x'.repeat(12_000_000);
    peer.pause();
    socket.write(large);
    receiving.send({ kind: 'end' }, socket, () => told.push('sent'));
    receiving.send({ kind: 'after' });
    peer.resume();
    await once(peer, 'close');
    expect(peer.text.length).toBe(large.length + 'child;'.length);
    expect(peer.text.endsWith('xchild;')).toBe(true);
    await until(() => told.length === 2);
    expect(told).toEqual(['sent', 'after']);
  });

  it('whose channel is closed while it waits says so and stays', async () => {
    const receiving = await child();
    const { socket, peer } = await upgraded();
    peer.pause();
    socket.write('x'.repeat(12_000_000));
    const sent = new Promise((resolve) => receiving.send({ kind: 'echo' }, socket, resolve));
    receiving.kill('SIGKILL');
    await once(receiving, 'exit');
    await until(() => receiving.channel === null);
    peer.resume();
    expect((await sent).code).toBe('ERR_IPC_CHANNEL_CLOSED');
    socket.on('data', (data) => socket.write(`parent ${data}`));
    peer.write('ping');
    await heard(peer, 'parent ping');
    await leave(peer);
  });

  it('that is gone when its turn comes sends the text alone', async () => {
    const receiving = await child();
    const { socket, peer } = await upgraded();
    peer.pause();
    socket.write('x'.repeat(12_000_000));
    receiving.send({ kind: 'gone' }, socket);
    peer.destroy();
    expect((await message(receiving, ({ nothing }) => nothing === 'gone'))[0]).toEqual({ nothing: 'gone' });
    const other = await upgraded();
    other.socket.destroy();
    receiving.send({ kind: 'destroyed' }, other.socket);
    await message(receiving, ({ nothing }) => nothing === 'destroyed');
    await leave(other.peer);
  });

  it('sent twice goes once', async () => {
    const receiving = await child();
    const { socket, peer } = await upgraded();
    receiving.send({ kind: 'echo' }, socket);
    receiving.send({ kind: 'again' }, socket);
    await message(receiving, ({ nothing }) => nothing === 'again');
    await heard(peer, 'child;');
    await leave(peer);
  });

  it('stays as it was when the message cannot be sent', async () => {
    const receiving = await child();
    const { socket, peer } = await upgraded();
    peer.write('unread ');
    await until(() => socket.readableLength > 0);
    expect(() => receiving.send(undefined, socket)).toThrow(expect.objectContaining({ code: 'ERR_MISSING_ARGS' }));
    expect(() => receiving.send(() => {}, socket)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    expect(() => receiving.send({ kind: 'echo', big: 1n }, socket)).toThrow(/BigInt/);
    expect(() => receiving.send({ kind: 'echo' }, socket, 'options')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    // What was told of it to the child belongs to no other socket.
    const other = await upgraded();
    receiving.send({ kind: 'echo' }, other.socket);
    other.peer.write('other');
    await heard(other.peer, 'other');
    expect(other.peer.text).toBe('child;other');
    let text = '';
    socket.on('data', (data) => (text += data));
    peer.write('and more');
    await until(() => text === 'unread and more');
    await leave(peer);
    await leave(other.peer);
  });

  it('with keepOpen is both processes\'', async () => {
    const receiving = await child();
    const { server, socket, peer } = await upgraded();
    let text = '';
    socket.on('data', (data) => (text += data)).on('end', () => socket.end());
    const closed = message(receiving, (told) => told.closed);
    const error = await new Promise((resolve) => receiving.send({ kind: 'word' }, socket, { keepOpen: true }, resolve));
    expect(error).toBe(null);
    await closed;
    expect([socket.destroyed, server._connections]).toEqual([false, 1]);
    await heard(peer, 'child;');
    peer.write('ping');
    await until(() => text === 'ping');
    await leave(peer);
    await until(() => server._connections === 0);
  });

  it('of a client goes as well', async () => {
    const receiving = await child();
    const { port, peer } = await upgraded();
    let text = '';
    servers[0].removeAllListeners('upgrade').on('upgrade', (req, socket) => {
      socket.write(SWITCH);
      sockets.push(socket.on('error', () => {}));
      socket.on('data', (data) => (text += data));
    });
    const req = turnout.request({ port, host: '127.0.0.1', headers: { Connection: 'Upgrade', Upgrade: 'x' } }).end();
    const [, socket] = await once(req, 'upgrade');
    receiving.send({ kind: 'end' }, socket);
    await until(() => text === 'child;');
    await leave(peer);
  });

  it('comes back', async () => {
    const receiving = await child();
    const { socket, peer } = await upgraded();
    receiving.send({ kind: 'back' }, socket);
    const [, back] = await done(receiving);
    peer.write('ping');
    expect(String((await once(back, 'data'))[0])).toBe('ping');
    back.end('parent again');
    await once(peer, 'close');
    expect(peer.text).toBe('parent again');
  });

  it('is sent by a child with turnout, with what it has read', async () => {
    const serving = await child();
    serving.send({ kind: 'serve' });
    const [{ done: port }, server] = await done(serving);
    server.close();
    const sent = message(serving, (told) => told.upgraded !== undefined);
    const peer = dial(port, UPGRADE);
    const [told, socket] = await sent;
    expect(told).toEqual({ upgraded: '/up' });
    peer.write('ping');
    expect(String((await once(socket, 'data'))[0])).toBe('ping');
    socket.end('parent');
    await once(peer, 'close');
    expect(peer.text).toBe('HTTP/1.1 101 S\r\n\r\nparent');
    serving.send({});
    await message(serving, ({ closed }) => closed);
  });

  it('that has changed its driver goes whole', async () => {
    const receiving = await child();
    const { socket, peer } = await upgraded();
    const piece = Buffer.alloc(64 * 1024, 'p');
    let written = 0;
    for (let i = 0; i < 24; i++) {
      socket.write(piece);
      written += piece.length;
      await until(() => peer.text.length === written);
    }
    if (['linux', 'darwin'].includes(process.platform)) expect(isInline(connectionOf(socket))).toBe(true);
    receiving.send({ kind: 'echo' }, socket);
    peer.write('ping');
    await heard(peer, 'ping');
    expect(peer.text.slice(written)).toBe('child;ping');
    await leave(peer);
  });

  it('becomes the stdio of a child, and is read again when it is resumed', async () => {
    const { socket, peer } = await upgraded();
    const reading = spawn(process.execPath, ['-e', "process.stdin.once('data', (data) => { console.log(`child ${data}`); process.exit(); })"], {
      stdio: [socket, socket, 'inherit'],
    });
    peer.write('ping');
    await once(reading, 'exit');
    await heard(peer, 'child ping');
    let text = '';
    socket.on('data', (data) => (text += data));
    socket.resume();
    peer.write('more');
    await until(() => text === 'more');
    await leave(peer);
  });
});

describe('a socket in its HTTP phase', () => {
  it('goes from \'connection\' with nothing read, and the child speaks HTTP on it', async () => {
    const receiving = await child();
    const { port } = await serve((server) => server.on('connection', (socket) => receiving.send({ kind: 'http' }, socket)));
    const peer = dial(port, 'GET /first HTTP/1.1\r\nHost: a\r\n\r\n');
    await heard(peer, 'child GET /first 0');
    peer.write('POST /second HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody');
    await heard(peer, 'child POST /second 4');
    peer.write(UPGRADE);
    await once(peer, 'close');
    expect(peer.text.endsWith('child upgrades')).toBe(true);
  });

  it('brings the part of a head that was read', async () => {
    const receiving = await child();
    let socket;
    const { port } = await serve((server) => server.once('connection', (made) => (socket = made)));
    const peer = dial(port);
    await until(() => socket);
    for (const piece of ['GET /in-parts', ' HTTP/1.1\r\n', 'Host: a\r\nX: y']) {
      peer.write(piece);
      // What came before somebody else's request has been read when that is answered.
      await once(dial(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), 'close');
    }
    receiving.send({ kind: 'http' }, socket);
    peer.write('\r\n\r\n');
    await heard(peer, 'child GET /in-parts 0');
    await leave(peer);
  });

  it('given away by its request: the response is on no socket, the request aborts with the object', async () => {
    const receiving = await child();
    const told = [];
    const { server, port } = await serve((made) => made.removeAllListeners('request').on('request', (req, res) => {
      const { socket } = req;
      req.on('aborted', () => told.push('aborted'));
      receiving.send({ kind: 'echo' }, socket);
      told.push(res.socket, res.writableFinished);
      res.end('never sent');
      socket.on('close', () => told.push('close'));
      setImmediate(() => socket.destroy());
    }));
    const peer = dial(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await heard(peer, 'child;');
    await until(() => told.includes('close'));
    expect(told).toEqual([null, false, 'aborted', 'close']);
    expect([peer.text, server._connections]).toEqual(['child;', 0]);
    await leave(peer);
  });

  it.each([
    ['node:http', require('node:http')],
    ['turnout', turnout],
  ])('with pauseOnConnect reads nothing until it is resumed: %s', async (name, http) => {
    const told = [];
    const server = http.createServer((req, res) => {
      told.push('request');
      res.end();
    });
    server.pauseOnConnect = true;
    const { promise, resolve } = withResolver();
    server.on('connection', resolve);
    const port = await listening(server);
    const peer = dial(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const socket = await promise;
    expect([socket.isPaused(), socket.readableFlowing]).toEqual([true, false]);
    await until(turns(20));
    told.push('resumed');
    socket.resume();
    await once(peer, 'close');
    expect(told).toEqual(['resumed', 'request']);
    server.close();
  });

  it('with pauseOnConnect goes to a child', async () => {
    const receiving = await child({ plain: true });
    const { port } = await serve((server) => {
      server.pauseOnConnect = true;
      server.on('connection', (socket) => receiving.send({ kind: 'http' }, socket));
    });
    const peer = dial(port, 'GET /paused HTTP/1.1\r\nHost: a\r\n\r\n');
    await heard(peer, 'child GET /paused 0');
    await leave(peer);
  });

  it('that is read in JavaScript brings no byte twice', async () => {
    const receiving = await child();
    let seen = '';
    const { port } = await serve((server) => server.on('connection', (socket) => {
      socket.on('data', (data) => {
        seen += data;
        if (seen === 'GET /tapped HT') receiving.send({ kind: 'echo' }, socket);
      });
    }));
    const peer = dial(port, 'GET /tapped HT');
    await heard(peer, 'child;');
    peer.write('TP/1.1');
    await heard(peer, 'TP/1.1');
    expect([seen, peer.text]).toEqual(['GET /tapped HT', 'child;TP/1.1']);
    await leave(peer);
  });
});

describe('a socket whose server speaks no HTTP on it', () => {
  it.each([
    ["in 'connection'", (socket, send) => send()],
    ['after the first bytes', (socket, send) => socket.once('readable', send)],
    ['with bytes that were put back', (socket, send) => socket.once('data', (chunk) => {
      socket.pause();
      socket.unshift(chunk);
      send();
    })],
  ])('goes with all that has come: %s', async (name, act) => {
    const receiving = await child();
    const { port } = await serve((server) => {
      server.removeAllListeners('connection');
      server.on('connection', (socket) => {
        sockets.push(socket.on('error', () => {}));
        act(socket, () => receiving.send({ kind: 'http' }, socket));
      });
    });
    const peer = dial(port, 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n');
    await heard(peer, 'child GET /x 0');
    peer.write('GET /y HTTP/1.1\r\nHost: a\r\n\r\n');
    await heard(peer, 'child GET /y 0');
    expect(peer.text).not.toContain('parent');
    await leave(peer);
  });
});

describe('the server', () => {
  it('counts the connections of its children, and is closed after them', async () => {
    const receiving = await child();
    const { server, port } = await upgrading((socket) => receiving.send({ kind: 'echo' }, socket));
    const peers = Array.from({ length: 12 }, () => dial(port, UPGRADE));
    for (const peer of peers) await heard(peer, 'child;');
    expect(await new Promise((resolve) => server.getConnections((error, count) => resolve(error ?? count)))).toBe(12);
    let closed = false;
    server.close(() => (closed = true));
    for (const peer of peers.slice(1)) await leave(peer);
    peers[0].write('ping');
    await heard(peers[0], 'ping');
    expect(closed).toBe(false);
    const over = once(server, 'close');
    await leave(peers[0]);
    await over;
  });

  it('closed before a connection goes to a child waits for that one, too', async () => {
    const receiving = await child();
    const { server, socket, peer } = await upgraded();
    server.close();
    receiving.send({ kind: 'echo' }, socket);
    await heard(peer, 'child;');
    const over = once(server, 'close');
    await leave(peer);
    await over;
  });

  it('keeps no descriptor of what it has given away', async () => {
    if (process.platform !== 'linux') return;
    const receiving = await child();
    const { port } = await upgrading((socket) => receiving.send({ kind: 'end' }, socket));
    const round = async () => {
      for (let i = 0; i < 20; i++) await once(dial(port, UPGRADE), 'close');
      return fs.readdirSync('/proc/self/fd').length;
    };
    const before = await round();
    expect(await round()).toBeLessThanOrEqual(before + 4);
  });
});

describe('a cluster', () => {
  it.each(['SCHED_RR', 'SCHED_NONE'])('whose workers send connections to the primary, and that to another worker: %s', async (policy) => {
    expect(cluster[policy]).toBeDefined();
    const { out, err, code } = await run([path.join(__dirname, '..', 'programs', 'handle-cluster.js')], { env: { POLICY: policy } });
    expect([out, err, code]).toEqual(['101 from another worker\n', '', 0]);
  });
});

/** A promise and who resolves it. */
function withResolver() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}

/** A test that is true after so many rounds of the loop. */
function turns(count) {
  return () => count-- === 0;
}
