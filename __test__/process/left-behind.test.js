'use strict';

const path = require('node:path');
const { run } = require('../support/child');

/** Connections of a round; a hundred thousand with TURNOUT_BIG=1. Every kind of connection-kinds.js has the same share. */
const SIZE = process.env.TURNOUT_BIG ? 100_000 : 2400;
const ROUNDS = 5;
const PROGRAM = path.join(__dirname, '..', 'programs', 'connection-kinds.js');

const KIB = 1024;
/**
 * Bytes of growth from one round to the next, once collected: what is left behind grows with every round, so the least growth counts. (What V8 has not collected yet comes and goes by 200 KiB.)
 * A twenty-fourth of a round that left its objects behind would be more.
 */
const HEAP_ROOM = 256 * KIB;
const EXTERNAL_ROOM = 1024 * KIB;
/** Of resident memory: what malloc keeps, and pages of V8's that came in later. A connection that left 1 KiB behind would be more with BIG. */
const RSS_ROOM = 48 * KIB * KIB;

describe('connections of every kind', () => {
  it('leave nothing behind', async () => {
    const patience = process.env.TURNOUT_BIG ? 600_000 : 30_000;
    const { out, err } = await run(['--expose-gc', PROGRAM, String(SIZE), String(ROUNDS)], { patience });
    expect(err).toBe('');
    const { left } = JSON.parse(out);
    if (process.env.TURNOUT_BIG) process.stdout.write(`${process.env.TURNOUT_DRIVER ?? 'inline'} ${JSON.stringify(left, null, 1)}\n`);
    expect(left.length).toBe(ROUNDS + 1);
    const [first, ...rounds] = left;
    const after = rounds.at(-1);
    const grown = (name) => Math.min(...rounds.slice(1).map((round, i) => round[name] - rounds[i][name]));
    expect(after.connections).toBe(0);
    expect(after.engine).toMatchObject({ connections: 0, connecting: 0, deadlines: 0, queued: 0, undelivered: 0, tracked: 0, servers: 1 });
    expect(after.engine.free).toBe(after.engine.slots);
    // The peers of the program are its own: as many as are ever open together, twice while a slot waits for its CLOSED record to be taken.
    expect(after.engine.slots).toBeLessThanOrEqual(192);
    expect(after.engine.blocks).toBeLessThanOrEqual(64);
    expect(after.engine.slabs).toBeLessThanOrEqual(16);
    for (const name of ['resources', 'descriptors']) expect({ [name]: after[name] }).toEqual({ [name]: first[name] });
    expect(grown('heap')).toBeLessThan(HEAP_ROOM);
    expect(grown('external')).toBeLessThan(EXTERNAL_ROOM);
    expect(grown('rss')).toBeLessThan(RSS_ROOM);
  }, 660_000);
});
