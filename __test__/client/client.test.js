'use strict';

/** What the client does beyond single exchanges: many of them, large ones, both ends ours, connections that are not the engine's. */

const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const tls = require('node:tls');
const { once } = require('node:events');
const { Duplex, pipeline } = require('node:stream');
const { AsyncLocalStorage } = require('node:async_hooks');
const turnout = require('../..');
const certificate = require('../support/certificate');
const { program } = require('../support/child');
const { request } = require('../support/request');
const { listening, closed, until } = require('../support/servers');

const cleanups = [];
afterEach(async () => {
  while (cleanups.length > 0) await cleanups.pop()();
});

/** A listening server, closed with all its connections after the test. */
async function serve(server, ...where) {
  const port = await listening(server, ...where);
  const sockets = new Set();
  server.on('connection', (socket) => sockets.add(socket));
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections?.();
    await closed(server);
  });
  return port;
}

function newAgent(options) {
  const agent = new turnout.Agent({ keepAlive: true, ...options });
  cleanups.push(() => agent.destroy());
  return agent;
}

const servers = { 'node:http': http, turnout };

describe.each(Object.keys(servers))('against %s', (name) => {
  it('sends a thousand requests over one connection', async () => {
    const server = servers[name].createServer((req, res) => res.end(req.url));
    let connections = 0;
    server.on('connection', () => connections++);
    server.keepAliveTimeout = 60_000;
    const port = await serve(server);
    const agent = newAgent({ maxSockets: 1 });
    for (let i = 0; i < 1000; i++) {
      const { res, body, req } = await request({ port, agent, path: `/${i}` });
      expect([res.statusCode, String(body)]).toEqual([200, `/${i}`]);
      if (i > 0 && !req.reusedSocket) throw new Error(`request ${i} got a connection of its own`);
      await new Promise(setImmediate);
    }
    expect(connections).toBe(1);
  });

  it('keeps many requests apart', async () => {
    const port = await serve(servers[name].createServer((req, res) => setImmediate(() => req.pipe(res))));
    const agent = newAgent({ maxSockets: 10 });
    const all = await Promise.all(Array.from({ length: 200 }, (_, i) => request({ port, agent, method: 'POST' }, `body ${i}`)));
    expect(all.map(({ body }) => String(body))).toEqual(Array.from({ length: 200 }, (_, i) => `body ${i}`));
  });

  it('echoes megabytes that go both ways at once', async () => {
    const port = await serve(servers[name].createServer((req, res) => req.pipe(res)));
    const sent = Buffer.alloc(8 * 1024 * 1024, 'turnout');
    const req = turnout.request({ host: '127.0.0.1', port, method: 'POST', agent: newAgent() });
    for (let at = 0; at < sent.length; at += 100_000) {
      if (!req.write(sent.subarray(at, at + 100_000))) await once(req, 'drain');
      if (at === 0) {
        req.received = [];
        req.on('response', (res) => res.on('data', (chunk) => req.received.push(chunk)));
      }
    }
    req.end();
    const [res] = req.res ? [req.res] : await once(req, 'response');
    await once(res, 'end');
    expect(Buffer.concat(req.received).equals(sent)).toBe(true);
  });

  it('speaks over a Unix socket', async () => {
    const socketPath = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'turnout-')), 's');
    await serve(servers[name].createServer((req, res) => res.end(req.headers.host)), socketPath);
    const { body, req } = await request({ socketPath, agent: newAgent() });
    expect(String(body)).toBe('127.0.0.1');
    expect(req.socket.remoteAddress).toBe(undefined);
  });

  it('finds localhost, whichever family it listens on', async () => {
    const port = await serve(servers[name].createServer((req, res) => res.end('ok')));
    const { body } = await request({ host: 'localhost', port, agent: newAgent(), autoSelectFamily: true });
    expect(String(body)).toBe('ok');
  });

  it('names the events of a message that nobody has listened to', async () => {
    const names = [];
    const server = servers[name].createServer((req, res) => {
      names.push(req.eventNames().filter((one) => one !== 'end'));
      res.end();
    });
    const port = await serve(server);
    const [res] = await once(turnout.get({ host: '127.0.0.1', port, agent: newAgent() }), 'response');
    names.push(res.eventNames());
    expect(names).toEqual([[], ['end']]);
    res.resume();
  });

  it('upgrades, and pipes both ways', async () => {
    const server = servers[name].createServer();
    server.on('upgrade', (req, socket, head) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
      socket.write(head);
      pipeline(socket, socket, () => {});
    });
    const port = await serve(server);
    const req = turnout.get({ host: '127.0.0.1', port, headers: { Connection: 'Upgrade', Upgrade: 'echo' }, agent: newAgent() });
    const [res, socket] = await once(req, 'upgrade');
    expect(res.statusCode).toBe(101);
    expect(socket instanceof net.Socket).toBe(true);
    const sent = Buffer.alloc(3_000_000, 'x');
    const got = [];
    socket.on('data', (chunk) => got.push(chunk));
    socket.end(sent);
    await once(socket, 'end');
    expect(Buffer.concat(got).equals(sent)).toBe(true);
  });
});

