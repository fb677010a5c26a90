'use strict';

/**
 * Goes through every parity case in this process and without jest.
 * `record`  writes down what node:http of the running Node, which must be 26, shows: `npm run parity:record`
 * `check`   compares turnout with that, and exits with 1 where it differs: for sanitizers, which do not go with jest's native resolver
 */

const fs = require('node:fs');
const { featuresOf, expectedOf, recordedOf, recordOf, traceOfNode, traceOfTurnout, staleExceptions, LANES, SIDES } = require('../support/parity');

/** Every case of a lane. @param {object} lane @param {(one: object, side: string, feature: string, title: string) => Promise} play */
async function each(lane, play) {
  for (const side of SIDES.filter((one) => lane.sides.includes(one))) {
    for (const { feature, cases } of featuresOf(side)) {
      for (const [title, one] of Object.entries(cases)) {
        if (!lane.plays(one, feature, title)) continue;
        await play(one, side, feature, title).catch((error) => {
          throw new Error(`${side}/${feature}${lane.name}: ${title}: ${error.message}`);
        });
      }
    }
  }
}

/** The first lane's traces are whole; the others have what they show besides. */
async function record() {
  if (!process.versions.node.startsWith('26.')) throw new Error(`record with Node 26, not ${process.versions.node}`);
  const stale = staleExceptions();
  if (stale.length > 0) throw new Error(`no case has what these exceptions are about: ${stale}`);
  const whole = {};
  for (const lane of LANES) {
    const traces = {};
    await each(lane, async (one, side, feature, title) => {
      const trace = await traceOfNode(one, lane);
      if (lane === LANES[0]) ((whole[side] ??= {})[feature] ??= {})[title] = trace;
      traces[side] ??= {};
      if (lane === LANES[0] || trace !== whole[side][feature][title]) (traces[side][feature] ??= {})[title] = trace;
    });
    for (const side of Object.keys(traces)) fs.writeFileSync(recordOf(side, lane), `${JSON.stringify(traces[side], null, 2)}\n`);
  }
}

async function check() {
  let count = 0;
  for (const lane of LANES) {
    await each(lane, async (one, side, feature, title) => {
      count++;
      const shown = await traceOfTurnout(one, feature, title, lane);
      if (shown === expectedOf(one, feature, title, lane, recordedOf(side, lane))) return;
      console.error(`${side}/${feature}${lane.name}: ${title}: ${shown}`);
      process.exitCode = 1;
    });
  }
  console.log(`${count} cases`);
  process.exit();
}

({ record, check })[process.argv[2]]();
