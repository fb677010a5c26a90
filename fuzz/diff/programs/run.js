'use strict';

/** The mode of `npm run fuzz:diff` that plays programs. */

const { Crew } = require('./crew');
const { byGravity, judge, judgeAgain, kindOf, seemsToDiffer, skeletonOf, tierOf, valueOf } = require('./judge');
const { overStreams, programCase } = require('./case');
const { shrunk } = require('./shrink');

/** Modes, and who is compared with node:http in each. With streams the server is given its connections, and does not listen. */
const DRIVERS = { programs: ['inline', 'threads'], 'stream-programs': ['streams'] };
const PROGRAMS = Object.keys(DRIVERS);

function print(...words) {
  process.stdout.write(`${words.join(' ')}\n`);
}

/** @return {Crew} node:http and those that are compared with it */
const crewOf = ({ side, turnout }) => new Crew(['node', ...DRIVERS[side]], { turnout });

const short = (text) => JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text);

/** A program in few lines: its peers, then its listeners. */
function written({ server, handlers, watch, peers, looks, over }) {
  const step = (entry) => JSON.stringify(entry);
  const lines = peers.flatMap(({ script, ...rest }, n) => [`peer ${n}${Object.keys(rest).length > 0 ? ` ${JSON.stringify(rest)}` : ''}`, ...script.map((entry) => `  ${step(entry)}`)]);
  for (const [kind, lists] of Object.entries(handlers)) {
    lists.forEach((list, n) => lines.push(`on '${kind}' ${n}`, ...list.map((action) => `  ${step(action)}`)));
  }
  if (Object.keys(server).length > 0) lines.push(`server ${JSON.stringify(server)}`);
  if (Object.keys(watch).length > 0) lines.push(`watched ${JSON.stringify(watch)}`);
  if (over) lines.push(`over streams ${JSON.stringify(over)}`);
  if (looks) lines.push('looks at the state of objects in the end');
  return lines.map((line) => `    ${line}`).join('\n');
}

/** Facts shown of one difference; the gravest come first. */
const SHOWN = 12;

function show(one, { lane, names, node, turnout }, count, kind) {
  print(`\n=== ${kind}\nprograms case ${one.n} of seed ${one.seed}, ${lane}${count > 1 ? `; ${count} of this kind` : ''}`);
  print(written(one));
  for (const name of byGravity(names).slice(0, SHOWN)) {
    print(`  ${name}\n    node:http  ${short(valueOf(node, name))}\n    turnout    ${short(valueOf(turnout, name))}`);
  }
  if (names.length > SHOWN) print(`  and ${names.length - SHOWN} more`);
  if (turnout.noise) print(`  ${turnout.noise.trim().split('\n').slice(0, 12).join('\n  ')}`);
}

class Tally {
  cases = 0;
  allowed = {};
  /** kind → its programs */
  kinds = new Map();

  add(one, judged) {
    this.cases += 1;
    if (judged === undefined) return;
    if (judged.allowed !== undefined) {
      this.allowed[judged.allowed] = (this.allowed[judged.allowed] ?? 0) + 1;
      return;
    }
    const kind = kindOf(judged);
    this.kinds.set(kind, [...(this.kinds.get(kind) ?? []), { one, judged }]);
  }

  /** The gravest kinds first, of these the most frequent. */
  ranked() {
    return [...this.kinds].sort(([a, inA], [b, inB]) => tierOf(a) - tierOf(b) || inB.length - inA.length);
  }

  print(seconds, side) {
    const different = [...this.kinds.values()].reduce((sum, list) => sum + list.length, 0);
    print(`\n${side}: ${this.cases} in ${seconds} s, ${different} different, of ${this.kinds.size} kinds`);
    for (const [kind, list] of this.ranked()) {
      print(`  ${tierOf(kind)} ${String(list.length).padStart(4)}  ${kind}  (${list.slice(0, 4).map(({ one }) => one.n).join(', ')})`);
    }
    for (const [name, count] of Object.entries(this.allowed)) print(`  allowed ${count}: ${name}`);
  }
}

