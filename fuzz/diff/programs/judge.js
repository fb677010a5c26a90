'use strict';

/**
 * Compares what a program came to. Once is enough where all agree. Otherwise node:http plays it again, at another pace each time: what
 * varies there is timing and is not compared. What turnout then does differently each time is a difference.
 */

const { allowedAs } = require('./allowed');

const FAST = { gap: 1, quiet: 5 };
/** The same program in less hurry, and with its peer's steps closer together and further apart. */
const PACES = [{ gap: 1, quiet: 15 }, { gap: 0, quiet: 25 }, { gap: 4, quiet: 25, reverse: true }, { gap: 1, quiet: 40 }];
const HASTE = [{ gap: 0, quiet: 8 }, { gap: 3, quiet: 8, reverse: true }];
const SLOW = [{ gap: 1, quiet: 30 }, { gap: 1, quiet: 60 }, { gap: 1, quiet: 30 }];

/** Facts that say what is wrong. */
const FAULTS = ['wire: comes twice', 'wire: has left and is not there'];
/** Of every difference the gravest names its kind: the process, the wire, what was called back and read, events, states. */
const GRAVITY = [
  [/^process/, /^the stage/, /^serves/, /^closed when told/, /^wire:/],
  [/^uncaught/, /^unhandled/, /^peer \d+ (answer|rest)/, /^peer/],
  [/read$/, /child got/, /callback/, / sent$/, /threw/, /^call/, /^closed when/, /iterated/],
  [/^event/, /^clientError/, / error$/, /^server/, / (req|res|socket) \w+$/],
];

const namesOf = (...tables) => [...new Set(tables.flatMap(Object.keys))];
const NONE = 'none';
const valueOf = (facts, name) => facts[name] ?? NONE;

/** Whether turnout's value is what node:http's should have been: a proper end for a reset, a whole answer for one that a reset has cut off. */
function isBetter(name, node, turnout) {
  if (FAULTS.includes(name)) return turnout === '';
  if (/^peer \d+ ended$/.test(name)) return node === 'reset' && turnout === 'true';
  if (/^peer \d+ answer \d+ whole$/.test(name)) return node === 'false' && turnout === 'true';
  return false;
}

/** @return {string[]} names of the facts in which two outcomes differ */
function differing(node, turnout) {
  if (turnout.process !== undefined && node.process === undefined) return ['process'];
  return namesOf(node, turnout).filter((name) => {
    const [a, b] = [valueOf(node, name), valueOf(turnout, name)];
    return name !== 'noise' && a !== b && !isBetter(name, a, b);
  });
}

/** @return {object[]} */
async function several(crew, lane, one, paces) {
  const outcomes = [];
  for (const pace of paces) {
    outcomes.push(await crew.play(lane, one, pace));
    if (outcomes.at(-1).process !== undefined) break;
  }
  return outcomes;
}

/** @return {string[]} names of facts that are the same in all of node:http's outcomes and in none of turnout's */
function certain(names, nodes, turnouts) {
  return names.filter((name) => {
    const wanted = valueOf(nodes[0], name);
    if (!nodes.every((facts) => valueOf(facts, name) === wanted)) return false;
    return turnouts.every((facts) => valueOf(facts, name) !== wanted);
  });
}

/**
 * @param {import('./crew').Crew} crew @param {object} one a program @param {string[]} lanes that are compared with node:http's
 * @return {Promise<{lane: string, names: string[], node: object, turnout: object}|{allowed: string}|undefined>} undefined: the same
 */
async function judge(crew, one, lanes) {
  const [node, ...turnouts] = await Promise.all(['node', ...lanes].map((lane) => crew.play(lane, one, FAST)));
  const suspects = lanes.filter((lane, n) => differing(node, turnouts[n]).length > 0);
  if (suspects.length === 0) return undefined;
  const [nodes, ...again] = await Promise.all([several(crew, 'node', one, PACES), ...suspects.map((lane) => several(crew, lane, one, SLOW))]);
  if (nodes.some((facts) => facts.process !== undefined)) return { allowed: 'node:http dies or hangs' };
  let excuse;
  for (const [n, lane] of suspects.entries()) {
    const last = again[n].at(-1);
    const names = certain(differing(nodes[0], last), nodes, again[n]);
    if (names.length === 0) continue;
    const entry = allowedAs({ one, names, node: nodes[0], turnout: last });
    if (entry === undefined) return { lane, names, node: nodes[0], turnout: last };
    excuse = { allowed: entry };
  }
  return excuse ?? { allowed: 'only timing' };
}

