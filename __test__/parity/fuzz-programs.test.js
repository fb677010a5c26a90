'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { smoke } = require('../../fuzz/diff/programs/smoke');

/** Milliseconds for all of them; each is played in a process of its own kind, one after the other. */
const PATIENCE = 120_000;
/** While node:http answers on streams that turnout is given, they show what the running Node makes of them. */
const isNodes = fs.existsSync(path.join(__dirname, '..', '..', 'lib', 'server', 'foreign-connections.js'));
const ofNode26 = isNodes && !process.versions.node.startsWith('26.') ? it.skip : it;

describe('generated programs', () => {
  it('come to what they come to on node:http of Node 26', async () => {
    const { played, different } = await smoke(process.env.TURNOUT_DRIVER === 'threads' ? 'threads' : 'inline');
    expect(played).toBeGreaterThan(100);
    expect(different).toEqual([]);
  }, PATIENCE);

  ofNode26('come to the same over streams that the server is given', async () => {
    const { played, different } = await smoke('streams');
    expect(played).toBeGreaterThan(80);
    expect(different).toEqual([]);
  }, PATIENCE);
});