/** A kind's smallest programs, shrunk. */
const SHRUNK = 2;

/** Shrinks a program, quickly, or in earnest where that leads to one that does not differ when it is played in peace. */
async function reduced(crew, { one, judged }, kind) {
  const { lane } = judged;
  const quickly = await shrunk(one, (candidate) => seemsToDiffer(crew, candidate, lane, kind));
  const found = await judgeAgain(crew, quickly, lane, kind);
  if (found !== undefined) return { small: quickly, last: found };
  let last = judged;
  const small = await shrunk(one, async (candidate) => {
    if (!(await seemsToDiffer(crew, candidate, lane, kind))) return false;
    const again = await judgeAgain(crew, candidate, lane, kind);
    if (again !== undefined) last = again;
    return again !== undefined;
  });
  return { small, last };
}

/** Shows the smallest programs of each kind as they are found; one whose likes have been shown is not shown again. */
async function reduceAll(tally, { show: most, lanes, ...settings }) {
  const shown = new Map();
  const size = ({ one }) => JSON.stringify(one).length;
  const queue = tally.ranked().slice(0, most).flatMap(([kind, list]) => [...list].sort((a, b) => size(a) - size(b)).slice(0, SHRUNK).map((entry) => [kind, entry, list.length]));
  const shrinking = async () => {
    const crew = crewOf(settings);
    for (let next; (next = queue.shift()) !== undefined;) {
      const [kind, entry, count] = next;
      const { small, last } = await reduced(crew, entry, kind);
      const skeleton = skeletonOf(small);
      if (shown.has(skeleton)) print(`\n=== ${kind}\n  case ${small.n}, like case ${shown.get(skeleton)}`);
      else show(small, last, count, kind);
      shown.set(skeleton, shown.get(skeleton) ?? small.n);
    }
    await crew.close();
  };
  await Promise.all(Array.from({ length: lanes }, shrinking));
}

/** Program n of the seed, but for the actions and steps that are to be left out. */
function programOf(n, { seed, without, side }) {
  const one = side === 'programs' ? programCase(n, { seed }) : overStreams(programCase(n, { seed }));
  if (without === undefined) return one;
  const left = new RegExp(without);
  const kept = (list) => list.filter((entry) => !left.test(JSON.stringify(entry)));
  for (const peer of one.peers) peer.script = kept(peer.script);
  for (const kind of Object.keys(one.handlers)) one.handlers[kind] = one.handlers[kind].map(kept);
  return one;
}

async function runPrograms({ cases, from, show: most, lanes, ...settings }) {
  const tally = new Tally();
  const began = Date.now();
  let next = from;
  const lane = async () => {
    const crew = crewOf(settings);
    while (next < from + cases) {
      const one = programOf(next++, settings);
      tally.add(one, await judge(crew, one, DRIVERS[settings.side]));
    }
    await crew.close();
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  const seconds = Math.round((Date.now() - began) / 100) / 10;
  tally.print(seconds, settings.side);
  await reduceAll(tally, { show: most, lanes, ...settings });
  return [...tally.kinds.values()].flat().length;
}

/** Plays one program again and shows all that came of it. */
async function replayProgram(n, options) {
  const crew = crewOf(options);
  const one = programOf(n, options);
  print(written(one));
  const judged = await judge(crew, one, DRIVERS[options.side]);
  for (const lane of ['node', ...DRIVERS[options.side]]) print(lane, JSON.stringify(await crew.play(lane, one, { gap: 1, quiet: 40 }), null, 1));
  await crew.close();
  if (judged?.names !== undefined) show(one, judged, 1, kindOf(judged));
  else print(judged === undefined ? 'same' : `allowed: ${judged.allowed}`);
  return judged?.names === undefined ? 0 : 1;
}

module.exports = { PROGRAMS, replayProgram, runPrograms };
