'use strict';

/** What both drivers of benches share: processes that do not outlive them, what such a process holds, medians. */

const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');

const LOAD = path.join(__dirname, 'load');
const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/**
 * A child with as many descriptors as it may have; exec keeps the pid its own. `lines` iterates over what it prints, `ended` resolves with its
 * exit code.
 */
function start(command, args, environment = {}) {
  const child = spawn('sh', ['-c', 'ulimit -n $(ulimit -Hn); exec "$@"', 'sh', command, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
  children.add(child);
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  child.ended = new Promise((resolve) => child.on('close', (code) => resolve(children.delete(child) && code)));
  child.lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return child;
}

/** Kills children, those that are undefined too, and waits for their end. */
async function end(...ending) {
  for (const child of ending) {
    child?.kill('SIGKILL');
    await child?.ended;
  }
}

/** Builds the load generator. @throws {Error} when that fails */
function buildLoad() {
  const built = spawnSync('cargo', ['build', '--release', '--quiet'], { cwd: LOAD, stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the load generator does not build');
}

/** @param {string} name of one of the load generator's programs */
const loadProgram = (name) => path.join(LOAD, 'target', 'release', name);

/** @param {string} node a binary @return {string} as `process.version` */
const versionOf = (node) => spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();

function residentKiB(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}

/** @param {object[]} rounds @param {string|Function} value of a round: its key, or what reads it */
function median(rounds, value) {
  const valueOf = typeof value === 'function' ? value : (round) => round[value];
  const sorted = rounds.map(valueOf).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Measures one after the other what `only` names, and writes what there is so far to the file `json`, if it is given.
 * @param {object[]} all each with a `name` @param {{only: string, json?: string}} options @param {string} version of Node
 * @param {(one: object) => Promise<object>} measure
 */
async function measureEach(all, { only, json }, version, measure) {
  const results = {};
  for (const one of all.filter(({ name, attack }) => new RegExp(only).test(attack ? `${name} ${attack}` : name))) {
    results[one.name] = await measure(one);
    if (json) fs.writeFileSync(json, JSON.stringify({ version, results }, null, 2));
  }
}

/** @param {() => Promise<void>} main the driver */
function run(main) {
  main().catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
}

module.exports = { start, end, buildLoad, loadProgram, versionOf, residentKiB, median, measureEach, run };
