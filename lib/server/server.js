'use strict';

/**
 * Server: http.Server over the engine. Arguments of listen(), 'listening', close() and the counting of connections are
 * net.Server's own; its handle (listen-handle.js) stands for a listener of the engine.
 */

const http = require('../base/host-http');
const { EventEmitter } = require('node:events');
const net = require('node:net');
const util = require('node:util');
const { openPort } = require('../seam/binding');
const { IncomingMessage } = require('../message/incoming-message');
const { ServerResponse } = require('./server-response');
const { parseUniqueHeaders } = require('../message/headers');
const { adoptConnections } = require('./adopted-connections');
const { takeStream } = require('./given-streams');
const { messageClass, rebaseFrameworks } = require('./host-messages');
const { listenHandle, listenerOf } = require('./listen-handle');
const { ServerSide } = require('./server-side');
const { Socket, connectionOf, isTaken } = require('../connection/socket');
const { PHASE } = require('../connection/states');
const { threadsOf } = require('../seam/driver');
const { listenException } = require('../base/errors');
const { Object, WeakMap, nextTick } = require('../base/primordials');
const { loadTables } = require('../connection/turn');
const observability = require('../base/observability');
const { engineConfig, netOptions, storeOptions, storeProperties } = require('./server-options');
const { kMessageClass, kResponseClass, kSide, kUniqueHeaders } = require('../base/symbols');
const { validateObject } = require('../base/validators');

/** Connections waiting to be accepted, when listen() names none. */
const BACKLOG = 511;
/** Flags that net.Server hands to _listen2. */
const IPV6_ONLY = 1;
const REUSE_PORT = 2;
/** The addressType that net.Server hands to _listen2 for a path. */
const PIPE = -1;

const kReusePort = Symbol('turnout.reusePort');
const kPrepared = Symbol('turnout.prepared');
const kThreads = Symbol('turnout.threads');

/**
 * @param {object} [options] http.createServer's
 * @param {Function} [requestListener] added to 'request'
 */
function Server(options, requestListener) {
  if (!(this instanceof Server)) return new Server(options, requestListener);
  const given = normalize(options, requestListener);
  storeHttp(this, given.options);
  this[kThreads] = threadsOf(given.options.threads);
  net.Server.call(this, netOptions(given.options));
  startHttp(this, given.options, connectionListener);
  this[kReusePort] = false;
  if (given.requestListener) this.on('request', given.requestListener);
  this.httpAllowHalfOpen = false;
  this.on('connection', connectionListener);
  this.on('listening', serverOnListening);
  storeProperties(this);
}
Object.setPrototypeOf(Server.prototype, http.Server.prototype);
Object.setPrototypeOf(Server, http.Server);

/** The forms the arguments come in: ([options][, requestListener]). @return {{options: object, requestListener: Function|undefined}} */
function normalize(options, requestListener) {
  if (typeof options === 'function') return { options: {}, requestListener: options };
  if (options == null) return { options: {}, requestListener };
  validateObject(options, 'options');
  return { options, requestListener };
}

// ---- what a server of TLS connections has, too --------------------------------------------------------------------------

/** Before net.Server's constructor, or tls.Server's: what the options say of messages. */
function storeHttp(server, options) {
  server[kMessageClass] = messageClass(options.IncomingMessage, http.IncomingMessage, IncomingMessage);
  server[kResponseClass] = messageClass(options.ServerResponse, http.ServerResponse, ServerResponse);
  storeOptions(server, options);
}

/** And after it. @param {Function} ownListener the only listener of 'connection' so far */
function startHttp(server, options, ownListener) {
  server[kSide] = new ServerSide(server, ownListener, (listening) => listening._handle?.configure?.(engineConfig(listening)));
  server[kUniqueHeaders] = parseUniqueHeaders(options.uniqueHeaders);
}

/** It listens: the context of that is every handler's, and from now on messages come for whoever is to hear of them. */
function beginHttp(server) {
  rebaseFrameworks(server.listeners('request'));
  server[kSide].begin(server);
}

