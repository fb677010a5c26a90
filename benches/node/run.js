'use strict';

/** Drives all servers, then all clients, alternately and prints a table; benches/README.md tells about flags and rows. */

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { buildLoad, end, loadProgram, measureEach, median, residentKiB, run, start, versionOf } = require('../kit');
const SCENARIOS = require('./scenarios');

const SERVERS = ['node:http', 'turnout', 'turnout threads', 'uWebSockets.js', 'limit'];
const CLIENTS = ['node:http', 'turnout', 'turnout threads', 'undici'];
const { values: options } = parseArgs({
  options: {
    node: { type: 'string', default: process.execPath },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    only: { type: 'string', default: '.' },
    impl: { type: 'string', default: [...new Set([...SERVERS, ...CLIENTS])].join(',') },
    json: { type: 'string' },
    turnout: { type: 'string', default: path.join(__dirname, '..', '..') },
    'uws-node': { type: 'string', default: process.version.startsWith('v20.') ? process.execPath : '' },
  },
});

const PEERS = path.join(__dirname, '..', '.peers');
const UWS = '@trufflesuite/uws-js-unofficial';
const WARMUP_MS = 500;

/** Why uWebSockets.js cannot run, or undefined; installs it when it is not there. */
function uwsMissing() {
  if (!options['uws-node']) return 'no Node 20 (--uws-node)';
  if (!fs.existsSync(path.join(PEERS, 'node_modules', UWS))) {
    spawnSync('npm', ['install', '--no-save', '--prefix', PEERS, UWS], { stdio: 'ignore', timeout: 120000 });
  }
  const loaded = spawnSync(options['uws-node'], ['-e', `require(${JSON.stringify(path.join(PEERS, 'node_modules', UWS))})`], { encoding: 'utf8' });
  return loaded.status === 0 ? undefined : `does not load: ${/Error.*/.exec(loaded.stderr ?? '')?.[0] ?? loaded.error}`;
}

function command(implementation, scenario) {
  if (implementation === 'limit') return [loadProgram('turnout-limit'), scenario.server];
  if (implementation === 'uWebSockets.js') return [options['uws-node'], path.join(__dirname, 'uws.js'), scenario.server];
  return [options.node, path.join(__dirname, 'server.js'), implementation, scenario.server, scenario.tls ? 'tls' : 'tcp'];
}

/** @return {object} a result with what one operation cost, in microseconds */
function costs(result) {
  return { ...result, js: result.jsNanos / result.operations / 1000, all: result.allNanos / result.operations / 1000 };
}

const environmentOf = (implementation) => ({ BENCH_TURNOUT: path.resolve(options.turnout), ...(implementation === 'turnout threads' ? { TURNOUT_THREADS: '1' } : {}) });

/** One round of one row of clients, whose server is the bare loop; rejects when a child fails. */
async function measureClient(implementation, scenario) {
  const server = start(loadProgram('turnout-limit'), [scenario.asks ?? scenario.client]);
  let client;
  try {
    const { value: port } = await server.lines.next();
    if (!port) throw new Error('the server did not start');
    const numbers = [port, scenario.connections, WARMUP_MS, Number(options.seconds) * 1000];
    client = start(options.node, [path.join(__dirname, 'client.js'), implementation, scenario.client, ...numbers.map(String)], environmentOf(implementation));
    const { value: line } = await client.lines.next();
    if (line === undefined) throw new Error('the client failed');
    return costs(JSON.parse(line));
  } finally {
    await end(client, server);
  }
}

/** One round of one row of servers; rejects when a child fails. */
async function measureServer(implementation, scenario) {
  const [program, ...args] = command(implementation, scenario);
  const server = start(program, args, environmentOf(implementation));
  let generator;
  try {
    const { value: port } = await server.lines.next();
    if (!port) throw new Error('the server did not start');
    if (Number.isNaN(Number(port))) return { skipped: port };
    const { mode, connections, size, depth = 1, rate = 0, tls = false } = scenario;
    const before = residentKiB(server.pid);
    const numbers = [port, connections, WARMUP_MS, Number(options.seconds) * 1000, size, depth, rate, server.pid, Number(tls)];
    generator = start(loadProgram('turnout-load'), [mode, ...numbers.map(String)]);
    const { value: line } = await generator.lines.next();
    if (line === undefined) throw new Error('the generator failed');
    if (line === 'descriptor limit') return { skipped: line };
    if (line === 'ready') return { kib: (residentKiB(server.pid) - before) / connections };
    const result = JSON.parse(line);
    if (server.exitCode !== null || server.signalCode !== null) throw new Error(`the server ended: ${server.exitCode ?? server.signalCode}`);
    return costs(result);
  } finally {
    await end(generator, server);
  }
}