/** Asks for something else as often as it takes for all that can go on meanwhile to have gone on. @return {Promise<boolean>} false */
async function others(port) {
  const agent = newAgent();
  for (let i = 0; i < 200; i++) await request({ port, path: '/other', agent });
  return false;
}

describe('backpressure', () => {
  it('a response that nobody reads stops the server', async () => {
    let written = 0;
    const port = await serve(
      http.createServer((req, res) => {
        if (req.url === '/other') return void res.end();
        const chunk = Buffer.alloc(64 * 1024);
        const more = () => {
          while (written < 64 * 1024 * 1024 && res.write(chunk)) written += chunk.length;
        };
        res.on('drain', more);
        more();
      }),
    );
    const req = turnout.get({ host: '127.0.0.1', port, agent: newAgent() });
    const [res] = await once(req, 'response');
    let before = -1;
    while (before !== written) {
      before = written;
      await others(port);
    }
    expect(written).toBeLessThan(32 * 1024 * 1024);
    let read = 0;
    for await (const chunk of res) {
      read += chunk.length;
      if (read > 40 * 1024 * 1024) break;
    }
    expect(read).toBeGreaterThan(40 * 1024 * 1024);
    expect(req.aborted).toBe(true);
  });

  it('write() says no while the server does not read', async () => {
    const port = await serve(net.createServer((socket) => socket.pause().on('error', () => {})));
    const answering = await serve(http.createServer((req, res) => res.end()));
    const req = turnout.request({ host: '127.0.0.1', port, method: 'POST', agent: newAgent() });
    const chunk = Buffer.alloc(256 * 1024);
    await once(req, 'socket');
    await new Promise((resolve) => req.socket.once('connect', resolve));
    let n = 0;
    while (n < 200) {
      n++;
      if (req.write(chunk)) continue;
      const drained = await Promise.race([new Promise((resolve) => req.once('drain', () => resolve(true))), others(answering)]);
      if (!drained) break;
    }
    expect(n).toBeLessThan(200);
    expect(req.writableNeedDrain).toBe(true);
    req.on('error', () => {}).destroy();
    await new Promise((resolve) => req.on('close', resolve));
  });
});

