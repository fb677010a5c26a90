'use strict';

const { ClientLane } = require('../../fuzz/diff/client-lane');
const { ServerLane } = require('../../fuzz/diff/server-lane');
const { smoke } = require('../../fuzz/diff/smoke');
const turnout = require('../..');

describe('generated messages come to what Node 26 makes of them:', () => {
  it('requests', async () => {
    const { played, different } = await smoke('requests', new ServerLane(turnout));
    expect(played).toBeGreaterThan(250);
    expect(different).toEqual([]);
  });

  it('responses', async () => {
    const { played, different } = await smoke('responses', new ClientLane(turnout));
    expect(played).toBeGreaterThan(110);
    expect(different).toEqual([]);
  });
});
