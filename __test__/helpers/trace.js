'use strict';

/**
 * Runs one case against one implementation of node:http and tells what a user and the peer saw, as text.
 *
 * A case is `{ options, setup(server, log), handler(req, res, log), steps }`. Steps drive a raw TCP client: a string is written, and
 * `{ until: 'text' }` waits for it on the wire, `{ log: 'text' }` in the log, 'end' half-closes, 'reset' resets, 'closed' waits for
 * the server to close. No step sleeps.
 */

const net = require('node:net');
const { Log } = require('./log');

class Trace extends Log {
  constructor() {
    super();
    this.wire = '';
    this.closed = false;
  }

  seen() {
    return `wire: ${JSON.stringify(this.wire)}`;
  }
}

async function play(trace, client, steps) {
  for (const step of steps) {
    if (step === 'end') client.end();
    else if (step === 'reset') client.resetAndDestroy();
    else if (step === 'closed') await trace.when('close', () => trace.closed);
    else if (typeof step === 'string') client.write(step, 'latin1');
    else if (step.until) await trace.when(`"${step.until}" on the wire`, () => trace.wire.includes(step.until));
    else await trace.when(`"${step.log}" in the log`, () => trace.lines.some((line) => line.includes(step.log)));
  }
}

/** @return {Promise<string>} the wire and the log; Date fields and ports masked */
async function traceOf(http, { options = {}, setup, handler, steps }) {
  const trace = new Trace();
  const server = http.createServer(options, (req, res) => handler?.(req, res, trace.log));
  setup?.(server, trace.log);
  const sockets = new Set();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = net.connect(server.address().port, '127.0.0.1');
  client.on('data', (chunk) => {
    trace.wire += chunk.toString('latin1');
    trace.wake();
  });
  client.on('error', () => {});
  client.on('close', () => {
    trace.closed = true;
    trace.wake();
  });
  if (server.listenerCount('connect') > 0) server.on('connect', (req, socket) => sockets.add(socket));
  if (server.listenerCount('upgrade') > 0) server.on('upgrade', (req) => sockets.add(req.socket));
  try {
    await play(trace, client, steps);
  } finally {
    client.destroy();
    for (const socket of sockets) socket.destroy();
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }
  const wire = trace.wire.replace(/Date: [^\r]*/g, 'Date: *');
  return `${wire}\n--\n${trace.lines.join('\n')}`;
}

module.exports = { traceOf };
