'use strict';

/** A listening server's handle: Node's code and C++ take it for libuv's, and it is. child.send(message, server), listen(server), transfers. */

const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { once } = require('node:events');
const { run, program, ROOT } = require('../support/child');
const { receiver, message, done, dial, leave, ask, UPGRADE } = require('../support/receiver');
const { listening, closed, until } = require('../support/servers');
const turnout = require('../..');

const canTransfer = Object.getOwnPropertySymbols(net.Socket.prototype).some(({ description }) => description === 'messaging_transfer_symbol');
const hasHandles = process.platform !== 'win32';

let child;
const servers = [];

beforeAll(async () => {
  child = await receiver();
});

afterAll(async () => {
  child.kill();
  await once(child, 'exit');
});

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections?.();
    server.close();
  }
});

function makeServer(text = 'parent') {
  const server = turnout.createServer((req, res) => res.end(text));
  servers.push(server);
  return server;
}

/** The child closes what it listens on. */
async function closeIn(receiving) {
  receiving.send({});
  await message(receiving, ({ closed }) => closed);
}

describe('child.send(message, server)', () => {
  it('gives the child a net.Server on the same port, which outlives the parent\'s', async () => {
    const server = makeServer();
    const port = await listening(server);
    const telling = done(child);
    expect(await new Promise((resolve) => child.send({ kind: 'accept' }, server, resolve))).toBe(null);
    const [told] = await telling;
    expect([told.done, told.address.port]).toEqual(['Server', port]);
    await closed(server);
    expect(await ask(port)).toBe('child accepts');
    await closeIn(child);
  });

  it.each([
    ['the server', (server) => server],
    ['its handle', (server) => server._handle],
  ])('lets a server of the child\'s listen on %s', async (name, of) => {
    const server = makeServer();
    const port = await listening(server);
    child.send({ kind: 'listen' }, of(server));
    expect((await done(child))[0].done.port).toBe(port);
    await closed(server);
    expect(await ask(port, '/here')).toBe('child GET /here 0');
    await closeIn(child);
  });

  it('works with a path, which goes with the parent\'s server', async () => {
    if (!hasHandles) return;
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'turnout-'));
    const server = makeServer();
    await listening(server, path.join(folder, 'socket'));
    child.send({ kind: 'accept' }, server);
    expect((await done(child))[0].done).toBe('Server');
    fs.linkSync(path.join(folder, 'socket'), path.join(folder, 'link'));
    await closed(server);
    expect(fs.readdirSync(folder)).toEqual(['link']);
    expect(await ask(path.join(folder, 'link'))).toBe('child accepts');
    await closeIn(child);
    fs.rmSync(folder, { recursive: true });
  });

  it('comes from a child with turnout', async () => {
    child.send({ kind: 'serve' });
    const [{ done: port }, server] = await done(child);
    expect([server.constructor.name, server.address().port]).toEqual(['Server', port]);
    await closeIn(child);
    server.on('connection', (socket) => socket.resume().end('parent accepts'));
    expect(await ask(port)).toBe('parent accepts');
    await closed(server);
  });

  it('sends the text alone when the server is closed or has never listened', async () => {
    const server = makeServer();
    child.send({ kind: 'unheard' }, server);
    await message(child, ({ nothing }) => nothing === 'unheard');
    await listening(server);
    server.close();
    child.send({ kind: 'closed' }, server);
    await message(child, ({ nothing }) => nothing === 'closed');
  });

  it('is refused by a worker whose primary accepts: there is no handle to send', async () => {
    const code = `
      const cluster = require('node:cluster');
      cluster.schedulingPolicy = cluster.SCHED_RR;
      if (cluster.isPrimary) {
        cluster.fork().on('message', (text) => { console.log(text); cluster.disconnect(); });
      } else {
        const server = http.createServer().listen(0, '127.0.0.1', () => {
          try { process.send('sent', server); } catch (error) { process.send(error.code); }
        });
      }`;
    const file = path.join(os.tmpdir(), `turnout-rr-${process.pid}.js`);
    fs.writeFileSync(file, `const http = require(${JSON.stringify(ROOT)});\n${code}`);
    try {
      const { out, err, code: status } = await run([file]);
      expect([out, err, status]).toEqual(['ERR_INVALID_HANDLE_TYPE\n', '', 0]);
    } finally {
      fs.rmSync(file);
    }
  });
});

