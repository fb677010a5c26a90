'use strict';

/**
 * The client's figures: `node benches/node/client.js [seconds]`. One server (turnout's) in a process of its own; for each number of
 * requests at a time a fresh process asks with node:http's client and another with turnout's, in alternating rounds. What counts is
 * the ratio; the server takes its share of the same cores.
 */

const { fork } = require('node:child_process');

const CONCURRENCY = [1, 64, 512];
const IMPLEMENTATIONS = ['node:http', 'turnout'];
const ROUNDS = 3;
const SECONDS = Number(process.argv[2]) || 2;

const load = (name) => (name === 'turnout' ? require('../..') : require('node:http'));

/** Answers every request at once; tells its port. */
function serve() {
  const server = load('turnout').createServer((req, res) => res.end('okay'));
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
}

/** Keeps `concurrency` requests under way for some seconds; tells how many there were and what they cost this process. */
function ask(name, concurrency, port) {
  const http = load(name);
  const agent = new http.Agent({ keepAlive: true, maxSockets: concurrency });
  let done = 0;
  let counting = false;
  const next = () => {
    const req = http.get({ host: '127.0.0.1', port, agent }, (res) => res.resume());
    // Behind 'close' the connection is free again.
    req.on('close', () => {
      done += counting;
      setImmediate(next);
    });
  };
  for (let i = 0; i < concurrency; i++) next();
  setTimeout(() => {
    counting = true;
    const cpu = process.cpuUsage();
    const began = process.hrtime.bigint();
    setTimeout(() => {
      const seconds = Number(process.hrtime.bigint() - began) / 1e9;
      const { user, system } = process.cpuUsage(cpu);
      process.send({ rate: done / seconds, cost: (user + system) / done }, () => process.exit());
    }, SECONDS * 1000);
  }, 500);
}

/** @return {Promise<*>} the first message of a child that plays `role` */
function play(...role) {
  const child = fork(__filename, [String(SECONDS), ...role.map(String)]);
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve({ message, child }));
    child.once('error', reject);
  });
}

const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];

async function main() {
  const { message: port, child: server } = await play('serve');
  console.log('| requests at a time | client | requests/s | CPU µs each | to node:http |\n|---|---|---|---|---|');
  for (const concurrency of CONCURRENCY) {
    const seen = Object.fromEntries(IMPLEMENTATIONS.map((name) => [name, { rate: [], cost: [] }]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const name of IMPLEMENTATIONS) {
        const { message, child } = await play('ask', name, concurrency, port);
        await new Promise((resolve) => child.once('exit', resolve));
        seen[name].rate.push(message.rate);
        seen[name].cost.push(message.cost);
      }
    }
    const of = (name) => ({ rate: median(seen[name].rate), cost: median(seen[name].cost) });
    const node = of('node:http');
    for (const name of IMPLEMENTATIONS) {
      const { rate, cost } = of(name);
      const ratio = name === 'node:http' ? '1' : `${(rate / node.rate).toFixed(2)}, CPU ${(cost / node.cost).toFixed(2)}`;
      console.log(`| ${concurrency} | ${name} | ${Math.round(rate).toLocaleString('en')} | ${cost.toFixed(1)} | ${ratio} |`);
    }
  }
  server.kill();
}

const [, , , role, name, concurrency, port] = process.argv;
if (role === 'serve') serve();
else if (role === 'ask') ask(name, Number(concurrency), Number(port));
else main();
