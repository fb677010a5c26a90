'use strict';

/**
 * As parity.js, for the client: what turnout's client shows must be what node:http's of Node 26 shows, whose traces stand in
 * `node26-client-traces.json`, recorded by `node __test__/helpers/client-parity.js` with a Node 26.
 */

const fs = require('node:fs');
const path = require('node:path');
const { clientTraceOf } = require('./client-trace');

const TRACES = path.join(__dirname, '..', 'node26-client-traces.json');
const CASES = path.join(__dirname, '..', 'client-cases');
const MAJOR = Number(process.versions.node.split('.')[0]);
const NODE_26 = MAJOR >= 26;

/** Defines the tests of `client-cases/<feature>.js`. A case with `since` is about what the running Node has from that major on. */
function clientParity(feature) {
  const recorded = JSON.parse(fs.readFileSync(TRACES, 'utf8'));
  describe(`client ${feature}`, () => {
    for (const [title, one] of Object.entries(require(path.join(CASES, feature)))) {
      (MAJOR >= (one.since ?? 0) ? it : it.skip)(title, async () => {
        const expected = one.better ?? recorded[feature]?.[title];
        expect(expected).toBeDefined();
        expect(await clientTraceOf(require('../..'), one)).toBe(expected);
        if (NODE_26) expect(await clientTraceOf(require('node:http'), one)).toBe(recorded[feature][title]);
      });
    }
  });
}

async function record() {
  if (!process.versions.node.startsWith('26.')) throw new Error(`record with Node 26, not ${process.versions.node}`);
  const traces = {};
  for (const file of fs.readdirSync(CASES).sort()) {
    const feature = path.basename(file, '.js');
    traces[feature] = {};
    for (const [title, one] of Object.entries(require(path.join(CASES, file)))) {
      traces[feature][title] = await clientTraceOf(require('node:http'), one).catch((error) => {
        throw new Error(`${feature}: ${title}: ${error.message}`);
      });
    }
  }
  fs.writeFileSync(TRACES, `${JSON.stringify(traces, null, 2)}\n`);
}

if (require.main === module) record();

module.exports = { clientParity };