describe('the handle of a server', () => {
  it('has a descriptor, names and counts itself as Node\'s, and keeps nothing alive that is unref\'d', async () => {
    const { out, err, code } = await program(`
      const fds = () => process.platform === 'linux' ? require('node:fs').readdirSync('/proc/self/fd').length : 0;
      const server = http.createServer();
      server.listen(0, '127.0.0.1', () => {
        const { _handle } = server;
        console.log(_handle.fd > 2, _handle.hasRef(), process.getActiveResourcesInfo().includes('TCPServerWrap'));
        console.log(process._getActiveHandles().includes(server));
        const { port } = server.address();
        const before = fds();
        server.close(() => server.listen(port, '127.0.0.1', () => {
          console.log(server.address().port === port, fds() <= before + 1);
          server.unref();
          console.log(server._handle.hasRef());
        }));
      });`);
    expect([out, err, code]).toEqual(['true true true\ntrue\ntrue true\nfalse\n', '', 0]);
  });

  it.each([
    ['a server of turnout\'s', () => makeServer('second'), (server) => server._handle],
    ['a net.Server', () => net.createServer((socket) => socket.resume().end('HTTP/1.1 200 OK\r\n\r\nsecond')), (server) => server],
  ])('serves %s that listens on it', async (name, make, of) => {
    const first = makeServer('first');
    const port = await listening(first);
    const second = make();
    await listening(second, of(first));
    for (let i = 0; i < 4; i++) expect(await ask(port)).toBe('second');
    const closed = Promise.all([once(first, 'close'), once(second, 'close')]);
    first.close();
    second.close();
    await closed;
    expect(await ask(port)).toBe('');
  });

  it('takes changed settings', async () => {
    const server = makeServer();
    const port = await listening(server);
    server.maxHeaderSize = 100;
    const peer = dial(port, `GET / HTTP/1.1\r\nHost: ${'a'.repeat(200)}\r\n\r\n`);
    await once(peer, 'close');
    expect(peer.text).toMatch(/^HTTP\/1.1 431/);
  });
});

describe('a worker thread', () => {
  const ECHO = `
    const { parentPort } = require('node:worker_threads');
    parentPort.on('message', ({ socket, server }) => {
      socket?.on('error', () => {}).write('thread;');
      socket?.pipe(socket);
      server?.on('connection', (one) => one.resume().end('thread accepts'));
      parentPort.postMessage('taken');
    });`;
  let worker;

  beforeAll(() => {
    worker = new Worker(ECHO, { eval: true });
  });

  afterAll(() => worker.terminate());

  const refused = (post) => {
    try {
      post();
      return 'posted';
    } catch (error) {
      return error.code;
    }
  };
  const NO = canTransfer ? 'ERR_WORKER_HANDLE_NOT_TRANSFERABLE' : refusedOf(new net.Socket());

  /** What this Node says to the transfer of something that cannot be. */
  function refusedOf(object) {
    return refused(() => structuredClone(object, { transfer: [object] }));
  }

  it('gets a fresh connection, and only such a one', async () => {
    const told = {};
    const server = makeServer();
    server.on('connection', (socket) => {
      if (told.fresh !== undefined) return;
      socket.on('close', () => (told.closed = server._connections));
      told.fresh = refused(() => worker.postMessage({ socket }, [socket]));
      told.destroyed = socket.destroyed;
    });
    server.on('upgrade', (req, socket) => {
      told.used = refused(() => worker.postMessage({ socket }, [socket]));
      told.unlisted = refused(() => worker.postMessage({ socket })) === refused(() => worker.postMessage({ socket: new net.Socket() }));
      socket.end();
    });
    const port = await listening(server);
    const fresh = dial(port, 'ping');
    await until(() => told.fresh !== undefined);
    if (canTransfer) {
      await until(() => fresh.text === 'thread;ping');
      expect(told).toMatchObject({ fresh: 'posted', destroyed: true, closed: 0 });
    } else {
      expect(told).toMatchObject({ fresh: NO, destroyed: false });
    }
    await leave(fresh);
    await once(dial(port, UPGRADE), 'close');
    expect(told).toMatchObject({ used: NO, unlisted: true });
  });

  it('does not get a connection whose message fails, which goes on', async () => {
    let code;
    const server = makeServer();
    server.once('connection', (socket) => {
      code = refused(() => worker.postMessage({ socket, cannot: () => {} }, [socket]));
    });
    const port = await listening(server);
    expect(await ask(port)).toBe('parent');
    expect(code).toBeDefined();
  });

  it('gets a listening server, for which the engine then accepts no more', async () => {
    if (!canTransfer) return;
    const server = makeServer();
    const port = await listening(server);
    const taken = once(worker, 'message');
    worker.postMessage({ server }, [server]);
    expect([server.listening, server._handle]).toEqual([false, null]);
    await taken;
    for (let i = 0; i < 4; i++) expect(await ask(port)).toBe('thread accepts');
  });
});
