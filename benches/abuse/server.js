'use strict';

/**
 * The server that is abused: `server.js IMPLEMENTATION`; prints its port. It answers `stats` and `close` on its standard input with a
 * line of JSON each.
 */

const DEADLINES = require('./deadlines');

const [, , implementation] = process.argv;
const http = implementation.startsWith('turnout') ? require('../..') : require('node:http');

const LARGE = 1 << 20;
const upgraded = new Set();
let uncaught = 0;
process.on('uncaughtException', (error) => {
  if (uncaught++ === 0) console.error(error);
});

/** By path; what is not here is answered as the benches' `get` server does. */
const HANDLERS = {
  // A payload of its own for each response, as a program makes it.
  '/large': (req, res) => res.end(Buffer.alloc(LARGE, 'x')),
  '/hold': () => {},
  '/slow': (req, res) => setTimeout(() => res.end('slow'), 50),
  '/upload'(req, res) {
    let bytes = 0;
    req.on('data', (chunk) => (bytes += chunk.length));
    req.on('end', () => res.end(String(bytes)));
    req.on('error', () => {});
  },
  // The upload that nobody takes.
  '/ignore': (req) => req.on('error', () => {}),
};

const server = http.createServer(DEADLINES, (req, res) => {
  const handler = HANDLERS[req.url];
  if (handler !== undefined) {
    handler(req, res);
    return;
  }
  res.setHeader('Content-Type', 'text/plain');
  res.end('okay');
});

server.on('upgrade', (req, socket) => {
  socket.on('error', () => {});
  upgraded.add(socket);
  socket.on('close', () => upgraded.delete(socket));
  if (req.url === '/unanswered') return;
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n');
  if (req.url === '/echo') socket.pipe(socket);
  else socket.resume().on('end', () => socket.end());
});

const COMMANDS = {
  async stats() {
    for (let i = 0; i < 4; i++) {
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const connections = await new Promise((resolve) => server.getConnections((error, count) => resolve(count)));
    const engine = implementation.startsWith('turnout') ? require('../../lib/seam/binding').openPort().connections() : 0;
    const resources = process.getActiveResourcesInfo().filter((name) => name !== 'Timeout').length;
    return { connections, engine, resources, uncaught, heap: process.memoryUsage().heapUsed, external: process.memoryUsage().external };
  },
  release() {
    server.closeAllConnections();
    for (const socket of upgraded) socket.destroy();
    return {};
  },
  /** close() with whatever is upgraded at the moment, which is then destroyed. */
  async close() {
    const sockets = upgraded.size;
    const began = performance.now();
    const closed = new Promise((resolve) => server.close(resolve));
    const returned = performance.now() - began;
    server.closeAllConnections();
    for (const socket of upgraded) socket.destroy();
    await closed;
    return { sockets, returned, closed: performance.now() - began };
  },
};

let rest = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', async (text) => {
  const lines = (rest + text).split('\n');
  rest = lines.pop();
  for (const line of lines) console.log(JSON.stringify(await COMMANDS[line]()));
});
process.stdin.on('end', () => process.exit());
server.listen(0, '127.0.0.1', 2048, () => console.log(server.address().port));