/** No more connections will come; those that wait for a request go. */
function endHttp(server) {
  server.closeIdleConnections();
  server[kSide].endListening();
}

// ---- listening ----------------------------------------------------------------------------------------------------------

/** Before the first connection. @return {object} what the engine must know of the server */
function prepareEngine(server) {
  openPort();
  loadTables();
  observability.listening();
  beginHttp(server);
  server[kPrepared] = true;
  return engineConfig(server);
}

/**
 * HTTP begins on a connection: one of ours that has come, or that somebody has kept back and gives to the server now; or one of another server's, a
 * socket of Node's, any other Duplex, which come through `emit('connection', socket)`.
 */
function connectionListener(socket) {
  if (this[kSide] === undefined) {
    connectionListener.call(standInFor(this), socket);
    socket.server = this;
    return;
  }
  if (socket instanceof Socket) {
    const connection = connectionOf(socket);
    // Whom a connection was given to first speaks on it, as with node:http, and nobody else.
    if ((connection.phase === PHASE.HTTP && connection.server !== null) || (connection.phase === PHASE.PLAIN && isTaken(socket))) {
      socket.server = this;
      return;
    }
    if (connection.phase === PHASE.PLAIN && connection.side === this[kSide]) {
      this[kSide].beginHttp(connection);
      return;
    }
  }
  if (this[kPrepared] !== true) prepareEngine(this);
  takeStream(this, this[kSide], socket);
}

/** By whom they stand in for. */
const standIns = new WeakMap();

/** The listener may be called for what is no server of ours: mocks do so with an emitter of their own. @return {Server} tells `emitter` what it has to tell */
function standInFor(emitter) {
  if (standIns.has(emitter)) return standIns.get(emitter);
  const server = new Server({ requireHostHeader: false, requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: emitter.keepAliveTimeout || 0 });
  server.timeout = emitter.timeout || 0;
  server.emit = (...args) => emitter.emit(...args);
  server.listenerCount = (event) => EventEmitter.prototype.listenerCount.call(emitter, event);
  standIns.set(emitter, server);
  return server;
}

/** Listeners of 'connection' that came after listen() may want to read, too; nothing has been accepted yet. @this {Server} */
function serverOnListening() {
  if (this[kSide].isHeard) this[kSide].configure();
}

/**
 * Whose bytes a connection's are depends on who listens to 'connection': the engine hears of it before the next one comes.
 * @param {string} name of a method that adds listeners or takes them away
 */
function tellEngine(name) {
  const method = net.Server.prototype[name];
  function value(...args) {
    const result = method.apply(this, args);
    if (args.length === 0 || args[0] === 'connection') this[kSide]?.configure();
    return result;
  }
  Object.defineProperties(value, { name: { value: method.name, configurable: true }, length: { value: method.length, configurable: true } });
  Object.defineProperty(Server.prototype, name, { configurable: true, enumerable: true, writable: true, value });
}
for (const name of ['on', 'addListener', 'prependListener', 'removeListener', 'off', 'removeAllListeners']) tellEngine(name);

/** Node 20 and 22 do not know `reusePort`; the engine does. Everything else about the arguments is net.Server's. */
Server.prototype.listen = function listen(...args) {
  this[kReusePort] = typeof args[0] === 'object' && args[0] !== null && args[0].reusePort === true;
  return net.Server.prototype.listen.apply(this, args);
};

/**
 * The last step of listen(): net.Server has sorted out the arguments, looked up the name and, in a cluster worker, asked the
 * primary. An `fd` and ready-made handles stay net.Server's, except for the connections they bring.
 */
