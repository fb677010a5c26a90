'use strict';

/**
 * A program (run with --expose-gc): serves connections of every kind in rounds and prints what is left after each. Arguments: connections of
 * one round, rounds. `IMPLEMENTATION=node:http` serves with Node's own.
 */

const fs = require('node:fs');
const net = require('node:net');
const { once } = require('node:events');

const host = process.env.IMPLEMENTATION === 'node:http';
const http = host ? require('node:http') : require('../..');
const [, , size, rounds] = process.argv.map(Number);
const AT_ONCE = 64;

const server = http.createServer({ headersTimeout: 100, requestTimeout: 100, keepAliveTimeout: 100, keepAliveTimeoutBuffer: 0, connectionsCheckingInterval: 20 });

server.on('request', (req, res) => {
  if (req.url === '/destroy') res.destroy();
  else if (req.url === '/destroy-behind') {
    res.write('some');
    setImmediate(() => req.socket.destroy());
  } else if (req.url === '/upload') {
    req.on('error', () => {});
    req.resume().on('end', () => res.end('taken'));
  } else if (req.url === '/never') {
    req.on('error', () => {});
  } else if (req.url === '/large') res.end(Buffer.alloc(300_000));
  else res.end('okay');
});
server.on('upgrade', (req, socket) => {
  socket.on('error', () => {});
  if (req.url === '/unanswered') {
    // Whoever does not read never hears that the peer has gone.
    socket.resume().on('end', () => socket.end());
    return;
  }
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
  if (req.url === '/destroyed') socket.destroy();
  else socket.pipe(socket);
});

const request = (path, fields = '', method = 'GET') => `${method} ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const upgrade = (path) => request(path, 'Connection: Upgrade\r\nUpgrade: x\r\n');

/** Pieces of 64 KiB, each echoed before the next: with threads, the stream changes drivers. */
function bulk(socket, done) {
  const PIECE = Buffer.alloc(65_536, 'x');
  const PIECES = 14;
  let bytes = 0;
  let echoed = 0;
  socket.write(upgrade('/echo'));
  socket.once('data', () => {
    socket.on('data', (data) => {
      bytes += data.length;
      if (bytes < PIECE.length * (echoed + 1)) return;
      if (++echoed < PIECES) socket.write(PIECE);
      else done();
    });
    socket.write(PIECE);
  });
}

/** What a peer does; each is over when its socket has closed. */
const KINDS = {
  keepAlive(socket) {
    let left = 3;
    socket.write(request('/'));
    socket.on('data', () => (--left > 0 ? socket.write(request('/')) : socket.end()));
  },
  pipelined(socket) {
    socket.write(request('/').repeat(40) + request('/', 'Connection: close\r\n'));
  },
  closed: (socket) => socket.write(request('/', 'Connection: close\r\n')),
  upload: (socket) => socket.write(`${request('/upload', 'Connection: close\r\nContent-Length: 40000\r\n', 'POST')}${'x'.repeat(40_000)}`),
  upgraded(socket) {
    socket.write(upgrade('/echo'));
    socket.once('data', () => {
      socket.write('ping');
      socket.once('data', () => socket.end());
    });
  },
  upgradeUnanswered: (socket) => socket.write(upgrade('/unanswered'), () => socket.destroy()),
  upgradeDestroyed: (socket) => socket.write(upgrade('/destroyed')),
  upgradeReset(socket) {
    socket.write(upgrade('/echo'));
    socket.once('data', () => socket.write('x'.repeat(100_000), () => socket.resetAndDestroy()));
  },
  upgradeBulk: (socket) => bulk(socket, () => socket.end()),
  upgradeBulkReset: (socket) => bulk(socket, () => socket.resetAndDestroy()),
  reset: (socket) => socket.resetAndDestroy(),
  resetInHead: (socket) => socket.write('GET / HT', () => socket.resetAndDestroy()),
  resetInBody: (socket) => socket.write(`${request('/upload', 'Content-Length: 90000\r\n', 'POST')}abc`, () => socket.resetAndDestroy()),
  resetInResponse(socket) {
    socket.write(request('/large'));
    socket.once('data', () => socket.resetAndDestroy());
  },
  resetUnanswered: (socket) => socket.write(request('/never'), () => socket.resetAndDestroy()),
  silent: (socket) => socket.end(),
  halfClosed: (socket) => socket.end(request('/')),
  halfClosedInHead: (socket) => socket.end('GET / HTTP/1.1\r\nHos'),
  headTimeout: (socket) => socket.write('GET / HTTP/1.1\r\nHost'),
  bodyTimeout: (socket) => socket.write(`${request('/upload', 'Content-Length: 10\r\n', 'POST')}abc`),
  keepAliveTimeout: (socket) => socket.write(request('/')),
  malformed: (socket) => socket.write('NO SUCH THING\r\n\r\n'),
  malformedChunk: (socket) => socket.write(`${request('/upload', 'Transfer-Encoding: chunked\r\n', 'POST')}3\r\nabc\r\nzz\r\n`),
  destroyed: (socket) => socket.write(request('/destroy')),
  destroyedBehind: (socket) => socket.write(request('/destroy-behind')),
  connect: (socket) => socket.write(request('a:1', '', 'CONNECT')),
};

async function one(kind, port) {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  const over = once(socket, 'close').catch(() => {});
  socket.on('connect', () => KINDS[kind](socket));
  socket.resume();
  await over;
}

async function round(port, count) {
  const names = Object.keys(KINDS);
  let next = 0;
  const worker = async () => {
    while (next < count) await one(names[next++ % names.length], port);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

const connectionCount = () => new Promise((resolve) => server.getConnections((error, count) => resolve(count)));
const engine = () => (host ? {} : { ...require('../../lib/seam/binding').openPort().census(), tracked: require('../../lib/connection/turn').tracked() });

/** What is there, once no connection is. */
async function census() {
  while ((await connectionCount()) > 0 || (engine().connections ?? 0) > 0) await new Promise(setImmediate);
  for (let i = 0; i < 4; i++) {
    globalThis.gc();
    await new Promise(setImmediate);
  }
  const memory = process.memoryUsage();
  return {
    connections: await connectionCount(),
    resources: process.getActiveResourcesInfo().filter((name) => !/Timeout|Immediate/.test(name)).sort().join(),
    descriptors: fs.existsSync('/proc/self/fd') ? fs.readdirSync('/proc/self/fd').length : 0,
    engine: engine(),
    heap: memory.heapUsed,
    external: memory.external,
    rss: memory.rss,
  };
}

async function main() {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const left = [];
  for (let i = 0; i <= rounds; i++) {
    // The first round is for what is made once: code, pools, slots.
    const began = performance.now();
    await round(port, i === 0 ? Math.min(size, 2000) : size);
    const seconds = (performance.now() - began) / 1000;
    left.push({ ...(await census()), seconds });
  }
  console.log(JSON.stringify({ kinds: Object.keys(KINDS).length, left }));
  process.exit();
}

main();
