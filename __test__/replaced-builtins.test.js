'use strict';

/**
 * A program may put its own function in the place of any built-in. Whatever node:http survives of that, turnout survives: on the way of a
 * request, an upgrade, a client's request nothing of ours asks a built-in what it is today.
 */

const path = require('node:path');
const { run } = require('./helpers/child');

const FIXTURE = path.join(__dirname, 'fixtures', 'replaced-builtins.js');
const PATIENCE = 90_000;

/** Buffer's latin1Write() of Node 26 reads the getter, and what leaves is written with that. */
const EXCUSED = ['TypedArray.prototype.byteLength'];

/** @return {Promise<Map<string, boolean[]>>} what works while the built-in of that name throws, of those under which something fails */
async function failures(file, names) {
  const found = new Map();
  let next = 0;
  while (next !== -1) {
    const from = next;
    next = undefined;
    const { out, err } = await run([FIXTURE, file, String(from), ...(names ? [JSON.stringify(names)] : [])], { patience: PATIENCE });
    for (const line of out.trim().split('\n')) {
      const said = JSON.parse(line);
      if (said.name === undefined) ({ next } = said);
      else found.set(said.name, said.works);
    }
    if (next === undefined) throw new Error(`nothing said behind ${from}: ${err}`);
  }
  return found;
}

/** @return {Promise<string[]>} names of built-ins without which something fails that works with node:http, of `names` or all */
async function worseThanNode(names) {
  const ours = await failures(path.join(__dirname, '..'), names);
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