Server.prototype._listen2 = function _listen2(address, port, addressType, backlog, fd, flags) {
  if (this._handle || (typeof fd === 'number' && fd >= 0)) {
    net.Server.prototype._listen2.apply(this, arguments);
    // Not when it has failed, and the error is on its way.
    if (this._handle) adoptConnections(this, prepareEngine(this), this[kThreads]);
    return;
  }
  const config = prepareEngine(this);
  const enginePort = openPort();
  const common = { backlog: backlog || BACKLOG, ipv6Only: !!(flags & IPV6_ONLY), reusePort: !!(flags & REUSE_PORT) || this[kReusePort], mode: 0 };
  let listening;
  if (addressType === PIPE && port === -1) {
    listening = enginePort.listen({ ...common, path: address }, config, this[kThreads]);
  } else if (address) {
    listening = enginePort.listen({ ...common, address, port }, config, this[kThreads]);
  } else {
    // Without a host: both families where IPv6 exists, otherwise IPv4 alone (Node's documentation of server.listen).
    listening = enginePort.listen({ ...common, address: '::', port }, config, this[kThreads]);
    if (typeof listening === 'number' && !addressInUse(listening)) {
      listening = enginePort.listen({ ...common, address: '0.0.0.0', port }, config, this[kThreads]);
    }
  }
  if (typeof listening === 'number') {
    const error = listenException(listening, address, port);
    if (observability.serverListen.hasSubscribers) observability.serverListen.error.publish({ server: this, error });
    nextTick(emitListenError, this, error);
    return;
  }
  this._handle = listenHandle(enginePort, this, listening, addressType === PIPE ? address : null);
  if (addressType === PIPE) this._pipeName = address;
  if (observability.serverListen.hasSubscribers) observability.serverListen.asyncEnd.publish({ server: this });
  this._connectionKey = `${addressType}:${address}:${port}`;
  if (this._unref) this.unref();
  nextTick(emitListening, this);
};

const EADDRINUSE = -require('node:os').constants.errno.EADDRINUSE;
const EACCES = -require('node:os').constants.errno.EACCES;
const addressInUse = (errno) => errno === EADDRINUSE || errno === EACCES;

function emitListening(server) {
  if (server._handle) server.emit('listening');
}

function emitListenError(server, error) {
  server.emit('error', error);
}

/** net.Server answers with the pipe's name only when the handle has no getsockname. */
Server.prototype.address = function address() {
  if (this._pipeName) return this._handle ? this._pipeName : null;
  return net.Server.prototype.address.call(this);
};

Server.prototype.close = function close() {
  endHttp(this);
  const pipe = listenerOf(this._handle) !== undefined;
  net.Server.prototype.close.apply(this, arguments);
  if (pipe) delete this._pipeName;
  return this;
};

Server.prototype[Symbol.asyncDispose] = async function () {
  await util.promisify(this.close).call(this);
};

/** Destroys every connection that still speaks HTTP; upgraded ones are their users' (Node's documentation). */
Server.prototype.closeAllConnections = function closeAllConnections() {
  for (const connection of [...this[kSide].connections]) {
    if (!connection.isUpgraded || (connection.upgradeStream !== null && connection.receiving !== null)) connection.end();
  }
};

/** Closes the connections that wait for a request, their first or another. */
Server.prototype.closeIdleConnections = function closeIdleConnections() {
  for (const connection of [...this[kSide].connections]) connection.endIdle();
};

Server.prototype.setTimeout = function setTimeout(msecs, callback) {
  this.timeout = msecs;
  if (callback) this.on('timeout', callback);
  return this;
};

/** With captureRejections: a rejecting 'request' listener becomes a 500, any other the server's 'error'. */
Server.prototype[Symbol.for('nodejs.rejection')] = function (error, event, ...args) {
  if (event !== 'request') {
    net.Server.prototype[Symbol.for('nodejs.rejection')].call(this, error, event, ...args);
    return;
  }
  const res = args[1];
  if (res.headersSent || res.writableEnded) {
    res.destroy();
    return;
  }
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  res.statusCode = 500;
  res.end(http.STATUS_CODES[500]);
};

/** @return {Server} */
function createServer(options, requestListener) {
  return new Server(options, requestListener);
}

module.exports = { Server, createServer, connectionListener, normalize, storeHttp, startHttp, beginHttp, endHttp };
