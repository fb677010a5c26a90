'use strict';

/**
 * Loads the package in one realm after the other, a fresh require cache each time; each serves and asks, closes what it has opened, and is left. Tells
 * what the process has after each round. `node --expose-gc realms.js context|cache SIZE ROUNDS`; `context`: in vm contexts, as test runners do.
 */

const { AsyncLocalStorage } = require('node:async_hooks');
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const vm = require('node:vm');
const { collected, possessions } = require('../support/possessions');

const [kind, size, rounds] = process.argv.slice(2);
const ROOT = path.join(__dirname, '..', '..');
const storage = new AsyncLocalStorage();

/** The package from its files, in a context of its own. The addon is the process's. */
function loadInContext() {
  const globals = { process, Buffer, console, setTimeout, clearTimeout, setImmediate, queueMicrotask, URL, AbortController, AbortSignal, EventTarget, Event };
  const context = vm.createContext(globals);
  const loaded = new Map();
  const load = (file) => {
    if (file.endsWith('native.js')) return require(file);
    if (loaded.has(file)) return loaded.get(file).exports;
    const module = { exports: {} };
    loaded.set(file, module);
    const { resolve } = Module.createRequire(file);
    const requireFrom = (id) => (Module.isBuiltin(id) ? require(id) : load(resolve(id)));
    requireFrom.cache = {};
    const code = vm.runInContext(Module.wrap(fs.readFileSync(file, 'utf8')), context, { filename: file });
    code.call(module.exports, module.exports, requireFrom, module, file, path.dirname(file));
    return module.exports;
  };
  return load(path.join(ROOT, 'index.js'));
}

/** The package anew, in this context. */
function loadFresh() {
  for (const file of Object.keys(require.cache)) if (file !== __filename && !file.includes('support')) delete require.cache[file];
  module.children.length = 0;
  const http = require('../..');
  module.children.length = 0;
  return http;
}

const seen = [];

/** One realm's life. */
function visit() {
  const http = kind === 'context' ? loadInContext() : loadFresh();
  seen.push(new WeakRef(http));
  // Whatever keeps the store of an AsyncLocalStorage keeps what is in it. Node itself keeps that of whoever loads an addon.
  return kind === 'context' ? storage.run({ http }, live, http) : live(http);
}

function live(http) {
  return new Promise((resolve) => {
    const server = http.createServer((req, res) => req.resume().on('end', () => res.end(Buffer.alloc(20_000))));
    server.on('upgrade', (req, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n');
      socket.pipe(socket);
    });
    server.listen(0, '127.0.0.1', async () => {
      const { port } = server.address();
      await exchange(http, { port, method: 'POST' });
      await upgrade(http, port);
      server.close(resolve);
    });
  });
}

function exchange(http, options) {
  return new Promise((resolve) => {
    http.request({ ...options, agent: new http.Agent() }, (res) => res.resume().on('close', resolve)).end(Buffer.alloc(100_000));
  });
}

function upgrade(http, port) {
  return new Promise((resolve) => {
    const req = http.get({ port, headers: { Connection: 'upgrade', Upgrade: 'x' } });
    req.on('upgrade', (res, socket) => socket.once('data', () => socket.end()).on('close', resolve).write('x'.repeat(40_000)));
  });
}

(async () => {
  const left = [];
  for (let round = 0; round <= Number(rounds); round++) {
    // The first one is for what the process itself needs.
    for (let i = 0; i < (round === 0 ? 2 : Number(size)); i++) await visit();
    if (kind === 'cache') loadFresh();
    await collected();
    left.push({ ...possessions(), alive: seen.filter((realm) => realm.deref() !== undefined).length });
  }
  console.log(JSON.stringify(left));
})();
