'use strict';

/**
 * The choice of a driver, and what each must bear: others keep being served, handlers may do anything in the middle of a batch.
 * The whole suite runs on both drivers besides (TURNOUT_DRIVER, see package.json).
 */

const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const turnout = require('../..');
const { program, run, ROOT } = require('../support/child');
const { listening, closed } = require('../support/servers');

const UPGRADE = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n';
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n';
const NESTED_LOOP = path.join(ROOT, 'target', 'release', 'examples', 'libnested_loop.so');
/** Number of threads by driver. */
const DRIVERS = [['inline', 0], ['one thread', 1], ['three threads', 3]];

function get(port, url = '/') {
  return new Promise((resolve, reject) => {
    http
      .get({ port, path: url, agent: false }, (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (chunk) => (text += chunk));
        res.on('end', () => resolve(text));
      })
      .on('error', reject);
  });
}

/** Runs a program for `net` in a thread of its own, so that it competes with this one for nothing but the processor. */
function peer(code, workerData) {
  return new Worker(`const net = require('node:net'); const { parentPort, workerData } = require('node:worker_threads'); ${code}`, {
    eval: true,
    workerData,
  });
}

/** A peer that sends without end once it has been upgraded. */
const flooding = (port) =>
  peer(
    `const socket = net.connect(workerData.port, '127.0.0.1');
     socket.on('error', () => {});
     socket.write(workerData.upgrade);
     const piece = Buffer.alloc(1 << 20);
     const go = () => { while (socket.write(piece)); };
     socket.on('drain', go); socket.once('data', go);`,
    { port, upgrade: UPGRADE },
  );

