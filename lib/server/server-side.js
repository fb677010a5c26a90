'use strict';

/**
 * ServerSide: what the engine's connections know of their server. It counts them, gives their sockets the listeners that Node's
 * server puts on them, and says in which async scope their events run. It keeps its names off Server, which users extend.
 */

const { Boolean, Number, Set, copyOf, each } = require('../base/primordials');
const net = copyOf(require('node:net'));
const { READ, openPort } = require('../seam/binding');
const { createScope, runInScope } = require('../base/async-scope');
const { exchange, socketListeners } = require('./exchange');
const observability = require('../base/observability');
const { server: rows } = require('../seam/options');
const { STREAMS } = require('../seam/layout').limits;
const { engineConfig } = require('./server-options');

/** @implements {import('../base/roles').Side} */
class ServerSide {
  exchange = exchange;
  /** The server, or who was derived from it and listens. */
  #server;
  #serverListener;
  #configure;
  #scope;
  /** The engine's number of the server for streams of JavaScript's, while there are any. */
  #streamServer = 0;
  #streams = 0;
  /** The connection that has just come: its socket is as the server is now. Sockets made later are as they would have been then. */
  #newcomer = null;
  /** Open connections. @type {Set<import('../connection/connection').Connection>} */
  connections = new Set();

  /**
   * @param {import('./server').Server} server
   * @param {Function} connectionListener the server's own listener of 'connection', for which no socket is made
   * @param {(server: import('./server').Server) => void} configure tells the engine what a server is like now
   */
  constructor(server, connectionListener, configure) {
    this.#configure = configure;
    this.#server = server;
    this.#serverListener = connectionListener;
  }

  /**
   * The context of the first listen() is that of every handler.
   * @param {import('./server').Server} server who listens: what has been derived from a server counts its connections by itself, as net.Server's do
   */
  begin(server) {
    this.#server = server;
    this.#scope ??= createScope();
  }

  /** Tells the engine what the server is like now. */
  configure() {
    this.#configure(this.#server);
    if (this.#streams > 0) openPort().configure(this.#streamServer, engineConfig(this.#server));
  }

  /**
   * A stream of JavaScript's is about to be a connection. The engine knows of the server while there is one.
   * @return {number} what the engine knows it by
   */
  beginStream() {
    if (this.#streams++ === 0) this.#streamServer = openPort().serve(engineConfig(this.#server), STREAMS);
    return this.#streamServer;
  }

  /** It is none any more. */
  endStream() {
    if (--this.#streams === 0) openPort().closeListener(this.#streamServer);
  }

  /** Runs a handler in an async scope of its own. */
  inScope(fn, a, b, c, d) {
    return runInScope(this.#scope, fn, a, b, c, d);
  }

  /** That of a new connection. @param {import('./server').Server} server who accepts it */
  highWaterMarkOf(server) {
    return server.highWaterMark ?? rows.highWaterMark.fallback;
  }

  /** Whether 'connection' has a listener besides the server's own, which may want to read before the parser does, or sockets begin paused. */
  get isHeard() {
    return this.#server.pauseOnConnect || this.#server._events.connection !== this.#serverListener;
  }

  /** Whether a socket must be made for each connection as it comes. */
  get isWatched() {
    return Boolean(this.#server.timeout) || this.isHeard || observability.serverSocket.hasSubscribers;
  }

  /**
   * A connection of the engine has come.
   * @param {import('../connection/connection').Connection} connection
   * @return {boolean} whether user code ran
   */
  admit(connection) {
    const { server } = connection;
    if (server.maxConnections != null && server._connections >= server.maxConnections) {
      connection.close();
      const { family, ...rest } = connection.peer;
      this.inScope(emitDrop, server, { ...rest, localFamily: family, remoteFamily: family });
      return true;
    }
    observability.debug('SERVER new http connection');
    connection.counted = true;
    server._connections++;
    this.connections.add(connection);
    if (!this.isWatched) return false;
    // A listener that may want to read before the parser does has come since the engine was told last. The engine learns of it for the next connection.
    if (this.isHeard && connection.intake.readBy !== READ.NOBODY) this.configure();
    this.#newcomer = connection;
    this.inScope(makeSocket, connection);
    this.#newcomer = null;
    this.inScope(emitConnection, server, connection);
    return true;
  }

  /** Gives a connection's new socket the listeners that Node's server puts on it. */
  attachSocket(socket, connection) {
    if (connection.isUpgraded) return;
    const isNew = this.#newcomer === connection;
    if (isNew && this.#server.pauseOnConnect) {
      socket.readableFlowing = false;
      connection.intake.setPaused(true);
    } else {
      // node:http's has been flowing since the connection came; see emitConnection().
      socket.readableFlowing = true;
      socket.read(0);
    }
    // Not by the socket's own on(): the server's listener is no reason to read in JavaScript.
    for (const entry of each(socketListeners)) net.Socket.prototype.on.call(socket, entry[0], entry[1]);
    if (isNew && this.#server.timeout) socket.setTimeout(this.#server.timeout);
  }

  /** The upgrade is accepted: the server's listeners leave, with a body still to come only once that is in. */
  leaveHttp(connection, complete) {
    if (!complete) return;
    const { socket } = connection;
    for (const entry of each(socketListeners)) socket.removeListener(entry[0], entry[1]);
    socket.readableFlowing = null;
  }

  /** Whether answers are still sent when the peer has ended. */
  allowsHalfOpen({ server }) {
    return Boolean(server.httpAllowHalfOpen);
  }

  /** Between two requests it is keepAliveTimeout that counts, which the engine keeps, and no timeout of the request before. */
  rest({ server, madeSocket }) {
    if (keepsAlive(server)) madeSocket.setTimeout?.(0);
  }

  /** Another request has come: if the connection was idle the server's timeout counts again, whatever the request before has set. */
  wake(connection) {
    const { server } = connection;
    if (connection.requests > 0 && connection.unfinished.length === 0 && keepsAlive(server)) connection.socket.setTimeout?.(server.timeout);
  }

  /** The engine has closed a connection of which no socket object was made: net.Socket cannot count it down. */
  connectionGone({ server }) {
    server._connections--;
    server._emitCloseIfDrained();
  }

  /** It has closed. @param {import('../connection/connection').Connection} connection */
  forget(connection) {
    this.connections.delete(connection);
  }
}

const keepsAlive = ({ keepAliveTimeout }) => Number.isFinite(keepAliveTimeout) && keepAliveTimeout > 0;

function emitDrop(server, data) {
  server.emit('drop', data);
}

function makeSocket(connection) {
  return connection.socket;
}

function emitConnection(server, connection) {
  const { socket } = connection;
  if (socket.readableFlowing) {
    // It begins to flow after the listeners, whatever these have said of it.
    socket.readableFlowing = null;
    socket.resume();
  }
  server.emit('connection', socket);
  if (observability.serverSocket.hasSubscribers) observability.serverSocket.publish({ socket });
}

module.exports = { ServerSide };
