'use strict';

/**
 * `npm run fuzz:diff`: sends generated requests to node:http and to turnout, and generated responses to the clients of both, plays
 * generated programs on both, and prints the smallest form of each case whose outcomes differ. node:http must be Node 26's.
 */

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { essence } = require('./compare');
const { Players, SIDES } = require('./players');
const { PROGRAMS, replayProgram, runPrograms } = require('./programs/run');
const { shrunk } = require('./shrink');

const USAGE = `npm run fuzz:diff -- [options]
  --cases N     cases of each side (10000)
  --seed S      of the generator (1)
  --from N      the first case (0)
  --only SIDE   requests, responses, stream-requests, stream-responses (all four), programs or stream-programs. Those of streams go
                over connections that are given to both: emit('connection', stream), an agent's or a request's own createConnection
  --without RE  leave out the programs' actions and steps whose JSON matches, such as those of a difference that is known
  --lenient     all cases with insecureHTTPParser
  --case N      only this case, with the outcomes in full
  --show N      how many kinds of differences are shrunk and printed (10)
  --lanes N     connections at once to each server (16); of programs, processes for each implementation (2)
  --node PATH   run with this Node, which must be 26
  --turnout PATH  another tree's turnout, whose addon has been built (this one's)
TURNOUT_DRIVER=threads: the client of the responses on the threads driver; requests always go to both drivers.`;

const OPTIONS = {
  cases: { type: 'string', default: '10000' },
  seed: { type: 'string', default: '1' },
  from: { type: 'string', default: '0' },
  only: { type: 'string' },
  without: { type: 'string' },
  lenient: { type: 'boolean', default: false },
  case: { type: 'string' },
  show: { type: 'string', default: '10' },
  lanes: { type: 'string' },
  node: { type: 'string' },
  turnout: { type: 'string', default: path.join(__dirname, '..', '..') },
  help: { type: 'boolean', default: false },
};

function print(...words) {
  process.stdout.write(`${words.join(' ')}\n`);
}

/** What kind of difference it is: who refuses with what, and how many messages each has seen. */
function kind({ outcomes, difference }) {
  if (difference === undefined) return undefined;
  const of = ({ errors, messages, closed }) => [errors[0]?.code, messages.map((message) => message.kind).join(), closed];
  return JSON.stringify([of(outcomes.node), of(outcomes[difference])]);
}

/** A difference that does not show again was the loop's or the machine's. */
async function differsAgain(players, one) {
  for (let times = 0; times < 2; times++) if ((await players.judge(one)).difference === undefined) return false;
  return true;
}

async function report(players, one, lane) {
  const wanted = kind(await players.judge(one));
  const small = await shrunk(one, async (candidate) => kind(await players.judge(candidate)) === wanted);
  const { outcomes, difference = lane } = await players.judge(small);
  const { n, seed, side, text, ...settings } = small;
  print(`\n${side} case ${n} of seed ${seed} ${JSON.stringify(settings)}\n  ${JSON.stringify(text.length > 2000 ? `${text.slice(0, 2000)}…` : text)}`);
  print(`  node:http      ${JSON.stringify(essence(outcomes.node, small)).slice(0, 2000)}`);
  print(`  turnout ${difference.padEnd(7)}${JSON.stringify(essence(outcomes[difference], small)).slice(0, 2000)}`);
}

class Tally {
  cases = 0;
  refused = 0;
  unstable = 0;
  allowed = {};
  different = [];
  uncaught = new Set();

  add({ outcomes, allowed }) {
    this.cases += 1;
    if (outcomes.node.errors.length > 0) this.refused += 1;
    if (allowed !== undefined) this.allowed[allowed] = (this.allowed[allowed] ?? 0) + 1;
  }

  print(side, seconds) {
    print(`\n${side}: ${this.cases} cases in ${seconds} s, ${this.refused} refused by node:http, ${this.different.length} different`);
    const kinds = new Set(this.different.map((entry) => entry[2]));
    if (kinds.size > 0) print(`  of ${kinds.size} kinds; one of each is shown`);
    for (const [name, count] of Object.entries(this.allowed)) print(`  allowed ${count}: ${name}`);
    if (this.uncaught.size > 0) print(`  ${this.uncaught.size} exceptions that nobody caught`);
    if (this.unstable > 0) print(`  ${this.unstable} differed once and not again`);
  }
}

