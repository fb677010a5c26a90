'use strict';

/**
 * ServerSide: what the engine's connections know of their server. It counts them, gives their sockets the listeners that Node's
 * server puts on them, and says in which async scope their events run. It keeps its names off Server, which users extend.
 */

const { Boolean, Number, Set, copyOf, each } = require('../base/primordials');
const { EventEmitter } = require('node:events');
const net = copyOf(require('node:net'));
const { READ, openPort } = require('../seam/binding');
const { createScope, runInScope } = require('../base/async-scope');
const { exchange, socketListeners } = require('./exchange');
const observability = require('../base/observability');
const { beginHttp, leaveToOthers } = require('../connection/plain');
const { dress } = require('../connection/socket');
const { HOLD, PHASE } = require('../connection/states');
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
  /** The engine's number of the server for streams of JavaScript's; 0: it does not know of it. */
  #streamServer = 0;
  #streams = 0;
  /** Open connections on which HTTP is spoken. @type {Set<import('../connection/connection').Connection>} */
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
    if (this.#streamServer !== 0) openPort().configure(this.#streamServer, engineConfig(this.#server));
  }

  /**
   * A stream of JavaScript's is about to be a connection. The engine knows of the server from the first one on, until it does not listen and there
   * is none.
   * @return {number} what the engine knows it by
   */
  beginStream() {
    this.#streams++;
    if (this.#streamServer === 0) this.#streamServer = openPort().serve(engineConfig(this.#server), STREAMS);
    return this.#streamServer;
  }

  /** It is none any more. */
  endStream() {
    this.#streams--;
    if (!this.#server.listening) this.endListening();
  }

  /** The server is about to listen no more. */
  endListening() {
    if (this.#streams > 0 || this.#streamServer === 0) return;
    openPort().closeListener(this.#streamServer);
    this.#streamServer = 0;
  }

  /** Runs a handler in an async scope of its own. */
  inScope(fn, a, b, c, d) {
    return runInScope(this.#scope, fn, a, b, c, d);
  }

  /** That of a new connection. @param {import('./server').Server} server who accepts it */
  highWaterMarkOf(server) {
    return server.highWaterMark ?? rows.highWaterMark.fallback;
  }

  /** Whether 'connection' has other listeners than the server's own, or an emit() of a program's that may keep it from that; or sockets begin paused. */
  get isHeard() {
    const server = this.#server;
    return server.pauseOnConnect || server._events.connection !== this.#serverListener || server.emit !== EventEmitter.prototype.emit;
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
    server._connections++;
    if (!this.isWatched) {
      this.#add(connection);
      return false;
    }
    this.#announce(connection);
    return true;
  }

  /**
   * Emits 'connection'. As with Node HTTP begins when the server's own listener is called, at its place among the others or whenever somebody does
   * so by hand: until then the socket is a plain one.
   */
  #announce(connection) {
    const { intake, server } = connection;
    // A listener that may want to read before the parser does has come since the engine was told last. The engine learns of it for the next connection.
    if (this.isHeard && intake.readBy !== READ.NOBODY) this.configure();
    connection.phase = PHASE.PLAIN;
    intake.tapped = true;
    intake.setHold(HOLD.ARRIVING, true);
    try {
      this.inScope(makeSocket, connection);
      this.inScope(emitConnection, server, connection);
    } finally {
      intake.setHold(HOLD.ARRIVING, false);
      intake.tellReader();
    }
  }

  #add(connection) {
    observability.debug('SERVER new http connection');
    connection.admitted = true;
    this.connections.add(connection);
  }

  /** The server's own listener of 'connection' has been called: HTTP begins. */
  beginHttp(connection) {
    const { socket } = connection;
    beginHttp(connection);
    dress(socket, connection);
    if (!connection.isClosed) this.#add(connection);
    if (this.#server.timeout) socket.setTimeout(this.#server.timeout);
    listenTo(socket);
  }

  /** TLS or HTTP/2 of Node's has the connection from now on, and HTTP ends. */
  letGo(connection) {
    const { socket } = connection;
    for (const entry of each(socketListeners)) socket.removeListener(entry[0], entry[1]);
    socket.parser = null;
    this.connections.delete(connection);
    leaveToOthers(connection);
  }

  /** Gives a connection's new socket the listeners that Node's server puts on it. */
  attachSocket(socket, connection) {
    if (connection.phase === PHASE.PLAIN) {
      beginToRead(socket, connection);
    } else if (!connection.isUpgraded) {
      // node:http's has been flowing since the connection came.
      socket.readableFlowing = true;
      socket.read(0);
      listenTo(socket);
    }
  }

  /**
   * A request has come that is nobody's. The engine parsed it before it knew that the server's own listener of 'connection' has been taken off: who has
   * taken it off cannot have the bytes any more, and HTTP is not spoken behind his back.
   */
  refuse(connection) {
    if (connection.phase === PHASE.PLAIN && connection.isActive) this.inScope(destroySocket, connection);
  }

  /** The upgrade is accepted: the server's listeners leave the socket, unless body is still to come. */
  leaveHttp(connection, complete) {
    if (!complete) return;
    const { socket } = connection;
    for (const entry of each(socketListeners)) socket.removeListener(entry[0], entry[1]);
    socket.readableFlowing = null;
  }

  /** The body of an accepted upgrade request is in, the last of HTTP: an error, or idle time, is the program's own affair from now on. */
  endUpgradeBody({ socket }) {
    for (const entry of each(socketListeners)) if (isTold(entry[0])) socket.removeListener(entry[0], entry[1]);
  }

  /** Whether answers are still sent when the peer has ended. */
  allowsHalfOpen({ server }) {
    return Boolean(server.httpAllowHalfOpen);
  }

  /** Between two requests only keepAliveTimeout counts, which the engine keeps: a timeout that the request before has set ends. */
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

  /** It has closed, or another process has it. @param {import('../connection/connection').Connection} connection */
  forget(connection) {
    this.connections.delete(connection);
  }
}

const keepsAlive = ({ keepAliveTimeout }) => Number.isFinite(keepAliveTimeout) && keepAliveTimeout > 0;

/** Whether the server tells somebody of this event of a socket's; the others move its bytes. */
const isTold = (event) => event === 'error' || event === 'timeout';

function emitDrop(server, data) {
  server.emit('drop', data);
}

function makeSocket(connection) {
  return connection.socket;
}

function destroySocket(connection) {
  connection.madeSocket.destroy();
}

/** As a socket of net.Server's. */
function beginToRead(socket, connection) {
  if (connection.server.pauseOnConnect) {
    socket.readableFlowing = false;
    connection.intake.setHold(HOLD.PAUSED, true);
  } else {
    socket.read(0);
  }
}

/** Not by the socket's own on(): the server's listener is no reason to read in JavaScript. */
function listenTo(socket) {
  for (const entry of each(socketListeners)) net.Socket.prototype.on.call(socket, entry[0], entry[1]);
}

function emitConnection(server, connection) {
  const { socket } = connection;
  server.emit('connection', socket);
  if (observability.serverSocket.hasSubscribers) observability.serverSocket.publish({ socket });
}

module.exports = { ServerSide };
