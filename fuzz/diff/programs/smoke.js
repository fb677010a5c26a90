'use strict';

/**
 * The programs of `npm test`: few, on any Node, against what node:http of Node 26 made of them. Recorded is for each program the digest
 * of those facts that are the same however fast it is played, and the names of the others; null where turnout differed, which
 * `npm run fuzz:diff -- --only programs` shows. `npm run fuzz:record` writes it; what other Nodes' streams do otherwise is left
 * out when TURNOUT_NODES names them.
 */

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { Crew } = require('./crew');
const { FAST, PACES, SLOW, differing, valueOf } = require('./judge');
const { allowedAs } = require('./allowed');
const { programCase } = require('./case');

const RECORDED = path.join(__dirname, 'node26-facts.json');
const SEED = 2026;
const CASES = 300;
const DRIVERS = ['inline', 'threads'];
/** Each outcome of turnout's that recording looks at. */
const RUNS = [FAST, ...PACES, ...SLOW];
/** Trials of a program that came to something else, each in less hurry. */
const TRIALS = [FAST, ...SLOW, { gap: 1, quiet: 200 }];

const programs = () => Array.from({ length: CASES }, (_, n) => programCase(n, { seed: SEED }));

/** @return {string} of the facts but for those in `varying` */
function digest(facts, varying) {
  const kept = Object.entries(facts).filter(([name]) => !varying.includes(name)).sort(([a], [b]) => (a < b ? -1 : 1));
  return crypto.createHash('sha1').update(JSON.stringify(kept)).digest('hex').slice(0, 12);
}

const dead = (facts) => facts.process !== undefined;

/** @return {{digest: string, varying: string[]}|null} */
async function recordOne(home, abroad, one) {
  const nodes = [];
  for (const pace of [...PACES, ...PACES]) nodes.push(await home.play('node', one, pace));
  const outcomes = [];
  for (const pace of RUNS) outcomes.push(...(await Promise.all(DRIVERS.map((driver) => home.play(driver, one, pace)))));
  if ([...nodes, ...outcomes].some(dead)) return null;
  const varies = (list, name) => list.some((facts) => valueOf(facts, name) !== valueOf(list[0], name));
  const names = [...new Set([...nodes, ...outcomes].flatMap(Object.keys))];
  const varying = names.filter((name) => varies(nodes, name) || varies(outcomes, name));
  const wrong = differing(nodes[0], outcomes[0]).filter((name) => !varying.includes(name));
  if (wrong.length > 0) {
    if (allowedAs({ one, names: wrong, node: nodes[0], turnout: outcomes[0] }) === undefined) return null;
    varying.push(...wrong);
  }
  for (const crew of abroad) {
    for (const driver of DRIVERS) {
      const facts = await crew.play(driver, one, FAST);
      if (dead(facts)) return null;
      for (const name of new Set([...names, ...Object.keys(facts)])) {
        if (!varying.includes(name) && valueOf(facts, name) !== valueOf(outcomes[0], name)) varying.push(name);
      }
    }
  }
  return { digest: digest(outcomes[0], varying), varying: varying.sort() };
}

async function record() {
  if (!process.versions.node.startsWith('26.')) throw new Error(`record with Node 26, not ${process.versions.node}`);
  const others = (process.env.TURNOUT_NODES ?? '').split(path.delimiter).filter(Boolean);
  const recorded = [];
  const queue = programs();
  const lane = async () => {
    const home = new Crew(['node', ...DRIVERS]);
    const abroad = others.map((execPath) => new Crew(DRIVERS, { execPath }));
    for (let one; (one = queue.shift()) !== undefined;) recorded[one.n] = await recordOne(home, abroad, one);
    for (const crew of [home, ...abroad]) await crew.close();
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  const lines = recorded.map((entry) => JSON.stringify(entry && [entry.digest, ...entry.varying]));
  fs.writeFileSync(RECORDED, `[\n${lines.join(',\n')}\n]\n`);
  process.stdout.write(`${recorded.filter((entry) => entry === null).length} of ${CASES} programs differ or die and are left out\n`);
}

/**
 * @param {'inline'|'threads'} driver
 * @return {Promise<{played: number, different: object[]}>}
 */
async function smoke(driver) {
  const wanted = JSON.parse(fs.readFileSync(RECORDED, 'utf8'));
  const crew = new Crew([driver]);
  const different = [];
  let played = 0;
  for (const one of programs()) {
    if (wanted[one.n] === null) continue;
    played += 1;
    const [sum, ...varying] = wanted[one.n];
    let facts;
    for (const pace of TRIALS) {
      facts = await crew.play(driver, one, pace);
      if (digest(facts, varying) === sum) break;
    }
    if (digest(facts, varying) !== sum) different.push({ replay: `npm run fuzz:diff -- --only programs --seed ${SEED} --case ${one.n}`, one, facts });
  }
  await crew.close();
  return { played, different };
}

if (require.main === module) record();

module.exports = { smoke };
