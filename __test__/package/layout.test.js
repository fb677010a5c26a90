'use strict';

/** The numbers that cross between the engine and JavaScript: the addon's, those of `lib/seam/layout.js`, and the names that `lib/` takes of these. */

const fs = require('node:fs');
const path = require('node:path');
const { layout: ofAddon } = require('../../native');
const layout = require('../../lib/seam/layout');
const { program, ROOT } = require('../support/child');

const LIB = path.join(ROOT, 'lib');
const sources = fs.readdirSync(LIB, { recursive: true }).filter((name) => name.endsWith('.js')).map((name) => [name, fs.readFileSync(path.join(LIB, name), 'utf8')]);

it('lib/ has the numbers of the addon', () => {
  expect(layout).toEqual(ofAddon());
});

/** What lib/ takes: file, group, name. */
const taken = [];
for (const [file, text] of sources) {
  for (const [, names, group] of text.matchAll(/const \{([^}]*)\} = (?:require\('[./]+(?:seam\/)?layout'\)|layout)\.(\w+);/g)) {
    for (const name of names.split(',').map((one) => one.trim().split(':')[0]).filter(Boolean)) taken.push([file, group, name]);
  }
  for (const [, object, name] of text.matchAll(/\b(OP|READ)\.(\w+)/g)) taken.push([file, object === 'OP' ? 'ops' : 'readers', name]);
}

it('every name that lib/ takes is there, and each is a number', () => {
  expect(taken.length).toBeGreaterThan(100);
  expect(taken.filter(([, group, name]) => typeof layout[group]?.[name] !== 'number')).toEqual([]);
});

it('every word of a record and every flag of a message is read in lib/', () => {
  const isTaken = (group, name) => taken.some((one) => one[1] === group && one[2] === name);
  for (const group of ['words', 'messageFlags']) expect(Object.keys(layout[group]).filter((name) => !isTaken(group, name))).toEqual([]);
});

it('every command and every kind of record is somebody\'s in lib/', () => {
  const text = sources.filter(([name]) => path.basename(name) !== 'layout.js').map(([, source]) => source).join('\n');
  expect(Object.keys(layout.ops).filter((name) => !text.includes(`OP.${name}`))).toEqual([]);
  const turn = fs.readFileSync(path.join(LIB, 'connection', 'turn.js'), 'utf8');
  expect(Object.keys(layout.kinds).filter((name) => !new RegExp(`case ${name}:|kind === ${name}\\b`).test(turn))).toEqual([]);
});

it.each([
  ['another number', '{ ...numbers, ops: { ...numbers.ops, WRITE: 99 } }'],
  ['a number less', '{ ...numbers, ops: { ...numbers.ops, WRITE: undefined } }'],
  ['a number more', '{ ...numbers, ops: { ...numbers.ops, NEW: 99 } }'],
  ['numbers of one kind more', '{ ...numbers, newFlags: { NEW: 1 } }'],
  ['no numbers', 'undefined'],
])('an addon that was built of other sources, with %s, is not used', async (_, changed) => {
  const { code, err } = await program(`
    const native = require('./native.js');
    const numbers = native.layout();
    native.layout = () => (${changed});
    http.createServer().listen(0);`);
  expect(code).not.toBe(0);
  expect(err).toMatch(/is of another version .* Run "npm run build"/);
  expect(err).toMatch(/ERR_TURNOUT_ADDON/);
});
