'use strict';

/** What a program puts in the place of Node's functions is called as Node would call it, whenever it was put there, and what it returns is spoken over. */

const http = require('node:http');
const net = require('node:net');
const { PassThrough } = require('node:stream');
const turnout = require('../..');
const { ORIGINALS } = require('../../lib/base/originals');
const { run, otherNodes } = require('../support/child');
const { request } = require('../support/request');
const { listening, closed } = require('../support/servers');

const cleanups = [];
afterEach(async () => {
  while (cleanups.length > 0) await cleanups.pop()();
});

async function serve() {
  const server = turnout.createServer((req, res) => res.end('ok'));
  const port = await listening(server);
  cleanups.push(async () => {
    server.closeAllConnections();
    await closed(server);
  });
  return port;
}

/** Until the test is over. */
function replace(owner, key, value) {
  const descriptor = Object.getOwnPropertyDescriptor(owner, key);
  Object.defineProperty(owner, key, { ...descriptor, value });
  cleanups.push(() => Object.defineProperty(owner, key, descriptor));
  return descriptor.value;
}

function newAgent(options) {
  const agent = new turnout.Agent({ keepAlive: true, ...options });
  cleanups.push(() => agent.destroy());
  return agent;
}

/** A socket of libuv's has a handle, one of the engine's has none to show. */
const isOfEngine = (socket) => socket._handle === null && socket instanceof net.Socket;
const thrown = (fn) => {
  try {
    fn();
    return undefined;
  } catch (error) {
    return error.message;
  }
};

describe("functions of Node's", () => {
  it('are known for what they are, on every Node', async () => {
    const text = "console.log(require('./lib/base/originals').ORIGINALS.map((one) => one.isThere).join(''))";
    for (const node of [process.execPath, ...Object.values(otherNodes())]) {
      const { out } = await run(['-e', text], { node });
      expect([node, out]).toEqual([node, `${'true'.repeat(ORIGINALS.length)}\n`]);
    }
  });

  it('are not called while they are there: the engine connects', async () => {
    const port = await serve();
    const { req } = await request({ port, agent: newAgent() });
    expect(isOfEngine(req.socket)).toBe(true);
  });

  it.each([
    ['net.Socket.prototype', 'connect', net.Socket.prototype],
    ['net', 'connect', net],
    ['net', 'createConnection', net],
  ])('are missed when they have gone: %s.%s', async (_, key, owner) => {
    const port = await serve();
    const agents = [newAgent(), newAgent()];
    let calls = 0;
    const original = replace(owner, key, function (...args) {
      calls++;
      return original.apply(this, args);
    });
    const first = await request({ port, agent: agents[0] });
    expect([String(first.body), isOfEngine(first.req.socket)]).toEqual(['ok', false]);
    // Node's agent calls net.createConnection(), which is net.connect() but for its name.
    expect(calls).toBe(owner === net && key === 'connect' ? 0 : 1);
    await cleanups.pop()();
    const second = await request({ port, agent: agents[1] });
    expect(isOfEngine(second.req.socket)).toBe(true);
  });

  it.each([
    ['a bound function', (fn) => fn.bind(net)],
    ['a Proxy', (fn) => new Proxy(fn, {})],
    ['a function that says it is the original', (fn) => Object.assign((...args) => fn(...args), { toString: () => String(fn) })],
  ])('are not taken for %s', async (_, wrap) => {
    const port = await serve();
    replace(net, 'createConnection', wrap(net.createConnection));
    const { body, req } = await request({ port, agent: newAgent() });
    expect([String(body), isOfEngine(req.socket)]).toEqual(['ok', false]);
  });

  it('a guard that throws lets no request pass, with whatever agent', async () => {
    const port = await serve();
    replace(net.Socket.prototype, 'connect', () => {
      throw new Error('no net here');
    });
    expect([undefined, false, newAgent()].map((agent) => thrown(() => turnout.get({ port, agent })))).toEqual(Array(3).fill('no net here'));
  });

  it('a mock gets the options, and its stream is spoken over', async () => {
    let given;
    replace(net, 'createConnection', (options) => {
      given = options;
      const stream = new PassThrough();
      stream.write = (chunk, encoding, done) => {
        stream.push('HTTP/1.1 203 Mocked\r\nContent-Length: 4\r\n\r\nmock');
        (done ?? encoding)?.();
        return true;
      };
      return stream;
    });
    const { res, body } = await request({ host: 'mocked.test', port: 81, path: '/x', agent: new turnout.Agent() });
    expect([res.statusCode, String(body), given.host, given.port, given.path]).toEqual([203, 'mock', 'mocked.test', 81, null]);
  });

  it("those of node:http's Agent.prototype are asked, too", async () => {
    const port = await serve();
    const calls = [];
    const agent = newAgent();
    for (const key of ['addRequest', 'createSocket', 'createConnection', 'reuseSocket', 'keepSocketAlive', 'removeSocket', 'getName']) {
      const original = replace(http.Agent.prototype, key, function (...args) {
        calls.push(key);
        return original.apply(this, args);
      });
    }
    for (let i = 0; i < 2; i++) {
      const { req } = await request({ port, agent });
      await new Promise((resolve) => (req.closed ? setImmediate(resolve) : req.on('close', () => setImmediate(resolve))));
    }
    expect(new Set(calls)).toEqual(new Set(['addRequest', 'createSocket', 'createConnection', 'reuseSocket', 'keepSocketAlive', 'removeSocket', 'getName']));
    expect(calls.filter((key) => key === 'createConnection')).toHaveLength(1);
  });

  it('those that were replaced before turnout was loaded are called', async () => {
    const port = await serve();
    const text = `
      const net = require('node:net');
      const { connect } = net.Socket.prototype;
      net.Socket.prototype.connect = function (...args) { console.log('connect'); return connect.apply(this, args); };
      const turnout = require('./index.js');
      turnout.get({ port: ${port}, agent: false }, (res) => res.resume().on('end', () => {
        net.Socket.prototype.connect = connect;
        turnout.get({ port: ${port}, agent: false }, (res) => res.resume().on('end', () => console.log('end', res.req.socket._handle)));
      }));`;
    for (const node of [process.execPath, ...Object.values(otherNodes())]) {
      const { out, err } = await run(['-e', text], { node });
      expect([out, err]).toEqual(['connect\nend null\n', '']);
    }
  });
});

describe("a client's socket of the engine", () => {
  it('has no bytes of a request pass through it otherwise: the engine gets them at once', async () => {
    const port = await serve();
    const req = turnout.request({ port, agent: false, method: 'POST' });
    const passed = new Promise((resolve) => req.on('socket', (socket) => setImmediate(() => resolve([socket.writableLength, req.writableFinished]))));
    req.write('a'.repeat(1000));
    expect(await passed).toEqual([0, false]);
    req.end();
    await new Promise((resolve) => req.on('response', (res) => res.resume().on('end', resolve)));
  });

  it('has the bytes of the request pass through a write() that was put on it', async () => {
    const port = await serve();
    let written = '';
    const req = turnout.request({ port, agent: false, method: 'POST' });
    req.on('socket', (socket) => {
      const { write } = socket;
      socket.write = function (chunk, ...args) {
        written += chunk;
        return write.call(this, chunk, ...args);
      };
    });
    req.end('body');
    await new Promise((resolve) => req.on('response', (res) => res.resume().on('end', resolve)));
    expect(written).toMatch(/^POST \/ HTTP\/1\.1\r\n[^]*\r\n\r\nbody$/);
  });
});
