'use strict';

/**
 * The recorder: plays one parity case against one implementation of node:http and tells what its user and the raw peer saw, as text.
 *
 * A case of a server is `{ options, setup(server, log), handler(req, res, log), steps }`, and `steps` drive a raw client. A case of a client is
 * `{ server, run }`: `server` has a list of steps for each connection to a raw server, the last list for all further ones, and
 * `run({ http, port, host, agent, server, log, until, watch })` plays the user: `until(text)` waits for a line of the log, `watch(req)` logs the
 * events of a request and of its response.
 *
 * What carries a server's connections is a transport: PLAIN, or TLS, where the module that is played is one of https.
 *
 * A step is a string, which is written, `{ bytes: 'text' }`, written byte by byte, or one of the words of STEPS, or it waits:
 * `{ until: 'text' }` for what the peer reads, `{ log: 'text' }` for a line of the log. No step sleeps.
 */

const net = require('node:net');
const tls = require('node:tls');
const { localhost } = require('./certificate');
const { listening, closed } = require('./servers');

const HOST = '127.0.0.1';
/** Milliseconds after which what has not come will not. */
const PATIENCE = 5000;
const REQUEST_EVENTS = ['socket', 'finish', 'continue', 'timeout', 'abort', 'close', 'drain'];

const PLAIN = {
  options: {},
  connect(port) {
    const socket = net.connect(port, HOST);
    return { socket, wire: socket };
  },
  named: (server) => server,
};

/** What a case calls a server's connections are those that have shaken hands. */
const TLS = {
  // As http's sockets are: without it every FIN takes the answers along.
  options: { ...localhost, allowHalfOpen: true },
  connect(port) {
    const wire = net.connect(port, HOST).on('error', () => {});
    return { socket: tls.connect({ socket: wire, rejectUnauthorized: false }), wire };
  },
  named(server) {
    for (const method of ['on', 'once', 'addListener', 'prependListener', 'prependOnceListener', 'off', 'removeListener', 'removeAllListeners', 'listeners', 'listenerCount']) {
      const own = server[method];
      server[method] = (name, ...args) => own.call(server, name === 'connection' ? 'secureConnection' : name, ...args);
    }
    return server;
  },
};

/** What a peer does with its socket, or waits for. */
const STEPS = {
  end: (peer) => peer.socket.end(),
  destroy: (peer) => peer.socket.destroy(),
  reset: (peer) => peer.carrier.resetAndDestroy(),
  ended: (peer, trace) => trace.when('FIN', () => peer.socket.readableEnded || peer.socket.destroyed),
  closed: (peer, trace) => trace.when('close', () => peer.socket.closed),
};

/** Lines that say what has happened, what each raw peer has read, and who waits for something to happen. */
class Trace {
  #waiting = new Set();
  lines = [];
  peers = [];

  log = (...words) => {
    this.lines.push(words.map(String).join(' '));
    this.#wake();
  };

  until = (text, times = 1) => this.when(`"${text}" in the log`, () => this.lines.filter((line) => line.includes(text)).length >= times);

  /** Logs what a request and its response say. */
  watch = (req, { data = true } = {}) => {
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
  };

  #wake = () => {
    for (const waiter of [...this.#waiting]) waiter.check();
  };

  /** Resolves when `test()` is true; rejects with what has been seen when it never does. */
  when(what, test) {
    return new Promise((resolve, reject) => {
      const waiter = {
        check: () => {
          if (!test()) return;
          this.#forget(waiter);
          resolve();
        },
        timer: setTimeout(() => {
          this.#forget(waiter);
          reject(new Error(`no ${what}; log: ${JSON.stringify(this.lines)}; wires: ${JSON.stringify(this.wires)}`));
        }, PATIENCE),
      };
      this.#waiting.add(waiter);
      waiter.check();
    });
  }

  #forget(waiter) {
    clearTimeout(waiter.timer);
    this.#waiting.delete(waiter);
  }

  get wires() {
    return this.peers.map((peer) => peer.wire);
  }

  /** @return {{socket: net.Socket, carrier: net.Socket, wire: string}} a raw peer, whose bytes are part of the trace */
  peer(socket, carrier = socket) {
    const peer = { socket, carrier, wire: '' };
    this.peers.push(peer);
    socket.on('data', (chunk) => {
      peer.wire += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('error', () => {}).on('end', this.#wake).on('close', this.#wake);
    return peer;
  }

  async play(peer, steps) {
    for (const step of steps) {
      if (typeof step !== 'string') await this.#playOrWait(peer, step);
      else if (Object.hasOwn(STEPS, step)) await STEPS[step](peer, this);
      else peer.socket.write(step, 'latin1');
    }
  }

  async #playOrWait(peer, { bytes, until, log }) {
    if (until !== undefined) await this.when(`"${until}" on wire ${this.peers.indexOf(peer)}`, () => peer.wire.includes(until));
    else if (log !== undefined) await this.until(log);
    else {
      for (const byte of bytes) {
        peer.socket.write(byte, 'latin1');
        await new Promise(setImmediate);
      }
    }
  }

  /** Nobody waits any more: a script may wait for what its case was not about. */
  stop() {
    for (const waiter of this.#waiting) this.#forget(waiter);
    for (const { socket } of this.peers) socket.destroy();
  }
}

/** @return {Promise<string>} what the raw client has read, and the log */
async function traceServer(http, { options = {}, setup, handler, steps }, transport) {
  const trace = new Trace();
  const server = transport.named(http.createServer({ ...transport.options, ...options }, (req, res) => handler?.(req, res, trace.log)));
  setup?.(server, trace.log);
  const port = await listening(server);
  const taken = new Set();
  if (server.listenerCount('connect') > 0) server.on('connect', (req, socket) => taken.add(socket));
  if (server.listenerCount('upgrade') > 0) server.on('upgrade', (req) => taken.add(req.socket));
  try {
    const { socket, wire } = transport.connect(port);
    await trace.play(trace.peer(socket, wire), steps);
  } finally {
    trace.stop();
    for (const socket of taken) socket.destroy();
    const over = closed(server);
    server.closeAllConnections();
    await over;
  }
  return `${trace.wires[0].replace(/Date: [^\r]*/g, 'Date: *')}\n--\n${trace.lines.join('\n')}`;
}

/** @return {Promise<string>} the log, and what the raw server has read of each connection */
async function traceClient(http, { server: scripts = [[]], run }) {
  const trace = new Trace();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const script = scripts[Math.min(trace.peers.length, scripts.length - 1)];
    trace.play(trace.peer(socket), script).catch((error) => trace.log(error.message));
  });
  const port = await listening(server);
  const agent = new http.Agent({ keepAlive: true });
  try {
    await run({ http, port, host: HOST, agent, server, log: trace.log, until: trace.until, watch: trace.watch });
    await new Promise(setImmediate);
    await new Promise(setImmediate);
  } finally {
    agent.destroy();
    trace.stop();
    await closed(server);
  }
  const text = `${trace.lines.join('\n')}\n--\n${trace.wires.join('\n--\n')}`;
  return text.replaceAll(new RegExp(`\\b${port}\\b`, 'g'), 'PORT');
}

/** @return {Promise<string>} what was seen; Date fields of servers and the ports of clients are masked */
const traceOf = (http, one, transport = PLAIN) => (one.run ? traceClient(http, one) : traceServer(http, one, transport));

module.exports = { traceOf, PLAIN, TLS };
