'use strict';

/**
 * A client of the benches: `client.js IMPLEMENTATION SCENARIO PORT CONCURRENCY WARMUP_MS MEASURE_MS`; keeps CONCURRENCY exchanges
 * under way and prints one line of JSON, as the generator does. Its own clocks are read at the edges of the measured window.
 */

const fs = require('node:fs');
const net = require('node:net');
const { performance } = require('node:perf_hooks');

const [, , implementation, scenario, ...numbers] = process.argv;
const [port, concurrency, warmup, measured] = numbers.map(Number);
const UPGRADE = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version': '13' };
const ENOUGH_ERRORS = 1000;

/** Latencies in milliseconds; there is room for what a fast client does in ten seconds. */
let latencies = new Float64Array(1 << 20);
let done = 0;
let errors = 0;
let firstError;
let counting = false;

/** One exchange is over. */
function settle(began, error) {
  if (error) {
    errors++;
    firstError ??= error.message;
  } else if (counting) {
    if (done === latencies.length) {
      const wider = new Float64Array(done * 2);
      wider.set(latencies);
      latencies = wider;
    }
    latencies[done++] = performance.now() - began;
  }
  if (errors < ENOUGH_ERRORS) process.nextTick(begin);
}

const wrong = (what) => new Error(`wrong answer: ${what}`);

/** node:http and turnout: the callers of these interfaces are the same text. */
function callers() {
  const http = implementation.startsWith('turnout') ? require(process.env.BENCH_TURNOUT ?? '../..') : require('node:http');
  const { Agent } = scenario === 'foreign' ? require('node:http') : http;
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  // A package's agent is one of node:http's with sockets of its own making.
  if (scenario === 'foreign') agent.createConnection = (options) => net.connect({ host: options.host, port: options.port, noDelay: true });
  const get = () => {
    const began = performance.now();
    const req = http.get({ host: '127.0.0.1', port, agent }, (res) => {
      let body = '';
      res.on('data', (chunk) => (body += chunk.latin1Slice()));
      // The connection is free a tick after 'end'.
      res.on('end', () => settle(began, body === 'okay' ? undefined : wrong(body)));
    });
    req.on('error', (error) => settle(began, error));
  };
  const upgrade = () => {
    const began = performance.now();
    const req = http.get({ host: '127.0.0.1', port, agent, headers: UPGRADE }, (res) => settle(began, wrong(res.statusCode)));
    req.on('upgrade', (res, socket) => {
      socket.on('close', () => settle(began, res.headers.upgrade === 'websocket' ? undefined : wrong(res.headers.upgrade)));
      socket.destroy();
    });
    req.on('error', (error) => settle(began, error));
  };
  return { get, foreign: get, upgrade };
}

function undiciCallers() {
  const { Pool } = require('undici');
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: concurrency, pipelining: 1 });
  const get = async () => {
    const began = performance.now();
    try {
      const { body } = await pool.request({ path: '/', method: 'GET' });
      const text = await body.text();
      settle(began, text === 'okay' ? undefined : wrong(text));
    } catch (error) {
      settle(began, error);
    }
  };
  const upgrade = async () => {
    const began = performance.now();
    try {
      const { headers, socket } = await pool.upgrade({ path: '/', method: 'GET', protocol: 'websocket', headers: { 'Sec-WebSocket-Key': UPGRADE['Sec-WebSocket-Key'] } });
      socket.on('close', () => settle(began, headers.upgrade === 'websocket' ? undefined : wrong(headers.upgrade)));
      socket.destroy();
    } catch (error) {
      settle(began, error);
    }
  };
  return { get, upgrade };
}

const begin = (implementation === 'undici' ? undiciCallers() : callers())[scenario];

/** Nanoseconds: of this thread, which runs JavaScript; of all. */
function clocks() {
  const schedstat = fs.readFileSync(`/proc/${process.pid}/task/${process.pid}/schedstat`, 'utf8');
  const { user, system } = process.cpuUsage();
  return { at: performance.now(), js: Number(schedstat.split(' ')[0]), all: (user + system) * 1000 };
}

function report(before) {
  const after = clocks();
  const seconds = (after.at - before.at) / 1000;
  const sorted = latencies.subarray(0, done).sort();
  const percentile = (share) => (done === 0 ? 0 : sorted[Math.max(0, Math.ceil(done * share) - 1)] * 1000);
  const result = {
    operations: done,
    seconds,
    perSecond: done / seconds,
    p50: percentile(0.5),
    p99: percentile(0.99),
    jsNanos: after.js - before.js,
    allNanos: after.all - before.all,
    errors,
    stalled: done === 0 ? concurrency : 0,
    firstError,
  };
  fs.writeSync(1, `${JSON.stringify(result)}\n`);
  process.exit();
}

for (let i = 0; i < concurrency; i++) begin();
setTimeout(() => {
  counting = true;
  setTimeout(report, measured, clocks());
}, warmup);