describe('answers in pieces', () => {
  const INTERIM = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\n';
  const SWITCH = 'HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n';
  /** Each answer, and what is heard of it: interim statuses, the event, the status, body or head with what follows, trailers. */
  const ANSWERS = [
    ['content-length', 'HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 4\r\n\r\nbody', 'response 200 body {}'],
    ['chunked with trailers', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a="b"\r\nbo\r\n2\r\ndy\r\n0\r\nT: v\r\n\r\n', 'response 200 body {"t":"v"}'],
    ['close-delimited', 'HTTP/1.0 200 OK\r\n\r\nbody', 'response 200 body {}'],
    ['no body', 'HTTP/1.1 204 No Content\r\n\r\n', 'response 204  {}'],
    ['after interim ones', `${INTERIM}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody`, '100 103 response 200 body {}'],
    ['101 with bytes behind it', `${SWITCH}head`, 'upgrade 101 head'],
    ['101 after interim ones', `${INTERIM}${SWITCH}head`, '100 103 upgrade 101 head'],
  ];

  /** One request; what is heard of its answer. */
  function hear(port) {
    return new Promise((resolve, reject) => {
      const heard = [];
      const req = turnout.get({ host: '127.0.0.1', port, agent: false });
      req.on('information', ({ statusCode }) => heard.push(statusCode));
      req.on('response', async (res) => {
        let body = '';
        for await (const chunk of res) body += chunk;
        resolve([...heard, 'response', res.statusCode, body, JSON.stringify(res.trailers)].join(' '));
      });
      req.on('upgrade', async (res, socket, head) => {
        let text = String(head);
        for await (const chunk of socket) text += chunk;
        resolve([...heard, 'upgrade', res.statusCode, text].join(' '));
      });
      req.on('error', reject);
    });
  }

  /** A server that writes the pieces one by one, each when the one before it has left, and then ends. */
  async function inPieces(piecesOfNext) {
    return serve(
      net.createServer({ noDelay: true }, (socket) => {
        socket.on('error', () => {});
        socket.once('data', () => {
          const pieces = piecesOfNext();
          const next = () => (pieces.length > 1 ? socket.write(pieces.shift(), () => setImmediate(next)) : socket.end(pieces[0]));
          next();
        });
      }),
    );
  }

  it.each(ANSWERS)('%s, split at every byte', async (title, answer, expected) => {
    let split = 0;
    const port = await inPieces(() => [answer.slice(0, split), answer.slice(split)]);
    for (split = 1; split < answer.length; split++) expect([split, await hear(port)]).toEqual([split, expected]);
  });

  it.each(ANSWERS)('%s, byte by byte', async (title, answer, expected) => {
    const port = await inPieces(() => [...answer]);
    expect(await hear(port)).toBe(expected);
  });
});

describe('connections that are not the engine’s', () => {
  it('takes a createConnection that returns a net.Socket', async () => {
    const port = await serve(turnout.createServer((req, res) => res.end('ok')));
    const made = [];
    const { body, req } = await request({
      port,
      createConnection(options) {
        made.push(net.connect(options));
        return made[0];
      },
    });
    expect([String(body), req.socket === made[0], req instanceof turnout.ClientRequest]).toEqual(['ok', true, true]);
  });

  it('takes a createConnection that returns any Duplex', async () => {
    const duplex = new Duplex({
      read() {},
      write(chunk, encoding, callback) {
        if (String(chunk).endsWith('\r\n\r\n')) this.push('HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nq');
        callback();
      },
    });
    const req = turnout.get({ createConnection: () => duplex, headers: { Upgrade: 'x', Connection: 'Upgrade' } });
    const [, socket, head] = await once(req, 'upgrade');
    expect([socket === duplex, String(head)]).toEqual([true, 'q']);
  });

  it("takes node:http's agent, and an agent of the user's own", async () => {
    const port = await serve(turnout.createServer((req, res) => res.end('ok')));
    const foreign = new http.Agent();
    expect(String((await request({ port, agent: foreign })).body)).toBe('ok');
    class Mine extends turnout.Agent {
      createConnection(options, callback) {
        this.made = (this.made ?? 0) + 1;
        return net.connect(options, callback);
      }
    }
    const mine = new Mine();
    expect(String((await request({ port, agent: mine })).body)).toBe('ok');
    expect(mine.made).toBe(1);
  });

  it('takes a subclass of Agent that leaves connections to us', async () => {
    const port = await serve(turnout.createServer((req, res) => res.end('ok')));
    class Named extends turnout.Agent {
      getName(options) {
        return `mine:${super.getName(options)}`;
      }
    }
    const agent = new Named({ keepAlive: true });
    cleanups.push(() => agent.destroy());
    const { body, req } = await request({ port, agent });
    await new Promise(setImmediate);
    expect([String(body), Object.keys(agent.freeSockets)]).toEqual(['ok', [`mine:127.0.0.1:${port}:`]]);
    expect(req.socket._handle).toBe(null);
  });

  it("gives node:http's ClientRequest, and whoever asks, connections that are plain sockets", async () => {
    const port = await serve(turnout.createServer((req, res) => res.end('ok')));
    const agent = newAgent();
    const req = http.get({ port, host: '127.0.0.1', agent });
    const [res] = await once(req, 'response');
    res.setEncoding('utf8');
    let body = '';
    for await (const text of res) body += text;
    expect([body, req.socket._handle]).toEqual(['ok', null]);
    const socket = agent.createConnection({ port, host: '127.0.0.1' });
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    let raw = '';
    for await (const chunk of socket) raw += chunk;
    expect(raw).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*ok$/);
    expect([socket.remotePort, socket.bytesRead]).toEqual([port, raw.length]);
  });

  it('takes a createConnection that returns a TLS connection', async () => {
    const server = tls.createServer(certificate, (socket) => {
      socket.once('data', (data) => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n${data.latin1Slice(0, 14)}`));
    });
    const port = await serve(server);
    const { body, req } = await request({ port, path: '/s', createConnection: (options) => tls.connect({ ...options, rejectUnauthorized: false }) });
    expect([String(body), req.socket.encrypted]).toEqual(['GET /s HTTP/1.', true]);
  });

  it('a connection of the engine does not connect again, and says so', async () => {
    const port = await serve(turnout.createServer((req, res) => res.end('ok')));
    const { req } = await request({ port, agent: newAgent() });
    expect(() => req.socket.connect(port)).toThrow(expect.objectContaining({ code: 'ERR_METHOD_NOT_IMPLEMENTED' }));
  });

  it('lets globalAgent be replaced', async () => {
    const port = await serve(turnout.createServer((req, res) => res.end('ok')));
    const before = turnout.globalAgent;
    const agent = newAgent();
    try {
      turnout.globalAgent = agent;
      const { req } = await request({ port });
      expect(req.agent).toBe(agent);
    } finally {
      turnout.globalAgent = before;
    }
    expect(turnout.request({ port, host: '127.0.0.1' }).on('error', () => {}).destroy().agent).toBe(before);
  });
});

describe('what was given up', () => {
  it('leaves no connection behind, in whatever phase it ends', async () => {
    const { openPort } = require('../../lib/seam/binding');
    const open = () => openPort().connections();
    const port = await serve(net.createServer((socket) => socket.on('error', () => {}).resume()));
    const before = open();
    for (const phase of ['made', 'socket', 'connect', 'finish']) {
      for (const host of ['127.0.0.1', 'localhost', '192.0.2.1']) {
        if (host === '192.0.2.1' && phase !== 'socket' && phase !== 'made') continue;
        const req = turnout.get({ host, port, agent: newAgent() });
        const closed = new Promise((resolve) => req.on('error', () => {}).on('close', resolve));
        if (phase === 'made') req.destroy();
        else if (phase === 'connect') req.on('socket', (socket) => socket.on('connect', () => req.destroy()));
        else req.on(phase, () => setImmediate(() => req.destroy()));
        await closed;
      }
    }
    for (const agent of cleanups.splice(1)) await agent();
    await until(() => open() === before);
    expect(open()).toBe(before);
  });

  it('does not keep the process', async () => {
    const { code, out } = await program(`
      const req = http.get({ host: '192.0.2.1', port: 9, agent: new http.Agent() });
      // Where there is no network the system refuses by itself.
      req.on('error', (error) => console.log(['ECONNRESET', 'ECONNREFUSED', 'ENETUNREACH'].includes(error.code))).on('close', () => console.log('close'));
      req.on('socket', () => setImmediate(() => req.destroy()));`);
    expect([code, out]).toEqual([0, 'true\nclose\n']);
  });
});

describe('context', () => {
  it('events of a request run in the context it was made in', async () => {
    const port = await serve(turnout.createServer((req, res) => res.end('ok')));
    const storage = new AsyncLocalStorage();
    const agent = newAgent({ maxSockets: 1 });
    const contexts = await Promise.all(
      ['a', 'b', 'c'].map(
        (name) =>
          new Promise((resolve) => {
            storage.run(name, () => {
              turnout.get({ host: '127.0.0.1', port, agent }, (res) => {
                const inResponse = storage.getStore();
                res.resume().on('end', () => resolve([inResponse, storage.getStore()]));
              });
            });
          }),
      ),
    );
    expect(contexts).toEqual([['a', 'a'], ['b', 'b'], ['c', 'c']]);
  });

  it('an exception in a listener is uncaught, and the next response comes all the same', async () => {
    const { code, out } = await program(`
      const server = http.createServer((req, res) => res.end('ok')).listen(0, '127.0.0.1', () => {
        const { port } = server.address();
        process.once('uncaughtException', (error) => {
          console.log(error.message);
          http.get({ port, host: '127.0.0.1' }, (res) => {
            console.log(res.statusCode);
            process.exit();
          });
        });
        http.get({ port, host: '127.0.0.1' }, () => { throw new Error('mine'); });
      });`);
    expect([code, out]).toEqual([0, 'mine\n200\n']);
  });

  it('an idle connection does not keep the process, a request does', async () => {
    let answer;
    const port = await serve(http.createServer((req, res) => (answer = () => res.end('ok'))));
    const { code, out } = await program(
      `http.get({ port: ${port}, host: '127.0.0.1' }, (res) => res.resume().on('end', () => console.log('end'))).on('finish', () => setImmediate(() => console.log('asked')));
      process.once('beforeExit', () => console.log('over'));`,
      { onLine: (line) => line === 'asked' && until(() => answer).then(() => answer()) },
    );
    expect([code, out]).toEqual([0, 'asked\nend\nover\n']);
  });
});
