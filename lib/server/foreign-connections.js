'use strict';

/**
 * Connections the engine does not own: what `server.emit('connection', duplex)` brings. A node:http server without a port of its own
 * parses them, and its events are the turnout server's.
 */

const http = require('../base/host-http');
const { shareWithHost } = require('./host-messages');
const { kRequestClass } = require('../base/node-internals');
const { optionsOf } = require('../seam/options');
const { each, includes } = require('../base/primordials');
const { catchErrors } = require('./upgrade-errors');
const { kCatchUpgradeErrors } = require('../base/symbols');

/** What the owner's listeners hear, and are counted for: node:http asks whether there are any. */
const RELAYED = ['upgrade', 'connect', 'checkContinue', 'checkExpectation', 'clientError', 'dropRequest', 'timeout'];
/** Properties that may change while the server runs. What its callback decides, is asked of the owner itself. */
const LIVE = optionsOf('server').filter(({ live, name }) => live && name !== 'shouldUpgradeCallback');

class ForeignConnections {
  #inner;
  #owner;
  /** Whether node:http looks after the connections: knows which are idle, and ends those that are too slow. It does while a server listens. */
  #watches = false;

  /**
   * @param {import('./server').Server} owner whose events and settings count
   * @param {object} options it was made with
   */
  constructor(owner, options) {
    this.#owner = owner;
    // Their messages go to the same listeners as the engine's, and a framework among these may put our prototypes under them.
    shareWithHost();
    const inner = http.createServer({ ...options, shouldUpgradeCallback: (req) => owner.shouldUpgradeCallback(req) });
    inner.on('request', (req, res) => owner.emit('request', req, res));
    const { emit, listenerCount } = inner;
    inner.listenerCount = (name, ...rest) => (includes(RELAYED, name) ? owner.listenerCount(name, ...rest) : listenerCount.call(inner, name, ...rest));
    inner.emit = (name, ...args) => {
      if (!includes(RELAYED, name)) return emit.call(inner, name, ...args);
      if (owner[kCatchUpgradeErrors] && (name === 'upgrade' || name === 'connect')) catchErrors(owner, args[1], args[0]);
      return owner.emit(name, ...args);
    };
    // Node's parser asks the socket's server which class its requests are of.
    owner[kRequestClass] = inner[kRequestClass];
    this.#inner = inner;
  }

  /** @param {import('stream').Duplex} socket */
  take(socket) {
    if (!this.#watches && this.#owner.listening) {
      this.#watches = true;
      this.#inner.emit('listening');
    }
    for (const { name } of each(LIVE)) this.#inner[name] = this.#owner[name];
    this.#inner.emit('connection', socket);
    socket.server = this.#owner;
  }

  close() {
    this.#watches = false;
    this.#inner.close();
  }

  closeIdleConnections() {
    this.#inner.closeIdleConnections();
  }

  closeAllConnections() {
    this.#inner.closeAllConnections();
  }
}

module.exports = { ForeignConnections };
