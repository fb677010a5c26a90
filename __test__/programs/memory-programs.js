'use strict';

/**
 * Programs that do with the memory of what they get, and of what they write, whatever JavaScript lets them: `node memory-programs.js NAME MODULE`
 * runs one on the `http` of that name and prints a trace. Without jest, so that sanitizers can watch. Those of `same` show what node:http shows.
 */

const crypto = require('node:crypto');
const net = require('node:net');
const path = require('node:path');
const { Worker, MessageChannel } = require('node:worker_threads');
const given = require('./given-memory');

const TURNOUT = path.join(__dirname, '..', '..');
const HOST = '127.0.0.1';

/** Sizes of bodies: none, in a record, in a block or slab and copied, at the end of a read and given away, several reads. */
const SIZES = [1, 63, 64, 65, 1000, 9000, 20000, 40000, 65536, 66000, 300000];

/** Ways to take memory away from who has a view of it; each returns what has been moved, or nothing where this Node has no such way. */
const WAYS = {
  structuredClone: (memory) => structuredClone(memory, { transfer: [memory] }),
  postMessage(memory) {
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(memory, [memory]);
    port1.close();
    port2.close();
  },
  transfer: (memory) => memory.transfer?.(),
};

/** Bytes that tell where they are from. */
function pattern(length, seed) {
  const bytes = Buffer.allocUnsafeSlow(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + seed) & 0xff;
  return bytes;
}

const digest = (bytes) => crypto.createHash('sha1').update(bytes).digest('hex').slice(0, 12);

/** The chunk's memory goes, after a copy of what was in it. @return {Buffer} the copy */
function take(chunk, way) {
  const copy = Buffer.from(Uint8Array.prototype.slice.call(chunk));
  way(chunk.buffer);
  return copy;
}

const listen = (server) => new Promise((resolve) => server.listen(0, HOST, () => resolve(server.address().port)));

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/** All a peer hears when it has sent `pieces`, each when the one before has left; the second one, if the first asks for leave, when it has been given. */
function exchange(port, pieces, isAsked = false) {
  return new Promise((resolve) => {
    const socket = net.connect(port, HOST);
    const heard = [];
    socket.on('data', (data) => heard.push(data)).on('error', (error) => heard.push(Buffer.from(error.code)));
    socket.on('close', () => resolve(Buffer.concat(heard)));
    const [first, ...rest] = pieces;
    const next = () => (rest.length > 0 ? socket.write(rest.shift(), next) : undefined);
    if (isAsked) socket.once('data', next);
    socket.write(first, isAsked ? undefined : next);
  });
}

const bodyOf = (answer) => String(answer).split('\r\n\r\n').slice(1).join('\r\n\r\n');
const head = (length, close = true) => `POST / HTTP/1.1\r\nHost: a\r\n${close ? 'Connection: close\r\n' : ''}Content-Length: ${length}\r\n\r\n`;

/** A server that takes the memory of each chunk and answers with the digest of all. */
function taker(http, way) {
  const server = http.createServer((req, res) => {
    const chunks = [];
    req.on('data', (chunk) => chunks.push(take(chunk, way)));
    req.on('end', () => res.end(digest(Buffer.concat(chunks))));
  });
  server.on('upgrade', (req, socket, first) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\n');
    let expected = Number(req.headers['x-length']);
    const chunks = [];
    const onData = (chunk) => {
      chunks.push(take(chunk, way));
      expected -= chunks.at(-1).length;
      if (expected === 0) socket.end(digest(Buffer.concat(chunks)));
    };
    if (first.length > 0) onData(first);
    socket.on('data', onData);
  });
  return server;
}

/** Whether each of `cases` is `fine`; names those that are not. */
async function allFine(cases, fine) {
  const wrong = [];
  for (const one of cases) if (!(await fine(one))) wrong.push(one);
  return wrong.length === 0 ? 'whole' : `wrong: ${wrong}`;
}

async function eachWay(http, act) {
  const trace = {};
  for (const [name, way] of Object.entries(WAYS)) {
    const server = taker(http, way);
    trace[name] = await act(await listen(server));
    server.close();
  }
  return trace;
}

