'use strict';

const { ClientLane } = require('../../fuzz/diff/client-lane');
const { ServerLane } = require('../../fuzz/diff/server-lane');
const { smoke } = require('../../fuzz/diff/smoke');
const { throughEmit } = require('../../fuzz/diff/ways');
const turnout = require('../..');

/** Milliseconds for all of them: some wait for what a message may still say after its connection has closed. */
const PATIENCE = 20_000;

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

  it('requests over streams that the server is given', async () => {
    const { played, different } = await smoke('stream-requests', new ServerLane(turnout, {}, throughEmit));
    expect(played).toBeGreaterThan(220);
    expect(different).toEqual([]);
  }, PATIENCE);

  it('responses over streams that the request is given', async () => {
    const { played, different } = await smoke('stream-responses', new ClientLane(turnout, true));
    expect(played).toBeGreaterThan(80);
    expect(different).toEqual([]);
  }, PATIENCE);
});
