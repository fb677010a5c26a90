'use strict';

/**
 * Worker threads, four at a time, that start a server and serve; then they close it and end, or are terminated in the middle of a request. The main
 * thread never loads the package. `node --expose-gc workers.js end|terminate SIZE ROUNDS`
 */

const net = require('node:net');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { collected, possessions } = require('../support/possessions');

const [manner, size, rounds] = process.argv.slice(2);
const TOGETHER = 4;
const SOURCE = `
const http = require(${JSON.stringify(path.join(__dirname, '..', '..'))});
const { parentPort } = require('node:worker_threads');
const server = http.createServer((req, res) => {
  if (req.url === '/never') res.write('part');
  else res.end(Buffer.alloc(50_000));
});
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
parentPort.once('message', () => server.close(() => parentPort.close()));
`;

function life() {
  return new Promise((resolve, reject) => {
    const worker = new Worker(SOURCE, { eval: true });
    worker.on('error', reject).on('exit', resolve);
    worker.on('message', (port) => {
      const peer = net.connect(port, '127.0.0.1');
      peer.write(`GET ${manner === 'end' ? '/' : '/never'} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      peer.on('error', () => {}).on('end', () => manner === 'end' && worker.postMessage('end'));
      peer.on('data', () => manner === 'terminate' && worker.terminate());
    });
  });
}

(async () => {
  const left = [];
  for (let round = 0; round <= Number(rounds); round++) {
    for (let i = 0; i < (round === 0 ? 1 : Number(size) / TOGETHER); i++) await Promise.all(Array.from({ length: TOGETHER }, life));
    await collected();
    left.push(possessions());
  }
  console.log(JSON.stringify(left));
})();
