'use strict';

/**
 * Parity cases: what turnout shows must be what node:http of Node 26 shows. On Node 26 both run here, side by side; elsewhere
 * Node 26's traces stand in `node26-traces.json`, recorded by `npm run parity:record` with a Node 26. A case with `better` is one
 * where Node's behaviour is a defect: turnout must show `better` instead.
 */

const path = require('node:path');
const { traceOf } = require('./trace');

const NODE_26 = Number(process.versions.node.split('.')[0]) >= 26;
const recorded = require('../node26-traces.json');

/** Defines the tests of `cases/<feature>.js`. */
function parity(feature) {
  const cases = require(path.join(__dirname, '..', 'cases', feature));
  describe(feature, () => {
    for (const [title, one] of Object.entries(cases)) {
      it(title, async () => {
        const expected = one.better ?? recorded[feature]?.[title];
        expect(expected).toBeDefined();
        expect(await traceOf(require('../..'), one)).toBe(expected);
        if (NODE_26) expect(await traceOf(require('node:http'), one.nodeSteps ? { ...one, steps: one.nodeSteps } : one)).toBe(recorded[feature][title]);
      });
    }
  });
}

module.exports = { parity };
