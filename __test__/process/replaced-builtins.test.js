'use strict';

/**
 * A program may put its own function in the place of any built-in. Whatever node:http survives of that, turnout survives: on the way of a
 * request, an upgrade, a client's request nothing of ours asks a built-in what it is today.
 */

const net = require('node:net');
const path = require('node:path');
const turnout = require('../..');
const { run, ROOT } = require('../support/child');

const PROGRAM = path.join(__dirname, '..', 'programs', 'replaced-builtins.js');
const PATIENCE = 90_000;

const EXCUSED = [
  // As the agent of Node 26: whoever puts a function there is called. That of Node 20 has kept what was there when it started.
  'net.createConnection',
  // Buffer's latin1Write() of Node 26 reads the getter, and what leaves is written with that.
  'TypedArray.prototype.byteLength',
  // What reads and writes the two buffers of records.
  'Buffer.alloc',
  'Buffer.allocUnsafe',
  'Buffer.prototype.latin1Slice',
  'Buffer.prototype.latin1Write',
  'Buffer.prototype.utf8Write',
  'Buffer.prototype.copy',
  'TypedArray.prototype.set',
  'TypedArray.prototype.buffer',
  'TypedArray.prototype.byteOffset',
  'globalThis.Buffer',
];

/** Most of the time is spent waiting. */
const PROCESSES = 4;

/** Adds to `found` what works while the built-in of a name throws, of those under which something fails; of every PROCESSESth built-in. */
async function look(found, file, first, names) {
  let next = first;
  while (next !== -1) {
    const from = next;
    next = undefined;
    const args = [PROGRAM, file, String(from), String(PROCESSES), ...(names ? [JSON.stringify(names)] : [])];
    const { out, err } = await run(args, { patience: PATIENCE });
    for (const line of out.trim().split('\n')) {
      const said = JSON.parse(line);
      if (said.name === undefined) ({ next } = said);
      else found.set(said.name, said.works);
    }
    if (next === undefined) throw new Error(`nothing said after ${from}: ${err}`);
  }
}

async function failures(file, names) {
  const found = new Map();
  await Promise.all(Array.from({ length: PROCESSES }, (_, i) => look(found, file, i, names)));
  return found;
}

/** @return {Promise<string[]>} names of built-ins without which something fails that works with node:http, of `names` or all */
async function worseThanNode(names) {
  const ours = await failures(ROOT, names);
  const nodes = await failures('node:http', [...ours.keys()]);
  const isWorse = ([name, works]) => works.some((ok, i) => ok === false && (nodes.get(name)?.[i] ?? !nodes.has(name)));
  return [...ours].filter(isWorse).map(([name]) => name);
}

it('works without each built-in that node:http works without', async () => {
  const suspects = await worseThanNode();
  // On a busy machine patience may have ended too soon.
  const worse = suspects.length === 0 ? [] : await worseThanNode(suspects);
  expect(worse.filter((name) => !EXCUSED.includes(name))).toEqual([]);
}, 2 * PATIENCE);

it("a head beyond ASCII leaves though Buffer's methods throw", async () => {
  const server = turnout.createServer((req, res) => {
    const { latin1Slice } = Buffer.prototype;
    Buffer.prototype.latin1Slice = () => {
      throw new Error('replaced');
    };
    try {
      res.writeHead(200, { 'X-Name': 'é' });
      res.end(Buffer.from('x'));
    } finally {
      Buffer.prototype.latin1Slice = latin1Slice;
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const peer = net.connect(server.address().port, '127.0.0.1');
  peer.end('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  let heard = '';
  await new Promise((resolve) => peer.setEncoding('latin1').on('data', (text) => (heard += text)).on('close', resolve));
  expect(heard).toContain('X-Name: é\r\n');
  await new Promise((resolve) => server.close(resolve));
});
