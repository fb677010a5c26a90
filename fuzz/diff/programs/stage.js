'use strict';

/**
 * Plays one program on one implementation: a server whose listeners do what the program says, and the peers that talk to it. What
 * happened comes back as facts, a flat table from a name to a text. Order between events is not kept: it is counted how often
 * each came.
 */

const net = require('node:net');
const { CutStream } = require('../cut-stream');
const { Random } = require('../random');
const { Peer } = require('./peer');
const { Record } = require('./record');
const { perform, ENDLESS } = require('./actions');
const { serves } = require('./probe');
const { restoreAll } = require('./tampering');

/** Programs replace these. */
const { setTimeout, setImmediate, clearTimeout } = globalThis;
const { nextTick } = process;

/** Milliseconds that a server may take to close once all its connections have been destroyed. */
const PATIENCE = 1_500;
/** Milliseconds after which a program that never comes to rest is looked at anyway. */
const RESTLESS = 1_500;

const KINDS = ['request', 'checkContinue', 'checkExpectation', 'upgrade', 'connect', 'connection', 'clientError', 'timeout'];

class Stage {
  #http;
  #driver;
  #one;
  #pace;
  #stirred = 0;
  #names = new Map();
  #sockets = new Set();
  /** Streams that the server was given. */
  #given = [];

  /**
   * @param {object} http node:http or turnout
   * @param {object} driver options of `createServer`
   * @param {object} one a program
   * @param {{gap: number, quiet: number, reverse?: boolean}} pace rounds of the loop between a peer's steps; milliseconds of silence that
   *   are the end; whether the last peer begins
   */
  constructor(http, driver, one, pace) {
    this.#http = http;
    this.#driver = driver;
    this.#one = one;
    this.#pace = pace;
    this.record = new Record(() => this.stir());
    this.contexts = [];
    /** Timers of the program's own that have not run. */
    this.pending = 0;
    this.over = false;
  }

  get http() {
    return this.#http;
  }

  /** Something has happened. */
  stir() {
    this.#stirred += 1;
  }

