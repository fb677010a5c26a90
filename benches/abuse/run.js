'use strict';

/**
 * Serves a well-behaved client while somebody else misbehaves, against every server in turn, and prints a table;
 * benches/README.md, "Abuse", tells about flags and columns.
 */

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { buildLoad, end, loadProgram, measureEach, median, residentKiB, run, start, versionOf } = require('../kit');
const DEADLINES = require('./deadlines');

const IMPLEMENTATIONS = ['node:http', 'turnout', 'turnout threads'];
const { values: options } = parseArgs({
  options: {
    node: { type: 'string', default: process.execPath },
    only: { type: 'string', default: '.' },
    impl: { type: 'string', default: IMPLEMENTATIONS.join(',') },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    rate: { type: 'string', default: '500' },
    share: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});

/**
 * `deadline`: milliseconds after which, and no later than `LATE` after them, the server must have closed the attacker's sockets. `close`: the
 * server closes under the attack. `release`: its handlers keep connections for ever; it destroys them when the attack is over.
 */
const ATTACKS = [
  { attack: 'slowHead', name: 'slowloris: 500 heads', deadline: DEADLINES.headersTimeout },
  { attack: 'slowBody', name: 'slowloris: 500 bodies', deadline: DEADLINES.requestTimeout },
  { attack: 'idleConnections', name: '500 idle connections', deadline: DEADLINES.keepAliveTimeout },
  { attack: 'endlessHead', name: 'endless heads, 32 sockets' },
  { attack: 'manyFields', name: '900 fields, 500/s' },
  { attack: 'connectAndReset', name: 'connect, half a head, RST, 1,000/s' },
  { attack: 'neverRead', name: '100 peers never read 1 MB' },
  { attack: 'neverReadPipelined', name: '4 peers never read 400 × 1 MB' },
  { attack: 'hugeChunk', name: 'chunks of 2^52 announced, nobody takes them' },
  { attack: 'pipeline', name: '100,000 requests at once, 4 sockets' },
  { attack: 'pipelineUnanswered', name: '100,000 requests that no one answers, 4 sockets', release: true },
  { attack: 'halfOpen', name: 'half-open, 200/s' },
  { attack: 'resetInUpload', name: 'RST in an upload, 500/s' },
  { attack: 'resetInUpgrade', name: 'RST in an upgraded stream, 500/s' },
  { attack: 'unansweredUpgrade', name: '500 upgrades that no one answers', release: true },
  { attack: 'idleUpgraded', name: '10,000 idle upgraded sockets', close: true },
];

/** Milliseconds a deadline may be late by: a checking interval, a second's rounding and a busy machine. */
const LATE = 1000;
/** Runs the attacker (SCHED_IDLE) only where a processor has nothing else to do. */
const ATTACKER = options.share ? [options.node] : ['chrt', '-i', '0', options.node];
const CONNECTIONS = 16;
const WARMUP_MS = 300;
const PATIENCE_MS = 15_000;

/** A child that answers line by line. */
function startTalking(...args) {
  const child = start(...args);
  child.line = async (what) => {
    const { value } = await within(child.lines.next(), what);
    if (value === undefined) throw new Error(`${what}: the process ended`);
    return value;
  };
  child.ask = async (what) => {
    child.stdin.write(`${what}\n`);
    return JSON.parse(await child.line(what));
  };
  return child;
}

async function within(promise, what) {
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing for ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const residentMiB = (pid) => residentKiB(pid) / 1024;
const descriptors = (pid) => fs.readdirSync(`/proc/${pid}/fd`).length;

/** What the well-behaved client sees in `seconds`: an open loop, latency counts from the scheduled time. */
async function behave(server, port, seconds) {
  const numbers = [port, CONNECTIONS, WARMUP_MS, seconds * 1000, 4, 1, options.rate, server.pid, 0];
  const load = startTalking(loadProgram('turnout-load'), ['get', ...numbers.map(String)]);
  try {
    return JSON.parse(await load.line('the well-behaved client'));
  } finally {
    await end(load);
  }
}

/** The server without a guest: counts and memory once they have settled, or as they are after a while. */
async function settled(server, target) {
  let state;
  for (let i = 0; i < 30; i++) {
    state = await server.ask('stats');
    state.descriptors = descriptors(server.pid);
    state.rss = residentMiB(server.pid);
    if (state.connections === 0 && state.engine === 0 && (!target || state.descriptors <= target.descriptors)) break;
    await sleep(100);
  }
  return state;
}

async function measure(implementation, { attack, close, release }) {
  const environment = implementation === 'turnout threads' ? { TURNOUT_THREADS: '1' } : { TURNOUT_THREADS: '0' };
  const server = startTalking(options.node, ['--expose-gc', path.join(__dirname, 'server.js'), implementation], environment);
  let attacker;
  let sampler;
  try {
    const port = await server.line('the server');
    const seconds = Number(options.seconds);
    const calm = await behave(server, port, seconds);
    const before = await settled(server);
    let peak = before.rss;
    sampler = setInterval(() => (peak = Math.max(peak, residentMiB(server.pid))), 20);
    attacker = startTalking(ATTACKER[0], [...ATTACKER.slice(1), path.join(__dirname, 'attacker.js'), attack, port]);
    await attacker.line('the attacker');
    const abused = await behave(server, port, seconds);
    const closing = close ? await server.ask('close') : undefined;
    attacker.stdin.end();
    const seen = JSON.parse(await attacker.line('the attacker'));
    await attacker.ended;
    if (release) await server.ask('release');
    const after = await settled(server, before);
    return { calm, abused, seen, closing, before, after, peak: peak - before.rss, final: after.rss - before.rss };
  } finally {
    clearInterval(sampler);
    await end(attacker, server);
  }
}

/** What must not be, as text. */
function faultsOf(result, { deadline, close }) {
  const { abused, after, before, seen } = result;
  const faults = [];
  if (after.uncaught > 0) faults.push(`${after.uncaught} uncaught`);
  if (!(abused.operations > 0)) faults.push('nobody else was served');
  if (abused.errors > 0) faults.push(`${abused.errors} wrong answers`);
  if (abused.stalled > 0) faults.push(`${abused.stalled} stalled`);
  if (after.connections > 0 || after.engine > 0) faults.push(`${after.connections} connections left, ${after.engine} in the engine`);
  // A closed server has one resource and one or two descriptors fewer.
  if (after.descriptors > before.descriptors) faults.push(`${after.descriptors - before.descriptors} descriptors left`);
  if (after.resources > before.resources) faults.push(`${after.resources - before.resources} resources left`);
  if (seen.counts.cut > 0 && !close) faults.push(`${seen.counts.cut} pipelines cut`);
  if (deadline !== undefined) {
    if (seen.lives === null) faults.push('no deadline fired');
    else if (seen.lives.least < deadline - 5 || seen.lives.median > deadline + LATE) faults.push(`closed after ${seen.lives.least} to ${seen.lives.median} ms`);
  }
  return faults;
}

function notes({ seen, closing }) {
  const counts = Object.entries(seen.counts).map(([key, n]) => `${key} ${n}`);
  if (seen.lives) counts.unshift(`closed after ${seen.lives.least}/${seen.lives.median}/${seen.lives.most} ms`);
  if (closing) counts.unshift(`close() of ${closing.sockets}: ${closing.closed.toFixed(0)} ms`);
  return counts.join(', ');
}

/** Medians of the rounds; the last one's notes. */
function row({ name }, implementation, rounds, faults) {
  const window = (key) => ({ p50: median(rounds, (one) => one[key].p50), p99: median(rounds, (one) => one[key].p99) });
  const [calm, abused] = [window('calm'), window('abused')];
  const [peak, final] = [median(rounds, (one) => one.peak), median(rounds, (one) => one.final)];
  const cells = [
    name,
    implementation,
    `${Math.round(calm.p50)} / ${Math.round(calm.p99)}`,
    `${Math.round(abused.p50)} / ${Math.round(abused.p99)}`,
    (abused.p99 / calm.p99).toFixed(1),
    peak.toFixed(0),
    final.toFixed(1),
    faults.length > 0 ? `**${faults.join('; ')}**` : 'none',
    notes(rounds.at(-1)),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** All servers alternately, so many rounds. */
async function rows(one) {
  const results = Object.fromEntries(options.impl.split(',').map((name) => [name, { rounds: [], faults: [], failed: null }]));
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const [implementation, so] of Object.entries(results)) {
      if (so.failed !== null) continue;
      try {
        const result = await measure(implementation, one);
        so.rounds.push(result);
        so.faults.push(...faultsOf(result, one));
      } catch (error) {
        so.failed = error.message;
      }
    }
  }
  for (const [implementation, { rounds, faults, failed }] of Object.entries(results)) {
    if ((failed !== null || faults.length > 0) && implementation.startsWith('turnout')) process.exitCode = 1;
    console.log(failed === null ? row(one, implementation, rounds, faults) : `| ${one.name} | ${implementation} | **failed: ${failed}** | | | | | | |`);
  }
  return results;
}

async function main() {
  buildLoad();
  const version = versionOf(options.node);
  console.log(`Node ${version}, ${require('node:os').cpus().length} cores; ${options.rate} requests/s of a well-behaved client for ${options.seconds} s, calm and under abuse; medians of ${options.rounds} rounds\n`);
  console.log('| abuse | server | calm p50 / p99 µs | abused p50 / p99 µs | p99 ratio | peak RSS + MiB | final RSS + MiB | faults | seen by the attacker |');
  console.log('|---|---|---|---|---|---|---|---|---|');
  await measureEach(ATTACKS, options, version, rows);
}

run(main);
