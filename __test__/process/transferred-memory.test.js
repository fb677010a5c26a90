'use strict';

const net = require('node:net');
const { once } = require('node:events');
const http = require('../..');
const { run } = require('../support/child');
const { same, ours, FILE, TURNOUT } = require('../programs/memory-programs');

const isInline = process.env.TURNOUT_DRIVER !== 'threads';
const RESIZES = 'resize' in ArrayBuffer.prototype;

/** What a program of programs/memory-programs.js shows with the `http` of that name. */
async function traceOf(name, module) {
  const { out, err, signal } = await run([FILE, name, module]);
  expect({ err, signal }).toEqual({ err: '', signal: null });
  return JSON.parse(out);
}

describe("memory of a program's chunks is its own", () => {
  it.each(same)('%s: as with node:http, whatever becomes of it', async (name) => {
    const [turnout, node] = await Promise.all([traceOf(name, TURNOUT), traceOf(name, 'node:http')]);
    expect(turnout).toEqual(node);
    expect(JSON.stringify(turnout)).not.toMatch(/wrong|uncaught|false/);
  });

  it('has nothing else in it, unless the chunk is large', async () => {
    const code = `
      const http = require('./index.js');
      const server = http.createServer((req, res) => req.on('data', (chunk) => {
        console.log(chunk.length, chunk.byteOffset, chunk.buffer.byteLength);
      }).on('end', () => res.end()));
      server.listen(0, '127.0.0.1', async () => {
        for (const size of [1, 1000, 20000]) {
          await new Promise((resolve) => {
            const req = http.request({ port: server.address().port, method: 'POST', agent: false }, (res) => res.resume().on('end', resolve));
            req.end(Buffer.alloc(size));
          });
        }
        server.close();
      });`;
    const { out } = await run(['-e', code]);
    expect(out).toBe('1 0 1\n1000 0 1000\n20000 0 20000\n');
  });
});

describe('memory that is written from', () => {
  it.each(ours.filter((name) => /written|shared/.test(name)))('%s: no wrong byte leaves', async (name) => {
    const whole = 'written, whole, 0 wrong';
    // Threads have copied it; what the JavaScript thread's own driver still has to send is gone.
    const cut = isInline ? 'EFAULT, cut, 0 wrong' : whole;
    const expected = {
      'written memory that changes meanwhile': RESIZES
        ? { kept: whole, transferred: cut, shrunk: cut, grown: whole, shared: whole, 'shared and grown': whole }
        : { kept: whole, transferred: cut, shared: whole },
      'shared memory that another thread writes to': [1148575, true],
    };
    expect(await traceOf(name, TURNOUT)).toEqual(expected[name]);
  });
});

describe('memory that a given stream has brought', () => {
  it('closes the connection when it goes while it is parsed', async () => {
    const [whole, gone] = ['400,400,open', 'ECONNRESET,closed'];
    const expected = {};
    for (const kind of ['memory of its own', 'a part of some memory', 'shared memory', ...(RESIZES ? ['memory that can be resized'] : [])]) {
      for (const fate of ['nothing', 'written to again', 'given away', 'shrunk, or grown']) expected[`${kind}, ${fate}`] = whole;
      if (kind !== 'shared memory') expected[`${kind}, given away`] = gone;
    }
    if (RESIZES) expected['memory that can be resized, shrunk, or grown'] = gone;
    expect(await traceOf('memory of a given stream that goes while it is parsed', TURNOUT)).toEqual(expected);
  });
});

describe('what was written of memory that is given away before it is sent', () => {
  const lost = expect.objectContaining({ code: 'EFAULT', syscall: 'write' });
  /** A chunk of that size, and how to take its memory. */
  function chunkOf(size) {
    const chunk = Buffer.allocUnsafeSlow(size).fill('a');
    return [chunk, () => structuredClone(chunk.buffer, { transfer: [chunk.buffer] })];
  }
  /** Writes a chunk to `message` and takes its memory before the tick is over. @return {Promise<Error[]>} what both callbacks hear */
  function writeAndTake(message, size) {
    const [chunk, take] = chunkOf(size);
    const written = new Promise((resolve) => message.write(chunk, resolve));
    take();
    return Promise.all([written, new Promise((resolve) => message.end('z', resolve))]);
  }

  it.each([
    ['chunked', 'at the end of its tick', 500],
    ['chunked and large', 'at the end of its tick', 100_000],
    ['chunked', 'when its turn has come', 500],
    ['chunked and large', 'when its turn has come', 100_000],
    ['of a known length', 'when its turn has come', 500],
    ['of a known length and large', 'when its turn has come', 100_000],
  ])('closes the connection: a response, %s, that would leave %s', async (framing, moment, size) => {
    const isQueued = moment === 'when its turn has come';
    let first;
    let told;
    const server = http.createServer((req, res) => {
      if (req.url === '/first') return void (first = res);
      if (framing.startsWith('of')) res.setHeader('Content-Length', size + 1);
      told = writeAndTake(res, size);
      first?.end('first');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const peer = net.connect(server.address().port, '127.0.0.1');
    let text = '';
    peer.on('data', (data) => (text += data)).on('error', () => {});
    peer.write(`${isQueued ? 'GET /first HTTP/1.1\r\nHost: a\r\n\r\n' : ''}GET / HTTP/1.1\r\nHost: a\r\n\r\n`);
    await once(peer, 'close');
    await once(server.close(), 'close');
    expect(await told).toEqual([lost, lost]);
    expect(text).not.toMatch(/z/);
    expect(text.includes('first')).toBe(isQueued);
  });

  it.each([500, 100_000])('fails the request: %d bytes before it has a connection', async (size) => {
    const server = net.createServer((socket) => socket.on('error', () => {}).resume());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const req = http.request({ port: server.address().port, host: '127.0.0.1', method: 'POST', agent: false });
    const failed = new Promise((resolve) => req.on('error', resolve));
    const closed = new Promise((resolve) => req.on('close', resolve));
    const [written, ended] = await writeAndTake(req, size);
    expect([written, await failed, ended.code]).toEqual([lost, lost, 'ERR_STREAM_DESTROYED']);
    await closed;
    server.close();
  });

  it('is nothing where it was nothing before: empty and detached chunks', async () => {
    const server = http.createServer((req, res) => {
      const [chunk, take] = chunkOf(500);
      take();
      res.write('a');
      res.write(chunk);
      res.write(Buffer.alloc(0));
      res.write(new Uint8Array(0));
      res.end(chunk);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const [res] = await once(http.get({ port: server.address().port, host: '127.0.0.1', agent: false }), 'response');
    let text = '';
    for await (const part of res.setEncoding('utf8')) text += part;
    expect(text).toBe('a');
    server.close();
  });
});

describe('memory that is not to be had', () => {
  it('for what one peer has sent closes its connection, and no other', async () => {
    expect(await traceOf('memory that JavaScript does not get', TURNOUT)).toEqual(['ECONNRESET', 'end', 'served']);
  });

  // Only a debug build can be asked for it; `npm run check:memory` makes one.
  it('in native makes everybody wait, and nothing is lost', async () => {
    expect(['whole', null]).toContainEqual(await traceOf('memory that is not to be had', TURNOUT));
  });
});
