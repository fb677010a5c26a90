'use strict';

const { smoke } = require('../../fuzz/diff/programs/smoke');

/** Milliseconds for all of them; each is played in a process of its own kind, one after the other. */
const PATIENCE = 120_000;

describe('generated programs', () => {
  it('come to what they come to on node:http of Node 26', async () => {
    const { played, different } = await smoke(process.env.TURNOUT_DRIVER === 'threads' ? 'threads' : 'inline');
    expect(played).toBeGreaterThan(100);
    expect(different).toEqual([]);
  }, PATIENCE);

  it('come to the same over streams that the server is given', async () => {
    const { played, different } = await smoke('streams');
    expect(played).toBeGreaterThan(60);
    expect(different).toEqual([]);
  }, PATIENCE);
});
