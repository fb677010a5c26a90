'use strict';

const { run } = require('./helpers/child');
const { same, ours, FILE, TURNOUT } = require('./helpers/memory-programs');

const isInline = process.env.TURNOUT_DRIVER !== 'threads';
const RESIZES = 'resize' in ArrayBuffer.prototype;

/** What a program of helpers/memory-programs.js shows with the `http` of that name. */
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

describe('memory that is not to be had', () => {
  it('for what one peer has sent closes its connection, and no other', async () => {
    expect(await traceOf('memory that JavaScript does not get', TURNOUT)).toEqual(['ECONNRESET', 'end', 'served']);
  });

  // Only a debug build can be asked for it; `npm run check:memory` makes one.
  it('in native makes everybody wait, and nothing is lost', async () => {
    expect(['whole', null]).toContainEqual(await traceOf('memory that is not to be had', TURNOUT));
  });
});
