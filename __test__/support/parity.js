'use strict';

/**
 * Parity cases: what turnout shows must be what node:http of Node 26 shows. On Node 26 both run here, side by side; elsewhere
 * Node 26's traces stand in `node26-traces.json` beside the cases, recorded by `npm run parity:record` with a Node 26.
 *
 * A case, of which trace.js tells, may have
 * - `better`: Node's behaviour is a defect, and turnout must show this instead;
 * - `nodeSteps`: steps for node:http where it would never get through the others;
 * - `since`: it is about what the running Node has from that major on.
 */

const fs = require('node:fs');
const path = require('node:path');
const { traceOf } = require('./trace');

const MAJOR = Number(process.versions.node.split('.')[0]);
const FOLDER = path.join(__dirname, '..', 'parity');
const END = '.test.js';
const SIDES = ['client', 'server'];

/** By file, what parity() was given; outside jest that is all it does. */
const given = new Map();

/** @param {string} side one of SIDES @return {string} the file with Node 26's traces */
const recordOf = (side) => path.join(FOLDER, side, 'node26-traces.json');
/** @return {Record<string, Record<string, string>>} traces by feature and title */
const recordedOf = (side) => JSON.parse(fs.readFileSync(recordOf(side), 'utf8'));
const traceOfNode = (one) => traceOf(require('node:http'), one.nodeSteps ? { ...one, steps: one.nodeSteps } : one);
const isHere = (one) => MAJOR >= (one.since ?? 0);

/**
 * Defines the tests of one feature; they are named by the file.
 * @param {string} file its `__filename`
 * @param {Record<string, object>} cases by title
 */
function parity(file, cases) {
  given.set(file, cases);
  if (typeof describe !== 'function') return;
  const recorded = recordedOf(path.basename(path.dirname(file)))[path.basename(file, END)] ?? {};
  describe(path.relative(path.join(FOLDER, '..', '..'), file), () => {
    for (const [title, one] of Object.entries(cases)) {
      (isHere(one) ? it : it.skip)(title, async () => {
        const expected = one.better ?? recorded[title];
        expect(expected).toBeDefined();
        expect(await traceOf(require('../..'), one)).toBe(expected);
        if (MAJOR >= 26) expect(await traceOfNode(one)).toBe(recorded[title]);
      });
    }
  });
}

/** @return {Array<{feature: string, cases: Record<string, object>}>} all of one side, outside jest */
function featuresOf(side) {
  const folder = path.join(FOLDER, side);
  return fs.readdirSync(folder).filter((name) => name.endsWith(END)).sort().map((name) => {
    const file = path.join(folder, name);
    require(file);
    return { feature: path.basename(name, END), cases: given.get(file) };
  });
}

module.exports = { parity, featuresOf, recordedOf, recordOf, traceOfNode, isHere, SIDES };
