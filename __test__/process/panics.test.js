'use strict';

/**
 * What a panic of the engine does: one is made in a build that can be asked to (`npm run build:fixtures`). A thread's ends the process and says so; one
 * that JavaScript has called, or its loop, is an exception, after which no connection is left and nothing new begins.
 */

const { run } = require('../support/child');
const { debugArgs, debugEnv, hasDebugAddon } = require('../support/debug-addon');

/** Ahead of every program. */
const HEAD = `
const http = require('./index.js');
const net = require('node:net');
const { openPort } = require('./lib/seam/binding');
const panic = (place) => openPort().panic(place);
const listening = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
`;

const failing = (code, env) => run([...debugArgs, '-e', HEAD + code], { env: { ...debugEnv, ...env } });

(hasDebugAddon ? describe : describe.skip)('a panic', () => {
  it.each(['thread', 'task'])('in a %s of the threads driver ends the process with its name and cause', async (place) => {
    const { code, signal, err } = await failing(`listening(http.createServer()).then(() => panic('${place}')); setTimeout(() => process.exit(9), 10000);`, {
      TURNOUT_THREADS: '1',
    });
    expect([code, signal]).toEqual([null, 'SIGABRT']);
    expect(err).toMatch(/turnout: internal error: thread turnout-1 has panicked.*asked to panic/);
  });

  it('in a call is an exception of its caller', async () => {
    const { code, out } = await failing(`
      listening(http.createServer()).then(() => {
        try { panic('call'); } catch (error) { console.log(error instanceof Error, error.message); }
        process.exit();
      });`);
    expect(code).toBe(0);
    expect(out).toMatch(/^true turnout has failed and serves no more in this thread: asked to panic in a call\n$/);
  });

  it('in a turn is an uncaught exception', async () => {
    const { code, err } = await failing(`listening(http.createServer()).then(() => panic('turn'));`);
    expect(code).toBe(1);
    expect(err).toMatch(/Error: turnout has failed.*asked to panic in a turn/);
  });

  it.each(['call', 'turn'])("in a %s that the program survives leaves its own sockets alone, whatever numbers they get", async (place) => {
    const { out } = await failing(`
      process.on('uncaughtException', () => {});
      (async () => {
        await listening(http.createServer());
        try { panic('${place}'); } catch {}
        await new Promise((resolve) => setTimeout(resolve, 0));
        await new Promise(setImmediate);
        const answers = Array.from({ length: 16 }, async () => {
          const server = net.createServer((socket) => socket.end('served'));
          await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
          return new Promise((resolve) => net.connect(server.address().port, '127.0.0.1').on('data', resolve).on('close', () => server.close()));
        });
        console.log((await Promise.all(answers)).join());
        process.exit();
      })();`);
    expect(out).toBe(Array(16).fill('served').join() + '\n');
  });

  it.each(['call', 'turn'])('in a %s that the program survives ends every connection, and what is new is refused', async (place) => {
    const { code, out } = await failing(`
      process.on('uncaughtException', (error) => console.log('uncaught', /asked to panic/.test(error.message)));
      (async () => {
        const server = http.createServer((req, res) => { res.write('part'); res.on('close', () => console.log('response closed', res.writableFinished)); });
        server.on('upgrade', (req, socket) => {
          socket.on('error', (error) => console.log(error.code)).on('close', () => console.log('upgraded socket closed'));
          socket.write('HTTP/1.1 101 S\\r\\nConnection: upgrade\\r\\nUpgrade: x\\r\\n\\r\\n');
        });
        const port = await listening(server);
        const peers = ['GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n', 'GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: upgrade\\r\\nUpgrade: x\\r\\n\\r\\n'].map((text) => {
          const peer = net.connect(port, '127.0.0.1', () => peer.write(text));
          return { heard: new Promise((resolve) => peer.once('data', resolve)), gone: new Promise((resolve) => peer.on('error', () => {}).on('close', resolve)) };
        });
        await Promise.all(peers.map(({ heard }) => heard));
        try { panic('${place}'); } catch (error) { console.log('caught', /asked to panic/.test(error.message)); }
        await Promise.all(peers.map(({ gone }) => gone));
        http.get({ port }, () => {}).on('error', (error) => console.log('a request fails', /has failed/.test(error.message)));
        try { http.createServer().listen(0); console.log('listens'); } catch (error) { console.log('listen() throws', /has failed/.test(error.message)); }
        server.close(() => console.log('the server closes'));
      })();`);
    const lines = out.trim().split('\n').sort();
    const told = place === 'call' ? 'caught true' : 'uncaught true';
    expect(lines).toEqual([
      'ECONNABORTED', 'a request fails true', told, 'listen() throws true', 'response closed false', 'the server closes', 'upgraded socket closed',
    ].sort());
    expect(code).toBe(0);
  });
});
