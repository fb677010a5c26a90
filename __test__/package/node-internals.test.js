'use strict';

/** The names that Node keeps to itself and turnout uses: that they are there, on every Node that is supported, and what happens without one. */

const internals = require('../../lib/base/node-internals');
const { run, otherNodes } = require('../support/child');

/** The Nodes turnout is for; those that TURNOUT_NODES does not name, and that do not run this, are left out. */
const SUPPORTED = [20, 22, 24, 26];
const majorOf = (version) => Number(version.slice(1).split('.')[0]);
const installed = new Map(Object.entries({ ...otherNodes(), [process.version]: process.execPath }).map(([version, node]) => [majorOf(version), node]));

/** What has the names that `owner` has, except for `key`. */
const without = (owner, key) =>
  new Proxy(
    {},
    {
      has: (target, name) => name !== key && name in owner,
      ownKeys: () => Reflect.ownKeys(owner).filter((name) => `[${name.description}]` !== key),
    },
  );

describe('private names of Node', () => {
  for (const major of SUPPORTED) {
    const node = installed.get(major);
    const asked = node === undefined ? it.skip : it;
    asked(`are there on Node ${major}${node === undefined ? ' (not asked: TURNOUT_NODES names none)' : ''}`, async () => {
      const { out, err } = await run(['__test__/programs/node-internals.js'], { node });
      expect([JSON.parse(out || '{}'), err]).toEqual([{ missing: [], silent: [] }, '']);
    });
  }

  it('each say what they are for, and what goes wrong without them', () => {
    for (const { of, key, why, without: loss } of internals.NAMES) expect([of, key, why?.length > 0, loss?.length > 0]).toEqual([of, key, true, true]);
    const names = internals.NAMES.map(internals.nameOf);
    expect(new Set(names).size).toBe(names.length);
  });

  it('are missed by their name', () => {
    const present = internals.owners();
    const looked = internals.NAMES.filter(({ of, needed }) => of in present && needed === undefined);
    expect(looked.length).toBeGreaterThan(30);
    for (const name of looked) {
      const found = { ...present, [name.of]: without(present[name.of], name.key) };
      expect(() => internals.check(found)).toThrow(
        expect.objectContaining({ code: 'ERR_TURNOUT_NODE', message: expect.stringContaining(`does not have ${internals.nameOf(name)} any more`) }),
      );
    }
  });

  it.each([
    ['process._tickCallback', 'delete process._tickCallback'],
    ['net.Server.prototype._listen2', "delete require('node:net').Server.prototype._listen2"],
    ['an http.OutgoingMessage[kOutHeaders]', "const find = Object.getOwnPropertySymbols; Object.getOwnPropertySymbols = (object) => find(object).filter((one) => one.description !== 'kOutHeaders')"],
  ])('end the loading of turnout when one is taken away: %s', async (name, taken) => {
    for (const node of installed.values()) {
      const { out } = await run(['-e', `${taken}; try { require('./index.js'); } catch (error) { console.log(error.code, error.message); }`], { node });
      expect(out).toContain('ERR_TURNOUT_NODE Node');
      expect(out).toContain(`does not have ${name} any more, which turnout needs`);
    }
  });

  it('may be missing where turnout does without', () => {
    const present = internals.owners();
    for (const name of internals.NAMES.filter(({ of, needed }) => of in present && needed === false)) {
      const owner = present[name.of];
      if (internals.has(owner, name.key)) internals.check({ ...present, [name.of]: without(owner, name.key) });
    }
  });
});