  async rounds(count) {
    for (let round = 0; round < count; round++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Resolves when `reached` says so, or when nothing happens any more. */
  async until(reached) {
    const began = Date.now();
    let seen = -1;
    let since = began;
    for (;;) {
      if (reached()) return;
      await new Promise((resolve) => setTimeout(resolve, 1));
      const now = Date.now();
      if (this.#stirred !== seen || this.pending > 0) {
        seen = this.#stirred;
        since = now;
      } else if (now - since >= this.#pace.quiet) return;
      if (now - began > RESTLESS) return;
      await this.rounds(2);
    }
  }

  /** @return {Promise<object>} the facts */
  async play() {
    const { record } = this;
    const server = this.#http.createServer({ ...this.#one.server, ...this.#driver });
    this.server = server;
    const front = this.#one.over === undefined ? server : this.#frontOf(server);
    const both = new Set([server, front]);
    const closed = Promise.all([...both].map((one) => new Promise((resolve) => one.once('close', resolve))));
    this.#listenTo(server);
    for (const one of both) {
      await new Promise((resolve, reject) => {
        one.once('error', reject);
        one.listen(0, '127.0.0.1', resolve);
      });
    }
    const { port } = front.address();
    this.port = port;
    const peers = this.#one.peers.map((peer, n) => new Peer(n, peer, this));
    for (const peer of peers) await peer.connect(port);
    // That a connection has been accepted is no race with what comes over it.
    if (this.#one.handlers.connection !== undefined) await this.until(() => false);
    const order = this.#pace.reverse ? [...peers].reverse() : peers;
    await Promise.all(order.map((peer) => peer.play(this.#pace.gap)));
    await this.until(() => false);
    this.#look(peers);
    await this.#close(server, front, peers, closed);
    this.over = true;
    restoreAll();
    const served = await serves(this.#http, this.#driver);
    record.note('serves afterwards', served);
    this.clean &&= served === 'yes';
    return record.facts();
  }

  /**
   * Somebody else's server, which accepts, and gives `server` what it has: it closes when these have. `server` listens as well, or node:http's
   * would know none of its connections.
   */
  #frontOf(server) {
    const { over, seed, n } = this.#one;
    return net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const stream = over === 'socket' ? socket : new CutStream(socket, new Random(4, seed, n, this.#given.length));
      this.#given.push(stream);
      server.emit('connection', stream);
    });
  }

  #listenTo(server) {
    const { handlers } = this.#one;
    for (const kind of KINDS) if (kind in handlers) server.on(kind, (...args) => this.#enter(kind, args));
    for (const event of this.#one.watch.server ?? []) server.on(event, () => this.record.count(`server ${event}`));
    server.on('error', (error) => this.record.fault('server error', error));
  }

  /** An event of the server: from now on its arguments have a name, and the program's actions for them are done. */
  #enter(kind, [first, second, third]) {
    if (this.over) return;
    this.record.count(`event ${kind}`);
    const context = { kind, stage: this, original: {}, depth: 0 };
    if (kind === 'connection' || kind === 'timeout') context.socket = first;
    else if (kind === 'clientError') Object.assign(context, { error: first, socket: second });
    else if (kind === 'upgrade' || kind === 'connect') Object.assign(context, { req: first, socket: second, head: third });
    else Object.assign(context, { req: first, res: second });
    if (kind === 'clientError') this.record.fault('clientError', first);
    context.name = this.#nameFor(context);
    Object.assign(context.original, { req: context.req, res: context.res });
    if (context.socket) this.#keep(context, context.socket);
    this.contexts.push(context);
    this.#watch(context, 'req');
    this.#watch(context, 'res');
    if (context.head) this.record.data(`${context.name} stream`, context.head);
    this.#perform(context);
  }

  #nameFor(context) {
    const { kind, req } = context;
    const asked = req && /([0-9][a-h])(?::80)?$/.exec(req.url)?.[1];
    if (req && asked === undefined) return 'nested';
    const name = asked ?? { connection: 'c', clientError: 'e', timeout: 't' }[kind];
    const again = this.#names.get(name) ?? 0;
    this.#names.set(name, again + 1);
    context.depth = asked === undefined ? 0 : again;
    if (asked === undefined) return `${name}${again}`;
    return again === 0 ? asked : `${asked}+${again}`;
  }

  /** A socket that has been seen: it is watched, and destroyed in the end. */
  #keep(context, socket) {
    context.original.socket = socket;
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    this.#watch({ ...context, socket }, 'socket');
  }

  socketOf(context) {
    context.socket ??= context.req?.socket;
    if (context.socket && !context.original.socket) this.#keep(context, context.socket);
    return context.socket;
  }

  #watch(context, what) {
    const emitter = context[what];
    if (!emitter || context.name === 'nested') return;
    for (const event of this.#one.watch[what] ?? []) {
      const name = `${context.name} ${what} ${event}`;
      if (event === 'error') emitter.on(event, (error) => this.record.fault(name, error));
      else emitter.on(event, () => this.record.count(name));
    }
  }

  #perform(context) {
    const { kind, name } = context;
    if (name === 'nested') {
      context.res?.end('nested');
      return;
    }
    const lists = this.#one.handlers[kind];
    const turn = context.req ? name.charCodeAt(1) - 97 + Number(name[0]) : Number(name.slice(1));
    const which = turn % lists.length;
    const late = [];
    lists[which].forEach((action, n) => {
      const id = `${name}:${n}`;
      // What was emitted again is not emitted once more.
      if (context.depth > 0 && ENDLESS.has(action.do)) return;
      if (action.do === 'throw' && !action.when) late.push(action);
      else this.#schedule(context, action, id);
    });
    if (late.length > 0) throw Object.assign(new Error('the program throws'), { code: 'PROGRAM' });
  }

  #schedule(context, action, id) {
    const run = () => {
      if (!this.over) perform(context, action, id);
    };
    const { when } = action;
    if (when === undefined) run();
    else if (when === 'tick') nextTick(run);
    else if (when === 'micro') Promise.resolve().then(run);
    else if (when === 'immediate') setImmediate(run);
    else if (when === 'timer') this.timer(run, 2);
    else this.#after(context, when, run);
  }

  timer(run, msecs) {
    this.pending += 1;
    setTimeout(() => {
      this.pending -= 1;
      run();
    }, msecs);
  }

  #after(context, when, run) {
    const [what, event] = when.split(' ');
    const emitter = what === 'socket' ? this.socketOf(context) : context[what];
    if (emitter) emitter.once(event, run);
    else run();
  }

  /** What stands when nothing happens any more. */
  #look(peers) {
    const { record } = this;
    peers.forEach((peer, n) => record.facts(peer.facts(), `peer ${n} `));
    for (const { name, original, socket } of this.#one.looks ? this.contexts : []) {
      const { req, res } = original;
      if (req) record.state(`${name} req`, req, ['complete', 'aborted', 'destroyed', 'readableEnded', 'closed', 'errored']);
      if (res) record.state(`${name} res`, res, ['headersSent', 'finished', 'writableEnded', 'writableFinished', 'destroyed', 'closed', 'errored']);
      if (original.socket) record.state(`${name} socket`, original.socket, ['destroyed', 'writableEnded', 'writableFinished', 'readableEnded', 'closed', 'errored']);
      else if (socket) record.note(`${name} socket`, 'not kept');
    }
    record.compareWire(peers.map(({ text, listens }, number) => ({ number, text, listens })));
  }

  /** The peers go, then the server's connections are destroyed: it must have closed then. */
  async #close(server, front, peers, closed) {
    const { record } = this;
    let done = false;
    closed.then(() => {
      done = true;
      this.stir();
    });
    server.close(() => record.count('server close callback'));
    if (front !== server) front.close();
    for (const peer of peers) peer.leave();
    await this.until(() => done);
    record.note('closed when the peers had gone', done);
    if (!done) {
      server.closeAllConnections();
      for (const socket of [...this.#sockets, ...this.#given]) socket.destroy();
      let timer;
      await Promise.race([closed, new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE)))]);
      clearTimeout(timer);
      record.note('closed when told', done);
    } else {
      record.note('closed when told', true);
    }
    await this.rounds(2);
    this.clean = done;
  }
}

module.exports = { Stage };
