'use strict';

/**
 * Runs one client case against one implementation of node:http and tells what the user and the server saw, as text.
 *
 * A case is `{ server, run }`. `server` scripts a raw TCP server: a list of steps for each connection, the last list for all further
 * ones. A string is written, `{ until: 'text' }` waits for it on the connection's wire, `{ log: 'text' }` in the log, 'end' sends FIN,
 * 'destroy' closes, 'reset' resets, 'ended' waits for the client's FIN, 'closed' for the connection's end. `run({ http, port, agent, log, until, watch })` plays the user: `until(text)` waits for a
 * line of the log, `watch(req)` logs a request's events, its response's and its socket's. No step sleeps.
 */

const net = require('node:net');
const { Log } = require('./log');

const REQUEST_EVENTS = ['socket', 'finish', 'continue', 'timeout', 'abort', 'close', 'drain'];

class ClientTrace extends Log {
  constructor() {
    super();
    this.wires = [];
    this.until = (text, times = 1) => this.when(`"${text}"`, () => this.lines.filter((line) => line.includes(text)).length >= times);
  }

  seen() {
    return `wires: ${JSON.stringify(this.wires)}`;
  }

  async play(socket, number, steps) {
    for (const step of steps) {
      if (step === 'end') socket.end();
      else if (step === 'destroy') socket.destroy();
      else if (step === 'reset') socket.resetAndDestroy();
      else if (step === 'ended') await this.when('FIN', () => socket.readableEnded || socket.destroyed);
      else if (step === 'closed') await this.when('close', () => socket.destroyed);
      else if (typeof step === 'string') socket.write(step, 'latin1');
      else if (step.bytes) {
        for (const byte of step.bytes) {
          socket.write(byte, 'latin1');
          await new Promise(setImmediate);
        }
      } else if (step.until) await this.when(`"${step.until}" on wire ${number}`, () => this.wires[number].includes(step.until));
      else await this.until(step.log);
    }
  }

  /** Logs what a request, its response and its upgraded socket say. */
  watch(req, { data = true } = {}) {
    const { log } = this;
    for (const event of REQUEST_EVENTS) req.on(event, () => log(`req ${event}`));
    req.on('error', (error) => log('req error', error.code, error.name, error.message, error.syscall ?? ''));
    req.on('information', (info) => log('information', info.statusCode, info.statusMessage, JSON.stringify(info.headers)));
    req.on('response', (res) => {
      log('response', res.statusCode, res.statusMessage, res.httpVersion, JSON.stringify(res.rawHeaders), `req=${res.req === req}`);
      let body = '';
      if (data) res.on('data', (chunk) => (body += chunk.toString('latin1')));
      res.on('end', () => log('res end', body, `complete=${res.complete}`, JSON.stringify(res.trailers)));
      res.on('aborted', () => log('res aborted'));
      res.on('error', (error) => log('res error', error.code, error.message));
      res.on('close', () => log('res close', `complete=${res.complete} destroyed=${res.destroyed}`));
    });
    return req;
  }
}

/** @return {Promise<string>} the log and what the server read; Date fields and ports masked */
async function clientTraceOf(http, { server: scripts = [[]], run }) {
  const trace = new ClientTrace();
  const sockets = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const number = sockets.push(socket) - 1;
    trace.wires.push('');
    socket.on('data', (chunk) => {
      trace.wires[number] += chunk.toString('latin1');
      trace.wake();
    });
    socket.on('error', () => {});
    socket.on('end', () => trace.wake());
    socket.on('close', () => trace.wake());
    trace.play(socket, number, scripts[Math.min(number, scripts.length - 1)]).catch((error) => trace.log(error.message));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  const agent = new http.Agent({ keepAlive: true });
  try {
    await run({ http, port, host: '127.0.0.1', agent, server, log: trace.log, until: trace.until, watch: trace.watch.bind(trace) });
    await new Promise(setImmediate);
    await new Promise(setImmediate);
  } finally {
    // A script may wait for what this case was not about.
    trace.stop();
    agent.destroy();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
  const text = `${trace.lines.join('\n')}\n--\n${trace.wires.join('\n--\n')}`;
  return text.replaceAll(new RegExp(`\\b${port}\\b`, 'g'), 'PORT');
}

module.exports = { clientTraceOf };