describe('the choice of a driver', () => {
  it('refuses what is no number of threads', () => {
    for (const threads of ['1', null, true]) {
      expect(() => turnout.createServer({ threads })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    }
    for (const threads of [-1, 64, 1.5, NaN]) {
      expect(() => turnout.createServer({ threads })).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
    }
  });

  it.each([
    ['TURNOUT_THREADS', 'many'],
    ['TURNOUT_THREADS', '64'],
    ['TURNOUT_DRIVER', 'horse'],
  ])('refuses %s=%s', async (name, value) => {
    const { out } = await program("try { http.createServer() } catch (error) { console.log(error.code, error.message) }", { env: { [name]: value } });
    expect(out).toMatch(new RegExp(`^ERR_INVALID_ARG_VALUE .*${name}.*${value}`));
  });

  it.each([
    [{}, 0],
    [{ TURNOUT_DRIVER: 'inline' }, 0],
    [{ TURNOUT_DRIVER: 'threads', TURNOUT_THREADS: '2' }, 2],
    [{ TURNOUT_THREADS: '0' }, 0],
  ])('starts as many threads as %j asks for', async (env, expected) => {
    if (process.platform !== 'linux') return;
    const { out } = await program(
      `const fs = require('node:fs');
       const count = () => fs.readdirSync('/proc/self/task').length;
       const before = count();
       const server = http.createServer().listen(0, () => {
         console.log(count() - before);
         server.close();
       });`,
      { env: { TURNOUT_DRIVER: '', TURNOUT_THREADS: '', ...env } },
    );
    expect(Number(out)).toBe(expected);
  });

  it("takes threads where libuv's names are another's, whatever is asked for", async () => {
    if (process.platform !== 'linux') return;
    const { out, err } = await run(['-e', `
      process.versions.bun = '1.2.23';
      const http = require('./index.js');
      const fs = require('node:fs');
      const net = require('node:net');
      const threads = () => fs.readdirSync('/proc/self/task').map((id) => fs.readFileSync('/proc/self/task/' + id + '/comm', 'utf8').trim());
      const server = http.createServer({ threads: 0 }, (req, res) => res.end('served'));
      server.listen(0, '127.0.0.1', () => {
        const peer = net.connect(server.address().port, '127.0.0.1').on('data', (answer) => {
          console.log(/served/.test(answer), threads().filter((name) => name.startsWith('turnout')).join());
          peer.destroy();
          server.close();
        });
        peer.write('GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n');
      });`]);
    expect([out, err]).toEqual(['true turnout-1\n', '']);
  });

  it('serves on every driver in one process, and again after a close', async () => {
    for (let round = 0; round < 2; round++) {
      const servers = DRIVERS.map(([name, threads]) => turnout.createServer({ threads }, (req, res) => res.end(name + req.url)));
      const ports = await Promise.all(servers.map((server) => listening(server)));
      const answers = await Promise.all(ports.flatMap((port) => [get(port, '/a'), get(port, '/b'), get(port, '/c'), get(port, '/d')]));
      expect(answers).toEqual(DRIVERS.flatMap(([name]) => [`${name}/a`, `${name}/b`, `${name}/c`, `${name}/d`]));
      await Promise.all(servers.map(closed));
    }
  });
});

describe.each(DRIVERS)('fairness, %s', (_, threads) => {
  it('lets the loop and other clients have their turn while a peer sends without end', async () => {
    const TOTAL = 256 * 1024 * 1024;
    let received = 0;
    let most = 0;
    let atLastRound = 0;
    let answered = 0;
    const server = turnout.createServer({ threads }, (req, res) => res.end('ok'));
    server.on('upgrade', (req, socket) => {
      socket.on('error', () => {});
      socket.write(SWITCH);
      socket.on('data', (chunk) => (received += chunk.length));
      socket.on('end', () => socket.end());
    });
    const port = await listening(server);
    const flood = flooding(port);
    const asked = (async () => {
      while (received < TOTAL) {
        await get(port);
        answered++;
      }
    })();
    await new Promise((resolve) => {
      const round = () => {
        most = Math.max(most, received - atLastRound);
        atLastRound = received;
        if (received > TOTAL) resolve();
        else setImmediate(round);
      };
      round();
    });
    await asked;
    await flood.terminate();
    server.closeAllConnections();
    await closed(server);
    expect(most).toBeLessThan(8 * 1024 * 1024);
    expect(answered).toBeGreaterThan(5);
  });

  it('serves 1,000 connections that are ready at once', async () => {
    const server = turnout.createServer({ threads }, (req, res) => res.end('ok'));
    const port = await listening(server, 0, '127.0.0.1', 2048);
    const crowd = peer(
      `let done = 0;
       for (let i = 0; i < 1000; i++) {
         const socket = net.connect(workerData, '127.0.0.1');
         let text = '';
         socket.write('GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n');
         socket.setEncoding('latin1').on('data', (chunk) => (text += chunk));
         socket.on('error', (error) => (text = error.code));
         socket.on('close', () => {
           if (!/^HTTP\\/1.1 200 OK[^]*ok$/.test(text)) parentPort.postMessage(text || 'nothing');
           else if (++done === 1000) parentPort.postMessage('all');
         });
       }`,
      port,
    );
    expect(await new Promise((resolve) => crowd.once('message', resolve))).toBe('all');
    await crowd.terminate();
    await closed(server);
  });
});

describe('fairness between drivers', () => {
  it('a thread is heard beside an inline peer that sends without end', async () => {
    const { openPort } = require('../../lib/seam/binding');
    const ROUNDS = 20;
    let chunks = 0;
    let askedAt = -1;
    const waited = [];
    const asker = new net.Socket();
    const threaded = turnout.createServer({ threads: 1 }, (req, res) => {
      waited.push(chunks - askedAt);
      askedAt = -1;
      res.end();
    });
    asker.connect(await listening(threaded), '127.0.0.1').resume();
    await once(asker, 'connect');
    const flooded = turnout.createServer({ threads: 0 });
    const all = new Promise((resolve) => {
      flooded.on('upgrade', (req, socket) => {
        socket.on('error', () => {});
        socket.write(SWITCH);
        socket.on('end', () => socket.end());
        socket.on('data', () => {
          chunks++;
          if (waited.length === ROUNDS) resolve();
          else if (askedAt < 0 && chunks % 100 === 0) ask();
        });
      });
    });
    /** Returns when the thread has read the request, and has it ready for JavaScript. */
    const ask = () => {
      askedAt = chunks;
      const before = openPort().census().undelivered;
      asker.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      while (openPort().census().undelivered === before);
    };
    const flood = flooding(await listening(flooded));
    await all;
    await flood.terminate();
    asker.destroy();
    for (const server of [flooded, threaded]) {
      server.closeAllConnections();
      await closed(server);
    }
    // What JavaScript was being told, and what the inline driver had ready: 128 KiB each, in reads of 66 KiB at most.
    expect(Math.max(...waited)).toBeLessThanOrEqual(16);
  });
});

describe.each(DRIVERS)('in the middle of a batch, %s', (_, threads) => {
  const THREE = 'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

  async function exchange(handler, text = THREE) {
    const server = turnout.createServer({ threads }, handler);
    const port = await listening(server);
    const answer = await new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1');
      let received = '';
      socket.setEncoding('latin1').on('data', (chunk) => (received += chunk));
      socket.on('error', () => {});
      socket.on('close', () => resolve(received));
      socket.write(text);
    });
    await new Promise((resolve) => (server.listening ? server.close(resolve) : resolve()));
    return answer;
  }

  it('a handler may destroy its connection: what was pipelined behind is heard of, as in node:http, and gets no answer', async () => {
    const urls = [];
    const answer = await exchange((req, res) => {
      urls.push(req.url);
      req.socket.destroy();
      res.end(req.url);
    });
    expect([urls, answer]).toEqual([['/1', '/2', '/3'], '']);
  });

  it('a handler may close the server: what has come is answered', async () => {
    const answer = await exchange(function (req, res) {
      if (req.url === '/1') this.close();
      res.end(req.url);
    });
    expect(answer).toMatch(/\/1[^]*\/2[^]*\/3$/);
  });

  it('a handler may open another server and talk to it', async () => {
    const inner = turnout.createServer({ threads }, (req, res) => res.end('inner'));
    let opened;
    const answer = await exchange(async (req, res) => {
      opened ??= listening(inner);
      await opened;
      res.end(await get(inner.address().port));
    }, THREE);
    await closed(inner);
    expect(answer.match(/inner/g)).toHaveLength(3);
  });

  it('a handler that runs a nested event loop gets the events of that loop', async () => {
    if (!fs.existsSync(NESTED_LOOP)) return;
    const { out } = await program(`
      const net = require('node:net');
      const fixture = { exports: {} };
      process.dlopen(fixture, ${JSON.stringify(NESTED_LOOP)});
      let requests = 0;
      const server = http.createServer({ threads: ${threads} }, (req, res) => {
        requests++;
        if (req.url === '/wait') {
          second.write('GET /quick HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n');
          while (requests < 3) fixture.exports.runLoop();
        }
        console.log(req.url, requests);
        res.end();
      });
      let second;
      server.listen(0, () => {
        const { port } = server.address();
        second = net.connect(port).resume().on('close', () => server.close());
        net.connect(port).resume().write('GET /wait HTTP/1.1\\r\\nHost: a\\r\\n\\r\\nGET /behind HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n');
      });`);
    expect(out.trim().split('\n').sort()).toEqual(['/behind 2', '/quick 3', '/wait 3']);
  });
});
