'use strict';

/**
 * Goes through every parity case in this process and without jest.
 * `record`  writes down what node:http of the running Node, which must be 26, shows: `npm run parity:record`
 * `check`   compares turnout with that, and exits with 1 where it differs: for sanitizers, which do not go with jest's native resolver
 */

const fs = require('node:fs');
const { featuresOf, recordedOf, recordOf, traceOfNode, isHere, SIDES } = require('../support/parity');
const { traceOf } = require('../support/trace');

async function record() {
  if (!process.versions.node.startsWith('26.')) throw new Error(`record with Node 26, not ${process.versions.node}`);
  for (const side of SIDES) {
    const traces = {};
    for (const { feature, cases } of featuresOf(side)) {
      traces[feature] = {};
      for (const [title, one] of Object.entries(cases)) {
        traces[feature][title] = await traceOfNode(one).catch((error) => {
          throw new Error(`${side}/${feature}: ${title}: ${error.message}`);
        });
      }
    }
    fs.writeFileSync(recordOf(side), `${JSON.stringify(traces, null, 2)}\n`);
  }
}

async function check() {
  const turnout = require('../..');
  let count = 0;
  for (const side of SIDES) {
    const recorded = recordedOf(side);
    for (const { feature, cases } of featuresOf(side)) {
      for (const [title, one] of Object.entries(cases).filter(([, each]) => isHere(each))) {
        count++;
        const shown = await traceOf(turnout, one);
        if (shown === (one.better ?? recorded[feature]?.[title])) continue;
        console.error(`${side}/${feature}: ${title}: ${shown}`);
        process.exitCode = 1;
      }
    }
  }
  console.log(`${count} cases`);
  process.exit();
}

({ record, check })[process.argv[2]]();
