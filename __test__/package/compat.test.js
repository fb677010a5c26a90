'use strict';

const { run, otherNodes } = require('../support/child');

describe('the face of node:http', () => {
  it.each(Object.entries({ 'this Node': process.execPath, ...otherNodes() }))('is ours on %s, except for what is documented', async (_, node) => {
    const { code, out } = await run(['compat/run.js', '--node', node]);
    const summary = out.trimEnd().split('\n').at(-1);
    expect(out.split('\n').filter((line) => line.startsWith('✗'))).toEqual([]);
    // The list is whole: thousands of members, most of them alike.
    const [, members, alike] = /: (\d+) members, (\d+) alike/.exec(summary).map(Number);
    expect(members).toBeGreaterThan(3500);
    expect(alike / members).toBeGreaterThan(0.8);
    expect(code).toBe(0);
  });

  it('is compared member by member', () => {
    const { compare } = require('../../compat/compare');
    const member = (value, more) => ({ value, form: 'data', flags: 'wec', own: true, ...more });
    const kinds = (host, newest, ours) => compare({ ...host }, { ...newest }, { ...ours }).map((row) => [row.path, row.kinds, row.reason]);
    const a = { 'http › a': member('function(1)') };
    expect(kinds(a, a, a)).toEqual([['http › a', [], null]]);
    expect(kinds(a, a, {})).toEqual([['http › a', ['absent'], null]]);
    expect(kinds({}, {}, a)).toEqual([['http › a', ['extra'], null]]);
    expect(kinds(a, a, { 'http › a': member('function(2)', { flags: '-ec' }) })).toEqual([['http › a', ['value', 'writable'], null]]);
    // As Node 26 has it, or as the running Node has it: both are right.
    expect(kinds({}, a, a)).toEqual([['http › a', [], null]]);
    expect(kinds(a, {}, a)).toEqual([['http › a', [], null]]);
    expect(kinds({}, {}, { 'http › websocketMask': member('function(5)') })[0][2]).toMatch(/ws/);
  });
});
