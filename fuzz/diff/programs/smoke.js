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
const { overStreams, programCase } = require('./case');

const SEED = 2026;
/** What is recorded: programs over sockets, and over streams that the server is given; by whom they are played, and how many. */
const KINDS = {
  programs: { file: path.join(__dirname, 'node26-facts.json'), cases: 300, drivers: ['inline', 'threads'], caseOf: programCase },
  'stream-programs': { file: path.join(__dirname, 'node26-stream-facts.json'), cases: 100, drivers: ['streams'], caseOf: (n, options) => overStreams(programCase(n, options)) },
};
/** Each outcome of turnout's that recording looks at. */
const RUNS = [FAST, ...PACES, ...SLOW];
/** Trials of a program that came to something else, each in less hurry. */
const TRIALS = [FAST, ...SLOW, { gap: 1, quiet: 200 }];

const programs = ({ cases, caseOf }) => Array.from({ length: cases }, (_, n) => caseOf(n, { seed: SEED }));

/** @return {string} of the facts but for those in `varying` */
function digest(facts, varying) {
  const kept = Object.entries(facts).filter(([name]) => !varying.includes(name)).sort(([a], [b]) => (a < b ? -1 : 1));
  return crypto.createHash('sha1').update(JSON.stringify(kept)).digest('hex').slice(0, 12);
}

const dead = (facts) => facts.process !== undefined;

/** @return {{digest: string, varying: string[]}|null} */
async function recordOne(home, abroad, one, drivers) {
  const nodes = [];
  for (const pace of [...PACES, ...PACES]) nodes.push(await home.play('node', one, pace));
  const outcomes = [];
  for (const pace of RUNS) outcomes.push(...(await Promise.all(drivers.map((driver) => home.play(driver, one, pace)))));
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
    for (const driver of drivers) {
      const facts = await crew.play(driver, one, FAST);
      if (dead(facts)) return null;
      for (const name of new Set([...names, ...Object.keys(facts)])) {
        if (!varying.includes(name) && valueOf(facts, name) !== valueOf(outcomes[0], name)) varying.push(name);
      }
    }
  }
  return { digest: digest(outcomes[0], varying), varying: varying.sort() };
}

async function record({ file, cases, drivers, ...kind }) {
  const others = (process.env.TURNOUT_NODES ?? '').split(path.delimiter).filter(Boolean);
  const recorded = [];
  const queue = programs({ cases, ...kind });
  const lane = async () => {
    const home = new Crew(['node', ...drivers]);
    const abroad = others.map((execPath) => new Crew(drivers, { execPath }));
    for (let one; (one = queue.shift()) !== undefined;) recorded[one.n] = await recordOne(home, abroad, one, drivers);
    for (const crew of [home, ...abroad]) await crew.close();
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  const lines = recorded.map((entry) => JSON.stringify(entry && [entry.digest, ...entry.varying]));
  fs.writeFileSync(file, `[\n${lines.join(',\n')}\n]\n`);
  process.stdout.write(`${recorded.filter((entry) => entry === null).length} of ${cases} programs differ or die and are left out\n`);
}

async function recordAll() {
  if (!process.versions.node.startsWith('26.')) throw new Error(`record with Node 26, not ${process.versions.node}`);
  for (const kind of Object.values(KINDS)) await record(kind);
}

/**
 * @param {'inline'|'threads'|'streams'} driver
 * @return {Promise<{played: number, different: object[]}>}
 */
async function smoke(driver) {
  const [name, kind] = Object.entries(KINDS).find(([, { drivers }]) => drivers.includes(driver));
  const wanted = JSON.parse(fs.readFileSync(kind.file, 'utf8'));
  const crew = new Crew([driver]);
  const different = [];
  let played = 0;
  for (const one of programs(kind)) {
    if (wanted[one.n] === null) continue;
    played += 1;
    const [sum, ...varying] = wanted[one.n];
    let facts;
    for (const pace of TRIALS) {
      facts = await crew.play(driver, one, pace);
      if (digest(facts, varying) === sum) break;
    }
    if (digest(facts, varying) !== sum) different.push({ replay: `npm run fuzz:diff -- --only ${name} --seed ${SEED} --case ${one.n}`, one, facts });
  }
  await crew.close();
  return { played, different };
}

if (require.main === module) recordAll();

module.exports = { smoke };