const same = {
  'bodies of every size': (http) =>
    eachWay(http, (port) => allFine(SIZES, async (size) => {
      const body = pattern(size, size);
      return bodyOf(await exchange(port, [Buffer.concat([Buffer.from(head(size)), body])])) === digest(body);
    })),

  'a body in many pieces, large and small': (http) =>
    eachWay(http, (port) => allFine([1, 2], async (seed) => {
      const body = pattern(700000, seed);
      const pieces = [];
      for (let at = 0, i = 0; at < body.length; i++) {
        const size = [70000, 3, 33000, 12000, 65536, 700][i % 6];
        pieces.push(body.subarray(at, at + size));
        at += size;
      }
      return bodyOf(await exchange(port, [head(body.length), ...pieces])) === digest(body);
    })),

  'chunks and requests that share a packet': (http) =>
    eachWay(http, (port) => allFine([[200, 9000, 300], [9000, 34000, 9000, 5], [33000, 33000], [40000, 12000, 12000]], async (sizes) => {
      const bodies = sizes.map((size, i) => pattern(size, i));
      const chunked = ['POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'];
      for (const body of bodies) chunked.push(`${body.length.toString(16)}\r\n`, body, '\r\n');
      chunked.push('0\r\n\r\n');
      const piped = bodies.flatMap((body, i) => [head(body.length, i === bodies.length - 1), body]);
      const answer = String(await exchange(port, [Buffer.concat([...chunked, ...piped].map((part) => Buffer.from(part)))]));
      return [Buffer.concat(bodies), ...bodies].every((body) => answer.includes(`\r\n\r\n${digest(body)}`));
    })),

  'an upgraded stream': (http) =>
    eachWay(http, (port) => allFine(SIZES, async (size) => {
      const bytes = pattern(size, size);
      const request = `GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: raw\r\nX-Length: ${size * 2}\r\n\r\n`;
      const answer = await exchange(port, [Buffer.concat([Buffer.from(request), bytes]), bytes]);
      return bodyOf(answer) === digest(Buffer.concat([bytes, bytes]));
    })),

  "a response's body": async (http) => {
    const server = net.createServer((socket) => {
      socket.once('data', (data) => {
        const size = Number(/\/(\d+) /.exec(String(data))[1]);
        socket.end(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`), pattern(size, size)]));
      });
    });
    const port = await listen(server);
    const trace = {};
    for (const [name, way] of Object.entries(WAYS)) {
      trace[name] = await allFine(SIZES, (size) => new Promise((resolve, reject) => {
        http.get({ host: HOST, port, path: `/${size}`, agent: false }, (res) => {
          const chunks = [];
          res.on('data', (chunk) => chunks.push(take(chunk, way))).on('error', reject);
          res.on('end', () => resolve(digest(Buffer.concat(chunks)) === digest(pattern(size, size))));
        }).on('error', reject);
      }));
    }
    server.close();
    return trace;
  },

  'uploads moved to a worker, beside connections that keep theirs': async (http) => {
    const code = `
      const { createHash } = require('node:crypto');
      const hash = createHash('sha1');
      require('node:worker_threads').parentPort.on('message', (chunk) => {
        if (chunk !== null) hash.update(chunk);
        else require('node:worker_threads').parentPort.postMessage(hash.digest('hex').slice(0, 12));
      });`;
    const server = http.createServer((req, res) => {
      if (req.headers['x-keep']) {
        const chunks = [];
        req.on('data', (chunk) => chunks.push(chunk));
        req.on('end', () => res.end(digest(Buffer.concat(chunks))));
        return;
      }
      const worker = new Worker(code, { eval: true });
      req.on('data', (chunk) => worker.postMessage(chunk, [chunk.buffer]));
      req.on('end', () => worker.postMessage(null));
      worker.once('message', (sum) => worker.terminate().then(() => res.end(sum)));
    });
    const port = await listen(server);
    const answers = await Promise.all([0, 1, 2, 3].map(async (i) => {
      const body = pattern(2000000, i);
      const keep = i % 2 ? 'X-Keep: 1\r\n' : '';
      return bodyOf(await exchange(port, [head(body.length).replace('Host', `${keep}Host`), body])) === digest(body);
    }));
    server.close();
    return answers;
  },

  'arrays that grow with their memory after write()': async (http) => {
    if (!('resize' in ArrayBuffer.prototype)) return [];
    const grow = (length, act) => {
      const memory = new ArrayBuffer(length, { maxByteLength: 4 * length });
      act(new Uint8Array(memory).fill(0x61));
      memory.resize(2 * length);
    };
    const server = http.createServer((req, res) => {
      if (req.url === '/fixed') res.setHeader('Content-Length', 60100);
      grow(100, (bytes) => res.write(bytes));
      grow(60000, (bytes) => res.end(bytes));
    });
    const port = await listen(server);
    const trace = [];
    for (const target of ['/fixed', '/chunked']) {
      trace.push(await new Promise((resolve, reject) => {
        const req = http.request({ host: HOST, port, path: target, method: 'POST', agent: false }, (res) => {
          const chunks = [];
          res.on('data', (chunk) => chunks.push(chunk)).on('end', () => resolve(digest(Buffer.concat(chunks)) === digest(Buffer.alloc(60100, 'a'))));
        });
        req.on('error', reject);
        grow(100, (bytes) => req.write(bytes));
        req.end();
      }));
    }
    server.close();
    return trace;
  },

  'methods replaced, and setters put, that take the memory of whatever is large': async (http) => {
    const seen = new Set();
    // Sizes of the crossing's own buffers and of slabs; the program below has none of these.
    const isOurs = ({ byteLength }) => byteLength === 256 * 1024 || byteLength >= 66 * 1024 && byteLength <= 68 * 1024;
    // What is put into a hole of an array by its number is shown to these.
    for (let index = 0; index < 8; index++) {
      Object.defineProperty(Array.prototype, index, {
        configurable: true,
        get: () => undefined,
        set(value) {
          Object.defineProperty(this, index, { value, configurable: true, enumerable: true, writable: true });
          if (!ArrayBuffer.isView(value) || !isOurs(value.buffer)) return;
          seen.add(`[${index}]`);
          structuredClone(value.buffer, { transfer: [value.buffer] });
        },
      });
    }
    const port = await listen(http.createServer((req, res) => {
      // Not kept in an array, whose setters would take it: its memory is the program's.
      const hash = crypto.createHash('sha1');
      req.on('data', (chunk) => hash.update(chunk));
      req.on('end', () => res.end(`é${hash.digest('hex').slice(0, 12)}`));
    }).unref());
    const spy = (object, name) => {
      const own = object[name];
      object[name] = function replaced(...args) {
        for (const one of [this, ...args]) {
          if (ArrayBuffer.isView(one) && isOurs(one.buffer)) {
            seen.add(name);
            structuredClone(one.buffer, { transfer: [one.buffer] });
          }
        }
        return Reflect.apply(own, this, args);
      };
    };
    const names = ['latin1Slice', 'latin1Write', 'utf8Write', 'utf8Slice', 'copy', 'subarray', 'slice', 'write', 'toString', 'fill'];
    for (const name of names) spy(Buffer.prototype, name);
    for (const name of ['set', 'subarray', 'slice', 'copyWithin']) spy(Object.getPrototypeOf(Uint8Array.prototype), name);
    for (const name of ['allocUnsafe', 'allocUnsafeSlow', 'alloc', 'from', 'concat']) spy(Buffer, name);
    const whole = await allFine([5, 20000, 60000, 200000], async (size) => {
      const body = pattern(size, 1);
      // Once the request flows: what waits in its stream's array is shown to these setters, and its memory is the program's.
      const asks = head(size).replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n');
      return bodyOf((await exchange(port, [asks, body], true)).subarray(CONTINUE.length)) === `é${digest(body)}`;
    });
    return [whole, ...seen];
  },
};

Object.assign(same, given.sameOf({ SIZES, WAYS, taker, pattern, digest, head, take }));

/** More than the kernel's buffers of a connection take. */
const BULK = 16 << 20;

/** Arrays to write, and what becomes of their memory while they are under way. */
const FATES = {
  kept: () => [new ArrayBuffer(BULK), () => {}],
  transferred: () => [new ArrayBuffer(BULK), (memory) => structuredClone(memory, { transfer: [memory] })],
  shrunk: () => [new ArrayBuffer(BULK, { maxByteLength: BULK }), (memory) => memory.resize(100)],
  grown: () => [new ArrayBuffer(BULK, { maxByteLength: 2 * BULK }), (memory) => memory.resize(2 * BULK)],
  shared: () => [new SharedArrayBuffer(BULK), () => {}],
  'shared and grown': () => [new SharedArrayBuffer(BULK, { maxByteLength: 2 * BULK }), (memory) => memory.grow(2 * BULK)],
};

/** What a slow reader hears of an upgraded stream's one write, and what the writer hears. */
async function fateOf(http, fate) {
  const [memory, change] = FATES[fate]();
  const bytes = new Uint8Array(memory).fill(0x61);
  const server = http.createServer();
  const outcome = new Promise((resolve) => {
    server.on('upgrade', (req, socket) => {
      let wrote;
      socket.on('error', () => {});
      socket.write(bytes, (error) => (wrote = error?.code ?? 'written'));
      change(memory);
      socket.on('close', () => resolve(wrote));
      socket.end();
      peer.resume();
    });
  });
  const port = await listen(server);
  const peer = net.connect(port, HOST);
  let heard = 0;
  let wrong = 0;
  peer.on('data', (data) => {
    heard += data.length;
    for (const byte of data) if (byte !== 0x61) wrong++;
  });
  peer.on('error', () => {});
  peer.pause();
  peer.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n');
  const closed = new Promise((resolve) => peer.on('close', resolve));
  const wrote = await outcome;
  await closed;
  server.close();
  return `${wrote}, ${heard === BULK ? 'whole' : heard < BULK ? 'cut' : 'too much'}, ${wrong} wrong`;
}

/** node:http sends transferred memory from where it lies, whoever's it is by then; of ours no wrong byte is ever sent. */
const ours = {
  async 'written memory that changes meanwhile'(http) {
    const trace = {};
    const resizes = 'resize' in ArrayBuffer.prototype;
    for (const fate of Object.keys(FATES)) if (resizes || /^(kept|transferred|shared)$/.test(fate)) trace[fate] = await fateOf(http, fate);
    return trace;
  },

  async 'shared memory that another thread writes to'(http) {
    const memory = new SharedArrayBuffer(1 << 20);
    const code = "const bytes = new Uint8Array(require('node:worker_threads').workerData); for (let i = 0;; i++) bytes.fill(0x61 + (i & 1));";
    const worker = new Worker(code, { eval: true, workerData: memory });
    new Uint8Array(memory).fill(0x61);
    await new Promise((resolve) => worker.once('online', resolve));
    const server = http.createServer((req, res) => {
      res.write(new Uint8Array(memory, 3, 100000));
      res.end(new Uint8Array(memory, 1));
    });
    const port = await listen(server);
    const answer = await exchange(port, ['GET / HTTP/1.0\r\n\r\n']);
    const bytes = answer.subarray(answer.indexOf('\r\n\r\n') + 4);
    server.close();
    await worker.terminate();
    return [bytes.length, bytes.every((byte) => byte === 0x61 || byte === 0x62)];
  },

  /** A debug build can be asked for a lack of memory. null: this is another. */
  async 'memory that is not to be had'(http) {
    const port = require('../../lib/seam/binding').openPort();
    if (port.lack === undefined) return null;
    const server = taker(http, WAYS.structuredClone);
    const at = await listen(server);
    const fine = await allFine([[1, 0], [2, 0], [7, 0], [0, 1], [0, 3], [5, 5]], async ([allocations, calls]) => {
      const body = pattern(500000, 5);
      const answer = exchange(at, [Buffer.concat([Buffer.from(head(body.length)), body])]);
      port.lack(allocations, calls);
      return bodyOf(await answer) === digest(body);
    });
    server.close();
    return fine;
  },
};

/** What Buffer.allocUnsafeSlow does while turnout is loaded and after: so many of its calls fail. */
let failing = 0;

function failOnDemand() {
  const { allocUnsafeSlow } = Buffer;
  Buffer.allocUnsafeSlow = (size) => {
    if (failing === 0) return allocUnsafeSlow(size);
    failing--;
    throw new RangeError('Array buffer allocation failed');
  };
}

/** Memory that is not to be had in JavaScript: the connection goes, a message with a hole in it is never told. */
async function failingCopy(http) {
  const trace = [];
  const server = http.createServer((req, res) => {
    const fails = 'x-fail' in req.headers;
    req.on('error', (error) => trace.push(error.code)).on('end', () => trace.push(fails ? 'end of a message with a hole' : 'end'));
    req.on('data', () => {
      if (fails) {
        failing = 1;
        peer.write('second, third');
      } else res.end('served');
    });
  });
  const port = await listen(server);
  const peer = net.connect(port, HOST).on('error', () => {});
  peer.write('POST / HTTP/1.1\r\nHost: a\r\nX-Fail: 1\r\nContent-Length: 18\r\n\r\nfirst');
  await new Promise((resolve) => peer.on('close', resolve));
  trace.push(bodyOf(await exchange(port, [`${head(1)}a`])));
  server.close();
  return trace;
}

Object.assign(ours, given.ours, { 'memory that JavaScript does not get': failingCopy });

const programs = { ...same, ...ours };

if (require.main === module) {
  const [name, module] = process.argv.slice(2);
  process.on('uncaughtException', (error) => {
    console.log(JSON.stringify({ uncaught: error.stack }));
    process.exit(1);
  });
  if (programs[name] === failingCopy) failOnDemand();
  programs[name](require(module)).then((trace) => {
    console.log(JSON.stringify(trace));
    process.exit(/wrong: |[1-9] wrong|false|\bhole\b/.test(JSON.stringify(trace)) ? 1 : 0);
  });
}

module.exports = { same: Object.keys(same), ours: Object.keys(ours), TURNOUT, FILE: __filename };
