'use strict';

const { program, run } = require('../support/child');
const { dial, UPGRADE } = require('../support/receiver');

const CLIENT = `
const net = require('node:net');
const send = (port, text, then) => {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(text);
  if (then) then(socket);
  return socket;
};
const GET = 'GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n';
const UP = 'GET / HTTP/1.1\\r\\nConnection: upgrade\\r\\nUpgrade: x\\r\\n\\r\\n';
`;

/** What a peer in this process does with the port that a program says. */
const withPort = (act) => (line) => /^\d+$/.test(line) && act(Number(line));

describe('the process', () => {
  it('lives while a server listens, and ends when it is closed', async () => {
    const { code, out } = await program(`
      const server = http.createServer((req, res) => { res.end(); server.close(); });
      server.listen(0, '127.0.0.1', () => console.log(server.address().port));
      process.once('beforeExit', () => console.log(server.listening));`, { onLine: withPort((port) => dial(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')) });
    expect([code, out]).toEqual([0, expect.stringMatching(/^\d+\nfalse\n$/)]);
  });

  it('ends cleanly where async hooks listen, though threads have something to tell when it ends', async () => {
    const { code, err } = await program(`
      require('node:async_hooks').createHook({ init() {} }).enable();
      const server = http.createServer();
      server.on('upgrade', (req, socket) => {
        socket.write('HTTP/1.1 101 S\\r\\nUpgrade: x\\r\\nConnection: Upgrade\\r\\n\\r\\n');
        socket.pipe(socket);
      });
      server.listen(0, '127.0.0.1', () => {
        http.get({ port: server.address().port, host: '127.0.0.1', headers: { Connection: 'Upgrade', Upgrade: 'x' } }).on('upgrade', (res, socket) => {
          socket.on('close', () => server.close()).end('x');
          socket.resume();
        });
      });`, { env: { TURNOUT_DRIVER: 'threads' } });
    expect([code, err]).toEqual([0, '']);
  });

  it('ends when the server is unref-ed', async () => {
    const { code } = await program('http.createServer().listen(0).unref();');
    expect(code).toBe(0);
  });

  it('ends when it requires the package and does nothing', async () => {
    expect(await program('')).toMatchObject({ code: 0, err: '' });
  });

  it('ends when a request could not be made', async () => {
    const { code, out } = await program(`
      try { http.request({ highWaterMark: -1 }); } catch (error) { console.log(error.code); }
      http.request({ port: 1, localAddress: 0, localPort: 0 }).on('error', (error) => console.log(error.code));`);
    expect([code, out]).toEqual([0, 'ERR_INVALID_ARG_VALUE\nECONNREFUSED\n']);
  });

  it('lives while an upgraded socket is open, and ends when that is unref-ed', async () => {
    const talk = (port) => {
      const peer = dial(port, UPGRADE).once('data', () => peer.write('x'));
    };
    const { code, out } = await program(`
      const server = http.createServer();
      server.on('upgrade', (req, socket) => {
        server.close();
        socket.write('HTTP/1.1 101 Switching Protocols\\r\\n\\r\\n');
        socket.once('data', () => { console.log('still here'); socket.unref(); });
      });
      server.listen(0, '127.0.0.1', () => console.log(server.address().port));
      process.once('beforeExit', () => console.log('over'));`, { onLine: withPort(talk) });
    expect([code, out]).toEqual([0, expect.stringMatching(/^\d+\nstill here\nover\n$/)]);
  });

  const HANDLERS = {
    request: "server.on('request', () => process.exit(7))",
    upgrade: "server.on('upgrade', () => process.exit(7))",
    connection: "server.on('connection', () => process.exit(7))",
    'request data': "server.on('request', (req) => req.on('data', () => process.exit(7)))",
    finish: "server.on('request', (req, res) => { res.on('finish', () => process.exit(7)); res.end('x'); })",
    clientError: "server.on('clientError', () => process.exit(7))",
  };
  for (const [name, code] of Object.entries(HANDLERS)) {
    it(`may exit inside a ${name} handler`, async () => {
      const text = { upgrade: 'UP', 'request data': "'POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 3\\r\\n\\r\\nabc'", clientError: "'BAD\\r\\n\\r\\n'" }[name] ?? 'GET';
      const result = await program(`${CLIENT} const server = http.createServer(); ${code}; server.listen(0, '127.0.0.1', () => send(server.address().port, ${text}));`);
      expect(result).toMatchObject({ code: 7, signal: null, err: '' });
    });
  }

  it('sends what was written before process.exit()', async () => {
    const { out } = await run(['-e', `
      const { spawn } = require('node:child_process');
      const net = require('node:net');
      const child = spawn(process.execPath, ['-e', \`
        const http = require('./index.js');
        const server = http.createServer((req, res) => { res.end('last words'); process.exit(0); });
        server.listen(0, '127.0.0.1', () => console.log(server.address().port));
      \`]);
      child.stdout.once('data', (port) => {
        const socket = net.connect(Number(port), '127.0.0.1');
        let text = '';
        socket.write('GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n');
        socket.on('data', (chunk) => (text += chunk));
        socket.on('close', () => console.log(text.split('\\r\\n\\r\\n')[1]));
      });`]);
    expect(out).toBe('last words\n');
  });

  it('may exit under load', async () => {
    const result = await program(`${CLIENT}
      let n = 0;
      const server = http.createServer((req, res) => { if (++n === 2000) process.exit(5); res.end('x'); });
      server.listen(0, '127.0.0.1', () => {
        for (let i = 0; i < 50; i++) send(server.address().port, GET, (socket) => socket.on('data', () => socket.write(GET)));
      });`);
    expect(result).toMatchObject({ code: 5, signal: null, err: '' });
  });

  it('runs several servers, each with its own handlers', async () => {
    const { code, out } = await program(`${CLIENT}
      const servers = [1, 2, 3].map((n) => http.createServer((req, res) => res.end('server ' + n)));
      let left = servers.length;
      for (const server of servers) server.listen(0, '127.0.0.1', () => {
        send(server.address().port, GET, (socket) => socket.once('data', (chunk) => {
          console.log(String(chunk).split('\\r\\n\\r\\n')[1]);
          socket.destroy();
          server.close();
        }));
      });`);
    expect(code).toBe(0);
    expect(out.trim().split('\n').sort()).toEqual(['server 1', 'server 2', 'server 3']);
  });

  it('runs servers in worker threads that start and are terminated under load', async () => {
    const result = await program(`${CLIENT}
      const { Worker } = require('node:worker_threads');
      const source = "const http = require('./index.js'); const { parentPort } = require('node:worker_threads');" +
        "const s = http.createServer((q, r) => r.end('worker')); s.listen(0, '127.0.0.1', () => parentPort.postMessage(s.address().port));";
      const main = http.createServer((req, res) => res.end('main'));
      let rounds = 0;
      main.listen(0, '127.0.0.1', function round() {
        const worker = new Worker(source, { eval: true });
        worker.once('message', (port) => {
          let answers = 0;
          for (let i = 0; i < 5; i++) send(port, GET, (socket) => socket.on('data', () => {
            if (++answers === 20) worker.terminate().then(() => {
              if (++rounds < 4) return round();
              send(main.address().port, GET, (last) => last.once('data', (chunk) => {
                console.log(rounds, String(chunk).split('\\r\\n\\r\\n')[1]);
                last.destroy();
                main.close();
              }));
            });
            socket.write(GET);
          }));
        });
      });`);
    expect(result).toMatchObject({ code: 0, signal: null, out: '4 main\n' });
  });

  it('says what to run when the addon is missing', async () => {
    const { code, err } = await run(['-e', `
      const Module = require('node:module');
      const { _resolveFilename } = Module;
      Module._resolveFilename = function (request, ...rest) {
        if (request.endsWith('native.js')) throw Object.assign(new Error("Cannot find module '../native.js'"), { code: 'MODULE_NOT_FOUND' });
        return _resolveFilename.call(this, request, ...rest);
      };
      require('./index.js').createServer().listen(0);`]);
    expect(code).not.toBe(0);
    expect(err).toMatch(/has not been built .* Run "npm run build"/);
    expect(err).toMatch(/ERR_TURNOUT_ADDON/);
  });
});
