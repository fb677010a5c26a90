'use strict';

/** One connection at a time to servers of one implementation of node:http: what became of the bytes of a case. */

const { PATIENCE, send } = require('./lane');
const { PROFILES } = require('./server-profiles');
const { throughPort } = require('./ways');

const latin1 = (chunk) => chunk.toString('latin1');

/** Milliseconds that requests may take to close when their connection has. */
const LAST_WORDS = 200;

/** What one connection brought about. */
class Outcome {
  messages = [];
  errors = [];
  wire = '';
  closed = 'hang';
  #open = 0;
  #whenSettled;

  message(kind, req) {
    const message = { kind, head: `${req.method} ${req.url} ${req.httpVersion} ${JSON.stringify(req.rawHeaders)}`, body: '', end: '' };
    this.messages.push(message);
    this.#watch(req);
    req.on('data', (chunk) => (message.body += latin1(chunk)));
    req.on('end', () => (message.end = `end ${JSON.stringify(req.rawTrailers)}`));
    req.on('aborted', () => (message.end ||= 'aborted'));
    req.on('error', (error) => (message.error = error.code));
    return message;
  }

  stream(message, socket, head) {
    message.first = latin1(head);
    message.raw = '';
    this.#watch(socket);
    socket.on('data', (chunk) => (message.raw += latin1(chunk)));
    socket.on('end', () => socket.end());
    socket.on('error', () => {});
  }

  /** Resolves when everything of the connection has closed, or might have. */
  settled() {
    return new Promise((resolve) => {
      if (this.#open === 0) return void setImmediate(resolve);
      const timer = setTimeout(resolve, LAST_WORDS);
      this.#whenSettled = () => {
        clearTimeout(timer);
        setImmediate(resolve);
      };
    });
  }

  #watch(emitter) {
    this.#open += 1;
    emitter.once('close', () => {
      this.#open -= 1;
      if (this.#open === 0) this.#whenSettled?.();
    });
  }
}

class ServerLane {
  #http;
  #options;
  #through;
  #ways = new Map();
  #current;

  /**
   * @param {object} http an implementation of node:http
   * @param {object} options for each of its servers
   * @param {Function} through the way of a peer to a server, of `ways.js`
   */
  constructor(http, options = {}, through = throughPort) {
    this.#http = http;
    this.#options = options;
    this.#through = through;
  }

  /** @return {Promise<Outcome>} */
  async play(one) {
    const way = await this.#way(one.profile);
    const outcome = new Outcome();
    this.#current = outcome;
    await new Promise((resolve) => {
      const client = way.connect(one);
      if (client.connecting || client.encrypted) client.on(client.encrypted ? 'secureConnect' : 'connect', () => send(client, one));
      else send(client, one);
      const timer = setTimeout(() => client.destroy(), PATIENCE);
      client.on('data', (chunk) => (outcome.wire += latin1(chunk)));
      client.on('end', () => (outcome.closed = 'closed'));
      client.on('error', () => (outcome.closed = 'closed'));
      client.on('close', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    await outcome.settled();
    outcome.wire = outcome.wire.replace(/Date: [^\r]*/g, 'Date: *');
    return outcome;
  }

  close() {
    for (const way of this.#ways.values()) way.close();
  }

  async #way(name) {
    const known = this.#ways.get(name);
    if (known !== undefined) return known;
    const profile = PROFILES[name];
    const server = this.#http.createServer({ ...profile.options, ...this.#options, ...this.#deciding(profile) });
    this.#listen(server, profile);
    if (profile.maxHeadersCount !== undefined) server.maxHeadersCount = profile.maxHeadersCount;
    const way = await this.#through(server);
    this.#ways.set(name, way);
    return way;
  }

  #deciding({ upgrades }) {
    return upgrades === 'decline' ? { shouldUpgradeCallback: () => false } : {};
  }

  #listen(server, { upgrades, tells, answers }) {
    for (const kind of ['request', 'checkContinue', 'checkExpectation']) {
      server.on(kind, (req, res) => {
        this.#current.message(kind, req);
        res.sendDate = false;
        // Without it node:http closes the connection after the answer.
        if (kind === 'checkContinue') res.writeContinue();
        if (answers === 'at once') res.end('ok');
        else req.on('end', () => res.end('ok'));
      });
    }
    if (upgrades !== 'none') {
      for (const kind of ['upgrade', 'connect']) {
        server.on(kind, (req, socket, head) => {
          const outcome = this.#current;
          outcome.stream(outcome.message(kind, req), socket, head);
          socket.write('HTTP/1.1 101 X\r\n\r\n');
        });
      }
    }
    if (!tells) return;
    server.on('clientError', ({ code, reason, bytesParsed, rawPacket }, socket) => {
      // Node tells the same error again for each later packet, when the listener leaves the socket open.
      const { errors } = this.#current;
      if (errors.length === 0) errors.push({ code, reason, bytesParsed, packet: rawPacket?.length });
      socket.end('HTTP/1.1 400 X\r\n\r\n');
    });
  }
}

module.exports = { ServerLane };
