'use strict';

/**
 * Connections the engine does not own: what `server.emit('connection', duplex)` brings, sockets of `listen({ fd })` and of cluster
 * workers. A node:http server without a port of its own parses them, and its events are the turnout server's.
 */

const http = require('./host-http');
const { shareWithHost } = require('./host-messages');
const { catchErrors } = require('./upgrade-errors');
const { kCatchUpgradeErrors } = require('./symbols');

const RELAYED = ['checkContinue', 'checkExpectation', 'clientError', 'dropRequest', 'timeout'];
const OPTIONS = ['maxHeaderSize', 'insecureHTTPParser', 'requestTimeout', 'headersTimeout', 'keepAliveTimeout', 'requireHostHeader', 'joinDuplicateHeaders'];

class ForeignConnections {
  #inner;
  #owner;

  /** @param {import('./server').Server} owner whose events and settings count */
  constructor(owner) {
    this.#owner = owner;
    // These messages meet the listeners of the engine's, and what those put under a message.
    shareWithHost();
    const options = { shouldUpgradeCallback: (req) => owner.shouldUpgradeCallback(req) };
    for (const name of OPTIONS) if (owner[name] !== undefined) options[name] = owner[name];
    this.#inner = http.createServer(options, (req, res) => owner.emit('request', req, res));
    for (const event of ['upgrade', 'connect']) this.#mirror(event, owner[kCatchUpgradeErrors]);
    for (const event of RELAYED) this.#mirror(event);
  }

  /** node:http asks how many listeners an event has: the inner server has one exactly while the owner has any. */
  #mirror(event, catches = false) {
    const relay = (...args) => {
      if (catches) catchErrors(this.#owner, args[1], args[0]);
      return this.#owner.emit(event, ...args);
    };
    const inner = this.#inner;
    const count = inner.listenerCount.bind(inner);
    inner.listenerCount = (name, ...rest) => (this.#mirrors(name) ? this.#owner.listenerCount(name) : count(name, ...rest));
    const { emit } = inner;
    inner.emit = function (name, ...args) {
      return name === event ? relay(...args) : emit.call(this, name, ...args);
    };
  }

  #mirrors(name) {
    return name === 'upgrade' || name === 'connect' || RELAYED.includes(name);
  }

  /** @param {import('stream').Duplex} socket */
  take(socket) {
    this.#inner.timeout = this.#owner.timeout;
    this.#inner.maxRequestsPerSocket = this.#owner.maxRequestsPerSocket;
    this.#inner.maxHeadersCount = this.#owner.maxHeadersCount;
    this.#inner.emit('connection', socket);
    socket.server = this.#owner;
  }

  close() {
    this.#inner.closeIdleConnections();
  }

  closeIdleConnections() {
    this.#inner.closeIdleConnections();
  }

  closeAllConnections() {
    this.#inner.closeAllConnections();
  }
}

module.exports = { ForeignConnections };
