'use strict';

/**
 * Programs of memory-programs.js over streams that both are given: sockets, TLS, and a Duplex whose program has all of its memory, and may share it, resize
 * it, write to it again or give it away. What handlers get of bodies is their own.
 */

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const tls = require('node:tls');
const { Duplex } = require('node:stream');

const fixture = (name) => fs.readFileSync(path.join(__dirname, '..', 'support', name));
const HOST = '127.0.0.1';
const RESIZES = 'resize' in ArrayBuffer.prototype;

/** Brings what the program pushes, as it is; `written` is what was written to it. */
class Line extends Duplex {
  written = [];

  _read() {}

  _write(chunk, encoding, done) {
    this.written.push(Buffer.from(Uint8Array.prototype.slice.call(chunk)));
    done();
  }
}

const rounds = async (count) => {
  for (let n = 0; n < count; n++) await new Promise(setImmediate);
};

/** A chunk of those bytes, by whose memory it is. */
const CHUNKS = {
  'memory of its own': (bytes) => Buffer.from(Uint8Array.prototype.slice.call(bytes).buffer),
  'a part of some memory': (bytes) => inMemory(new ArrayBuffer(bytes.length + 8), bytes),
  'shared memory': (bytes) => inMemory(new SharedArrayBuffer(bytes.length + 8), bytes),
  ...(RESIZES && { 'memory that can be resized': (bytes) => inMemory(new ArrayBuffer(bytes.length + 8, { maxByteLength: 2 * bytes.length + 8 }), bytes) }),
};

function inMemory(memory, bytes) {
  const chunk = Buffer.from(memory, 3, bytes.length);
  chunk.set(bytes);
  return chunk;
}

/** What becomes of a chunk's memory when it has been pushed. */
const AFTERWARDS = {
  nothing() {},
  'written to again': (chunk) => void chunk.fill(0x7a),
  'given away': ({ buffer }) => void (buffer instanceof ArrayBuffer && buffer.byteLength > 0 && structuredClone(buffer, { transfer: [buffer] })),
  'shrunk, or grown': ({ buffer }) => void (buffer.resizable && buffer.resize(buffer.byteLength > 100 ? 1 : buffer.maxByteLength)),
};

/** @param {object} tools of memory-programs.js @return {object} programs that show the same on node:http and on ours */
function sameOf({ SIZES, WAYS, taker, pattern, digest, head, take }) {
  /** Two requests in a packet, the first one's body in pieces; and what is to be answered. */
  function packet(size) {
    const body = pattern(size, size);
    const at = Math.ceil(size / 3);
    const pieces = [body.subarray(0, at), body.subarray(at)].filter(({ length }) => length > 0);
    const chunked = pieces.flatMap((piece) => [`${piece.length.toString(16)}\r\n`, piece, '\r\n']);
    const parts = ['POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n', ...chunked, '0\r\n\r\n', head(size), body];
    return [Buffer.concat(parts.map((part) => Buffer.from(part))), digest(body)];
  }

  const answersOf = (bytes) => String(bytes).match(/[0-9a-f]{12}(?=HTTP|$)/g)?.join();

  /** What `server` answers to a packet, over a stream that `front` gives it. */
  async function askedThrough(front, connect, size) {
    const [bytes, sum] = packet(size);
    await new Promise((resolve) => front.listen(0, HOST, resolve));
    const heard = await new Promise((resolve) => {
      const peer = connect(front.address().port).on('error', () => {});
      const chunks = [];
      peer.on('data', (chunk) => chunks.push(chunk)).on('close', () => resolve(Buffer.concat(chunks)));
      peer.write(bytes);
    });
    front.close();
    return answersOf(heard) === `${sum},${sum}`;
  }

  const SOCKETS = {
    socket: [(give) => net.createServer(give), (port) => net.connect(port, HOST)],
    tls: [
      (give) => tls.createServer({ key: fixture('key.pem'), cert: fixture('cert.pem') }, give),
      (port) => tls.connect({ port, host: HOST, rejectUnauthorized: false }),
    ],
  };

  return {
    async 'bodies over sockets and TLS that a server is given'(http) {
      const trace = {};
      for (const [kind, [front, connect]] of Object.entries(SOCKETS)) {
        for (const [name, way] of Object.entries(WAYS)) {
          const server = taker(http, way);
          const wrong = [];
          for (const size of SIZES) if (!(await askedThrough(front((socket) => server.emit('connection', socket)), connect, size))) wrong.push(size);
          trace[`${kind}, ${name}`] = wrong.length === 0 ? 'whole' : `wrong: ${wrong}`;
        }
      }
      return trace;
    },

    async 'bodies of streams whose program has their memory'(http) {
      const trace = {};
      for (const [kind, chunkOf] of Object.entries(CHUNKS)) {
        for (const [fate, change] of Object.entries(AFTERWARDS)) {
          const server = taker(http, WAYS.structuredClone);
          const wrong = [];
          for (const size of SIZES) {
            const [bytes, sum] = packet(size);
            const line = new Line();
            server.emit('connection', line);
            await rounds(2);
            const chunk = chunkOf(bytes);
            line.push(chunk);
            change(chunk);
            await rounds(8);
            line.destroy();
            if (answersOf(Buffer.concat(line.written)) !== `${sum},${sum}`) wrong.push(size);
          }
          trace[`${kind}, ${fate}`] = wrong.length === 0 ? 'whole' : `wrong: ${wrong}`;
        }
      }
      return trace;
    },

    async 'a response over a stream whose program has its memory'(http) {
      const trace = {};
      for (const [kind, chunkOf] of Object.entries(CHUNKS)) {
        for (const [fate, change] of Object.entries(AFTERWARDS)) {
          const wrong = [];
          for (const size of SIZES) {
            const line = new Line();
            const body = pattern(size, size);
            const req = http.get({ createConnection: () => line, host: HOST });
            const chunks = [];
            req.on('error', () => {}).on('response', (res) => res.on('data', (data) => chunks.push(take(data, WAYS.structuredClone))));
            await rounds(3);
            const chunk = chunkOf(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`), body]));
            line.push(chunk);
            change(chunk);
            await rounds(8);
            line.destroy();
            if (digest(Buffer.concat(chunks)) !== digest(body)) wrong.push(size);
          }
          trace[`${kind}, ${fate}`] = wrong.length === 0 ? 'whole' : `wrong: ${wrong}`;
        }
      }
      return trace;
    },
  };
}

/** Memory that goes while what lies in it is being told: the connection closes, and nobody is shown what lies there by then. node:http reads on. */
const ours = {
  async 'memory of a given stream that goes while it is parsed'(http) {
    const trace = {};
    const text = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 400\r\n\r\n';
    for (const [kind, chunkOf] of Object.entries(CHUNKS)) {
      for (const [fate, change] of Object.entries(AFTERWARDS)) {
        const line = new Line();
        const chunk = chunkOf(Buffer.from(text + 'a'.repeat(400) + text + 'a'.repeat(400)));
        const heard = [];
        const server = http.createServer((req) => {
          change(chunk);
          req.on('data', (data) => heard.push(/^(?:a*|z*)$/.test(String(data)) ? data.length : 'wrong: others'));
          req.on('error', ({ code }) => heard.push(code));
        });
        server.emit('connection', line);
        await rounds(2);
        line.push(chunk);
        await rounds(6);
        trace[`${kind}, ${fate}`] = [...heard, line.destroyed ? 'closed' : 'open'].join();
        line.destroy();
      }
    }
    return trace;
  },
};

module.exports = { ours, sameOf };