const implementations = ({ turnout }) => [require('node:http'), require(turnout)];

/** Exceptions that nobody catches end no run: each is shown once, with the cases that were played when it was thrown. */
function watchUncaught(tally, underWay) {
  process.on('uncaughtException', (error) => {
    const stack = String(error?.stack ?? error);
    const thrown = stack.split('\n').slice(1, 4).join();
    if (tally.uncaught.has(thrown)) return;
    tally.uncaught.add(thrown);
    print(`\nuncaught, in one of the cases ${[...underWay].join(', ')}\n${stack}`);
  });
}

async function runSide(side, options) {
  const { caseOf } = SIDES[side];
  const http = implementations(options);
  const tally = new Tally();
  const underWay = new Set();
  watchUncaught(tally, underWay);
  const began = Date.now();
  let next = options.from;
  const lane = async () => {
    const players = new Players(side, ...http);
    while (next < options.from + options.cases) {
      const one = caseOf(next++, options);
      underWay.add(one.n);
      const judged = await players.judge(one);
      tally.add(judged);
      if (judged.difference !== undefined) {
        if (!(await differsAgain(players, one))) tally.unstable += 1;
        else tally.different.push([one, judged.difference, kind(judged)]);
      }
      underWay.delete(one.n);
    }
    players.close();
  };
  await Promise.all(Array.from({ length: options.lanes }, lane));
  const seconds = Math.round((Date.now() - began) / 100) / 10;
  const players = new Players(side, ...http);
  const kinds = new Map(tally.different.map((entry) => [entry[2], entry]));
  for (const [one, name] of [...kinds.values()].slice(0, options.show)) await report(players, one, name);
  players.close();
  tally.print(side, seconds);
  process.removeAllListeners('uncaughtException');
  return tally.different.length + tally.uncaught.size;
}

async function replay(side, n, options) {
  const players = new Players(side, ...implementations(options));
  const one = SIDES[side].caseOf(n, options);
  const { outcomes, difference, allowed } = await players.judge(one);
  players.close();
  print(side, JSON.stringify(one, null, 1));
  for (const [name, outcome] of Object.entries(outcomes)) print(name, JSON.stringify(outcome, null, 1));
  print(difference === undefined ? `same${allowed === undefined ? '' : `, allowed: ${allowed}`}` : `${difference} differs`);
  return difference === undefined ? 0 : 1;
}

async function main() {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) return void print(USAGE);
  if (values.node !== undefined) {
    const rest = process.argv.slice(2).filter((word, n, all) => word !== '--node' && all[n - 1] !== '--node' && !word.startsWith('--node='));
    process.exitCode = spawnSync(values.node, [__filename, ...rest], { stdio: 'inherit' }).status ?? 1;
    return;
  }
  if (!process.versions.node.startsWith('26.')) {
    print(`The reference is node:http of Node 26, this is Node ${process.versions.node}. Give one with --node PATH.`);
    process.exitCode = 2;
    return;
  }
  const known = [...Object.keys(SIDES), ...PROGRAMS];
  if (values.only !== undefined && !known.includes(values.only)) throw new Error(`--only one of ${known.join(', ')}, not ${values.only}`);
  const [seed, cases, from, show] = [values.seed, values.cases, values.from, values.show].map(Number);
  const options = { seed, cases, from, show, without: values.without, lenient: values.lenient, lanes: Number(values.lanes ?? 16), turnout: path.resolve(values.turnout) };
  let different = 0;
  for (const side of values.only === undefined ? Object.keys(SIDES) : [values.only]) {
    if (PROGRAMS.includes(side)) {
      const settings = { ...options, side, lanes: Number(values.lanes ?? 2) };
      different += values.case === undefined ? await runPrograms(settings) : await replayProgram(Number(values.case), settings);
    } else different += values.case === undefined ? await runSide(side, options) : await replay(side, Number(values.case), options);
  }
  // Servers with connections in CLOSE_WAIT would keep the process for their timeouts.
  process.exit(different > 0 ? 1 : 0);
}

main();
