'use strict';

/**
 * Drives turnout and node:http alternately and prints a table: `npm run bench -- [--node BINARY] [--rounds N] [--seconds S]
 * [--only REGEX] [--json FILE]`. Figures are medians over the rounds; the ratio is to node:http in the same run.
 */

const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const { parseArgs } = require('node:util');

const { values: options } = parseArgs({
  options: {
    node: { type: 'string', default: process.execPath },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string', default: '.' },
    json: { type: 'string' },
  },
});

const LOAD = path.join(__dirname, '..', 'load');
const GENERATOR = path.join(LOAD, 'target', 'release', 'turnout-load');
const WARMUP_MS = 700;
/** Microseconds of one clock tick of /proc, as Linux has it for user space. */
const TICK_US = 10000;

/** name, server's scenario, generator's mode, connections, size in bytes */
const SCENARIOS = [
  ['GET, 1 connection', 'get', 'get', 1, 4],
  ['GET, 64 connections', 'get', 'get', 64, 4],
  ['GET, 512 connections', 'get', 'get', 512, 4],
  ['POST 64 KB, 16 connections', 'post', 'post', 16, 65536],
  ['upgrade handshakes, 16 at a time', 'upgrade', 'handshake', 16, 0],
  ['ws echo 64 B, 64 connections', 'ws', 'ws', 64, 64],
  ['ws echo 16 KB, 64 connections', 'ws', 'ws', 64, 16384],
  ['raw echo 64 B, 64 connections', 'raw', 'raw', 64, 64],
  ['raw echo 64 KB, 8 connections', 'raw', 'raw', 8, 65536],
];
const IDLE = ['memory, 10,000 idle upgraded sockets', 'upgrade', 'idle', 10000, 0];
const IMPLEMENTATIONS = ['node:http', 'turnout'];

function lines(stream) {
  return readline.createInterface({ input: stream })[Symbol.asyncIterator]();
}

/** User and system time of a task, in ticks: fields 14 and 15 of proc(5)'s stat. */
function ticks(file) {
  const text = fs.readFileSync(file, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

function cpu(pid) {
  return { js: ticks(`/proc/${pid}/task/${pid}/stat`), all: ticks(`/proc/${pid}/stat`) };
}

function residentKiB(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}

async function startServer(implementation, scenario) {
  const name = implementation === 'turnout' ? 'turnout' : 'node';
  // A shell raises the descriptor limit; exec keeps the pid the server's.
  const command = `ulimit -n $(ulimit -Hn); exec "${options.node}" "${path.join(__dirname, 'server.js')}" ${name} ${scenario}`;
  const child = spawn('sh', ['-c', command], { stdio: ['pipe', 'pipe', 'inherit'] });
  const { value: port } = await lines(child.stdout).next();
  if (!port) throw new Error(`${implementation} did not start`);
  return { child, port };
}

async function measure(implementation, [, scenario, mode, connections, size]) {
  const { child, port } = await startServer(implementation, scenario);
  try {
    const generator = spawn(GENERATOR, [mode, port, connections, WARMUP_MS, Number(options.seconds) * 1000, size].map(String), {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const output = lines(generator.stdout);
    const next = async (word) => {
      const { value } = await output.next();
      if (value !== word) throw new Error(`${implementation}, ${mode}: the generator said ${value} instead of ${word}`);
    };
    if (mode === 'idle') {
      const before = residentKiB(child.pid);
      await next('ready');
      const grown = residentKiB(child.pid) - before;
      generator.stdin.end();
      return { kib: grown / connections };
    }
    await next('start');
    const before = cpu(child.pid);
    await next('end');
    const after = cpu(child.pid);
    const result = JSON.parse((await output.next()).value);
    const perOperation = (key) => ((after[key] - before[key]) * TICK_US) / result.operations;
    return { ...result, js: perOperation('js'), all: perOperation('all') };
  } finally {
    child.kill('SIGKILL');
  }
}

function median(rounds, key) {
  const sorted = rounds.map((round) => round[key]).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function row(name, implementation, rounds, reference) {
  const value = (key) => median(rounds, key);
  if (rounds[0].kib !== undefined) {
    const ratio = value('kib') / median(reference, 'kib');
    return [name, implementation, `${value('kib').toFixed(1)} KiB each`, '', '', '', '', `memory ${ratio.toFixed(2)}`];
  }
  const ratio = (key) => (value(key) / median(reference, key)).toFixed(2);
  return [
    name,
    implementation,
    Math.round(value('perSecond')).toLocaleString('en'),
    value('p50'),
    value('p99'),
    value('js').toFixed(1),
    value('all').toFixed(1),
    implementation === 'node:http' ? '1' : `${ratio('perSecond')}, p99 ${ratio('p99')}, JS ${ratio('js')}, all ${ratio('all')}`,
  ];
}

async function main() {
  const built = spawnSync('cargo', ['build', '--release', '--quiet'], { cwd: LOAD, stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the load generator does not build');
  const version = spawnSync(options.node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`Node ${version}, ${require('node:os').cpus().length} cores, medians of ${options.rounds} rounds of ${options.seconds} s\n`);
  console.log('| scenario | server | operations/s | p50 µs | p99 µs | JS-thread CPU µs/op | all CPU µs/op | to node:http |');
  console.log('|---|---|---|---|---|---|---|---|');
  const all = {};
  for (const scenario of [...SCENARIOS, IDLE]) {
    const [name] = scenario;
    if (!new RegExp(options.only).test(name)) continue;
    const results = { 'node:http': [], turnout: [] };
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const implementation of IMPLEMENTATIONS) results[implementation].push(await measure(implementation, scenario));
    }
    for (const implementation of IMPLEMENTATIONS) {
      console.log(`| ${row(name, implementation, results[implementation], results['node:http']).join(' | ')} |`);
    }
    all[name] = results;
  }
  if (options.json) fs.writeFileSync(options.json, JSON.stringify({ version, results: all }, null, 2));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