/** @return {Promise<object|undefined>} a difference, of that `kind` if it has one of it, from so many runs of each */
async function differenceOf(crew, one, lane, kind, paces, others) {
  const [nodes, turnouts] = await Promise.all([several(crew, 'node', one, paces), several(crew, lane, one, others)]);
  const names = certain(differing(nodes[0], turnouts.at(-1)), nodes, turnouts);
  const difference = { lane, names, node: nodes[0], turnout: turnouts.at(-1) };
  return kindOf(difference, kind) === kind ? difference : undefined;
}

/** For shrinking: whether a program seems to differ in the same way. */
async function seemsToDiffer(crew, one, lane, kind) {
  if ((await differenceOf(crew, one, lane, kind, [FAST], [FAST])) === undefined) return false;
  return (await differenceOf(crew, one, lane, kind, HASTE, HASTE)) !== undefined;
}

/** Whether it does. @return {Promise<object|undefined>} the difference */
function judgeAgain(crew, one, lane, kind) {
  return differenceOf(crew, one, lane, kind, PACES, SLOW);
}

/** A fact's name without which request and action it was of. */
const general = (name) => name.replace(/\b\d[a-h](\+\d)?\b/g, '*').replace(/\b[cet]\d+\b/g, '*').replace(/:\d+\b/g, '').replace(/(peer|answer) \d+/g, '$1').replace(/nested\d+/g, 'nested');
/** @return {number} the tier of a fact times a hundred, and its place in it; less is graver */
function worth(name) {
  for (const [tier, patterns] of GRAVITY.entries()) {
    const at = patterns.findIndex((pattern) => pattern.test(name));
    if (at !== -1) return tier * 100 + at;
  }
  return GRAVITY.length * 100;
}

/** @return {string[]} the gravest first */
const byGravity = (names) => [...names].sort((a, b) => worth(a) - worth(b) || (a < b ? -1 : 1));

const shape = (value) => general(value).replace(/Date: [^\r]*/g, 'Date: *').replace(/[^\x20-\x7e]+/g, ' ').replace(/<[^>]*>?/g, '<>').slice(0, 40);

/**
 * @param {{names: string[], node: object, turnout: object}} difference
 * @param {string} [wanted] this kind, if one of the facts is of it
 * @return {string|undefined} of what kind a difference is: its gravest fact, and what both made of it
 */
function kindOf({ names, node, turnout }, wanted) {
  const kinds = byGravity(names).map((name) => `${general(name)} | ${shape(valueOf(node, name))} | ${shape(valueOf(turnout, name))}`);
  return kinds.includes(wanted) ? wanted : kinds[0];
}

/** @return {number} 0 is the gravest */
const tierOf = (kind) => Math.floor(worth(kind.split(' | ')[0].replace(/^peer/, 'peer 0')) / 100);

/** @return {string} what a small program is made of, without sizes and names: programs of one cause look alike */
function skeletonOf({ handlers, peers }) {
  const steps = new Set(peers.flatMap(({ script }) => script.map((step) => (step.do === 'request' ? [step.method === 'CONNECT' ? 'CONNECT' : /Upgrade: x/.test(step.fields) ? 'upgrade request' : 'request'].join() : step.do))));
  const actions = Object.entries(handlers).flatMap(([kind, lists]) => lists.flat().map((action) => `${kind}: ${action.do}${action.how ? ` ${action.how}` : ''}${action.transfer ? ' transfer' : ''}${action.when ? ` on ${action.when}` : ''}`));
  return [[...steps].sort().join('+'), ...[...new Set(actions)].sort()].join(', ');
}

module.exports = { FAST, PACES, SLOW, byGravity, differing, judge, judgeAgain, kindOf, seemsToDiffer, skeletonOf, tierOf, valueOf };