function ratio(rounds, reference, key) {
  if (!reference?.length || reference[0][key] === undefined) return '';
  return (median(rounds, key) / median(reference, key)).toFixed(2);
}

function cells(rounds, reference, uws) {
  if (rounds[0].kib !== undefined) return [`${median(rounds, 'kib').toFixed(1)} KiB each`, '', '', '', '', `memory ${ratio(rounds, reference, 'kib')}`, ratio(rounds, uws, 'kib')];
  const sum = (key) => rounds.reduce((total, round) => total + round[key], 0);
  const faults = sum('errors') + sum('stalled') ? ` **${sum('errors')} errors, ${sum('stalled')} stalled** ${rounds.find((round) => round.firstError)?.firstError ?? ''}` : '';
  const of = (key) => ratio(rounds, reference, key);
  const toNode = reference?.length ? `${of('perSecond')}, p99 ${of('p99')}, JS ${of('js')}, all ${of('all')}` : '';
  const all = ratio(rounds, uws, 'all');
  return [
    Math.round(median(rounds, 'perSecond')).toLocaleString('en') + faults,
    Math.round(median(rounds, 'p50')),
    Math.round(median(rounds, 'p99')),
    median(rounds, 'js').toFixed(2),
    median(rounds, 'all').toFixed(2),
    toNode,
    all && `${ratio(rounds, uws, 'perSecond')}, p99 ${ratio(rounds, uws, 'p99')}, all ${all}`,
  ];
}

/** @return {string[]} who takes part in this row */
function competitors(scenario) {
  const all = scenario.client ? CLIENTS.filter((name) => name !== 'undici' || !scenario.asks) : SERVERS.filter((name) => (name !== 'uWebSockets.js' || scenario.uws) && (name !== 'limit' || scenario.limit));
  const asked = options.impl.split(',');
  return all.filter((name) => asked.includes(name));
}

async function scenarioRows(scenario, missing) {
  const wanted = competitors(scenario);
  const measure = scenario.client ? measureClient : measureServer;
  const results = Object.fromEntries(wanted.map((name) => [name, []]));
  const skipped = {};
  if (missing && results['uWebSockets.js']) skipped['uWebSockets.js'] = missing;
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const name of wanted.filter((one) => !skipped[one])) {
      try {
        const result = await measure(name, scenario);
        if (result.skipped) skipped[name] = result.skipped;
        else results[name].push(result);
      } catch (error) {
        skipped[name] = `failed, ${error.message}`;
        process.exitCode = 1;
      }
    }
  }
  for (const name of wanted) {
    const row = skipped[name] ? [`skipped: ${skipped[name]}`, '', '', '', '', '', ''] : cells(results[name], results['node:http'], results['uWebSockets.js']);
    console.log(`| ${[scenario.name, name, ...row].join(' | ')} |`);
  }
  return { results, skipped };
}

async function main() {
  buildLoad();
  const version = versionOf(options.node);
  const missing = options.impl.includes('uWebSockets.js') ? uwsMissing() : undefined;
  console.log(`Node ${version}, ${require('node:os').cpus().length} cores, medians of ${options.rounds} rounds of ${options.seconds} s\n`);
  console.log('| scenario | implementation | operations/s | p50 µs | p99 µs | JS-thread CPU µs/op | all CPU µs/op | to node:http | to uWebSockets.js |');
  console.log('|---|---|---|---|---|---|---|---|---|');
  await measureEach(SCENARIOS, options, version, (scenario) => scenarioRows(scenario, missing));
}

run(main);
