'use strict';

/**
 * The smoke run of `npm test`: few cases, on any Node, against what node:http of Node 26 made of them. `recorded` holds for each case
 * the digest of the outcome wanted: node:http's, or turnout's where an entry of `allowed.js` says why they differ; null where
 * node:http itself is of two minds. `npm run fuzz:record` writes it.
 */

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { essence, isSplit, same } = require('./compare');
const { Players, SIDES } = require('./players');

const RECORDED = path.join(__dirname, 'node26-outcomes.json');
const SEED = 2026;
const CASES = { requests: 300, responses: 150, 'stream-requests': 300, 'stream-responses': 150 };
/** A case is recorded when that many runs of it give the same. */
const RUNS = 4;

const casesOf = (side) => Array.from({ length: CASES[side] }, (_, n) => SIDES[side].caseOf(n, { seed: SEED }));

/** @return {string} */
function digest(outcome, one) {
  return crypto.createHash('sha1').update(JSON.stringify(essence(outcome, one))).digest('hex').slice(0, 12);
}

/** Whether it depends on timing how much of a case is read: packets come after an answer that closes, or after a whole response. */
function races(outcome, one) {
  if (!isSplit(one)) return false;
  if (one.side === 'response') return outcome.messages.some(({ end }) => end.endsWith(' true'));
  return outcome.wire === '' || outcome.wire.includes('Connection: close');
}

/** What is wanted of a case, from several runs of it. */
async function recordOne(players, one) {
  const digests = new Set();
  for (let run = 0; run < RUNS; run++) {
    const { outcomes, difference, allowed } = await players.judge(one);
    if (difference !== undefined) throw new Error(`${one.side} case ${one.n} of seed ${SEED} differs: see npm run fuzz:diff`);
    const { node, ...turnout } = outcomes;
    if (Object.values(outcomes).some((outcome) => races(outcome, one))) return null;
    for (const outcome of Object.values(turnout)) digests.add(digest(outcome, one));
    if (allowed === undefined && !Object.values(turnout).every((outcome) => same(node, outcome, one))) return null;
  }
  return digests.size === 1 ? [...digests][0] : null;
}

async function record() {
  if (!process.versions.node.startsWith('26.')) throw new Error(`record with Node 26, not ${process.versions.node}`);
  const recorded = {};
  for (const side of Object.keys(CASES)) {
    const players = new Players(side, require('node:http'), require('../..'));
    recorded[side] = [];
    for (const one of casesOf(side)) recorded[side].push(await recordOne(players, one));
    players.close();
  }
  fs.writeFileSync(RECORDED, `${JSON.stringify(recorded, null, 1)}\n`);
  process.exit();
}

/**
 * @param {string} side of CASES
 * @param {{play(one: object): Promise<object>, close(): void}} lane
 * @return {Promise<{played: number, different: object[]}>}
 */
async function smoke(side, lane) {
  const wanted = JSON.parse(fs.readFileSync(RECORDED, 'utf8'))[side];
  const different = [];
  let played = 0;
  for (const one of casesOf(side)) {
    if (wanted[one.n] === null) continue;
    played += 1;
    let outcome = await lane.play(one);
    // What passes through a kernel on its way is not always read in the same pieces.
    if (one.over !== undefined && digest(outcome, one) !== wanted[one.n]) outcome = await lane.play(one);
    if (digest(outcome, one) !== wanted[one.n]) different.push({ replay: `npm run fuzz:diff -- --only ${side} --seed ${SEED} --case ${one.n}`, one, outcome: essence(outcome, one) });
  }
  lane.close();
  return { played, different };
}

if (require.main === module) record();

module.exports = { smoke };
