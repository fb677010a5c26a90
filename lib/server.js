'use strict';

/**
 * Server: http.Server over the engine. Arguments of listen(), 'listening', close() and the counting of connections are
 * net.Server's own; what it holds as its handle (listen-handle.js) stands for a listener of the engine.
 */

const http = require('./host-http');
const net = require('node:net');
const util = require('node:util');
const { openPort } = require('./binding');
const { IncomingMessage } = require('./incoming-message');
const { ServerResponse } = require('./server-response');
const { parseUniqueHeaders } = require('./headers');
const { adoptConnections } = require('./adopted-connections');
const { ForeignConnections } = require('./foreign-connections');
const { adoptListeners } = require('./host-messages');
const { listenHandle, listenerOf } = require('./listen-handle');
const { ServerSide } = require('./server-side');
const { Socket, connectionOf } = require('./socket');
const { threadsOf } = require('./driver');
const { listenException } = require('./errors');
const { Math, Number, Object, nextTick } = require('./primordials');
const { loadTables } = require('./turn');
const observability = require('./observability');
const validators = require('./validators');
const { kCatchUpgradeErrors, kMessageClass, kOptimizeEmptyRequests, kResponseClass, kSide, kUniqueHeaders } = require('./symbols');

/** Milliseconds; Node's defaults, from its documentation of http.createServer and of the server's properties. */
const REQUEST_TIMEOUT = 300_000;
const HEADERS_TIMEOUT = 60_000;
const KEEP_ALIVE_TIMEOUT = 5_000;
const KEEP_ALIVE_TIMEOUT_BUFFER = 1_000;
const CONNECTIONS_CHECKING_INTERVAL = 30_000;
/** Bytes; Node 26's default for streams of bytes, on every Node. */
const HIGH_WATER_MARK = 65536;
/** Connections waiting to be accepted, when listen() names none. */
const BACKLOG = 511;
/** Flags that net.Server hands to _listen2. */
const IPV6_ONLY = 1;
const REUSE_PORT = 2;
/** The addressType that net.Server hands to _listen2 for a path. */
const PIPE = -1;

const kSettings = Symbol('turnout.settings');
const kReusePort = Symbol('turnout.reusePort');
const kForeign = Symbol('turnout.foreign');
const kOptions = Symbol('turnout.options');
const kThreads = Symbol('turnout.threads');

/**
 * @param {object} [options] http.createServer's
 * @param {Function} [requestListener] added to 'request'
 */
function Server(options, requestListener) {
  if (!(this instanceof Server)) return new Server(options, requestListener);
  if (typeof options === 'function') {
    requestListener = options;
    options = {};
  } else if (options == null) {
    options = {};
  } else {
    validators.validateObject(options, 'options');
  }
  storeOptions(this, options);
  this[kThreads] = threadsOf(options.threads);
  net.Server.call(this, {
    allowHalfOpen: true,
    noDelay: options.noDelay ?? true,
    keepAlive: options.keepAlive,
    keepAliveInitialDelay: options.keepAliveInitialDelay,
    highWaterMark: options.highWaterMark === undefined ? HIGH_WATER_MARK : options.highWaterMark,
  });
  this[kSide] = new ServerSide(this, connectionListener, (listening) => listening._handle?.configure?.(engineConfig(listening)));
  this[kForeign] = null;
  this[kOptions] = options;
  this[kReusePort] = false;
  if (requestListener) this.on('request', requestListener);
  this.httpAllowHalfOpen = false;
  this.on('connection', connectionListener);
  this.on('listening', serverOnListening);
  this.timeout = 0;
  this.maxRequestsPerSocket = 0;
  this[kUniqueHeaders] = parseUniqueHeaders(options.uniqueHeaders);
}
Object.setPrototypeOf(Server.prototype, http.Server.prototype);
Object.setPrototypeOf(Server, http.Server);

/** Properties the engine must hear about when they change: own, enumerable and writable, as Node's are. */
const LIVE = [
  'maxHeaderSize',
  'insecureHTTPParser',
  'requestTimeout',
  'headersTimeout',
  'keepAliveTimeout',
  'keepAliveTimeoutBuffer',
  'connectionsCheckingInterval',
  'maxHeadersCount',
];

function storeOptions(server, options) {
  const { validateBoolean, validateInteger, validateFunction, validateOneOf } = validators;
  const integer = (name, fallback) => {
    if (options[name] === undefined) return fallback;
    validateInteger(options[name], name, 0);
    return options[name];
  };
  const boolean = (name, label = `options.${name}`) => {
    if (options[name] !== undefined) validateBoolean(options[name], label);
    return options[name];
  };
  server[kMessageClass] = options.IncomingMessage && options.IncomingMessage !== IncomingMessage ? options.IncomingMessage : null;
  server[kResponseClass] = options.ServerResponse && options.ServerResponse !== ServerResponse ? options.ServerResponse : null;
  const settings = {};
  Object.defineProperty(server, kSettings, { value: settings });
  for (const name of LIVE) {
    Object.defineProperty(server, name, {
      configurable: true,
      enumerable: true,
      get: () => settings[name],
      set: (value) => {
        settings[name] = value;
        server[kSide]?.configure();
      },
    });
  }
  settings.maxHeaderSize = integer('maxHeaderSize', undefined);
  server[kOptimizeEmptyRequests] = boolean('optimizeEmptyRequests') ?? false;
  server[kCatchUpgradeErrors] = boolean('catchUpgradeErrors') ?? false;
  settings.insecureHTTPParser = boolean('insecureHTTPParser');
  if (options.httpValidation !== undefined) {
    validateOneOf(options.httpValidation, 'options.httpValidation', ['strict', 'relaxed', 'insecure']);
    if (options.insecureHTTPParser !== undefined) {
      throw validators.invalidArgValue('options.httpValidation', options.httpValidation, 'cannot be used together with options.insecureHTTPParser');
    }
  }
  server.httpValidation = options.httpValidation;
  settings.requestTimeout = integer('requestTimeout', REQUEST_TIMEOUT);
  settings.headersTimeout = integer('headersTimeout', Math.min(HEADERS_TIMEOUT, settings.requestTimeout));
  if (settings.requestTimeout > 0 && settings.headersTimeout > settings.requestTimeout) {
    throw validators.outOfRange('headersTimeout', '<= requestTimeout', options.headersTimeout);
  }
  settings.keepAliveTimeout = integer('keepAliveTimeout', KEEP_ALIVE_TIMEOUT);
  settings.keepAliveTimeoutBuffer = integer('keepAliveTimeoutBuffer', KEEP_ALIVE_TIMEOUT_BUFFER);
  settings.connectionsCheckingInterval = integer('connectionsCheckingInterval', CONNECTIONS_CHECKING_INTERVAL);
  settings.maxHeadersCount = null;
  server.requireHostHeader = boolean('requireHostHeader') ?? true;
  server.joinDuplicateHeaders = boolean('joinDuplicateHeaders');
  server.rejectNonStandardBodyWrites = boolean('rejectNonStandardBodyWrites') ?? false;
  if (options.shouldUpgradeCallback !== undefined) {
    validateFunction(options.shouldUpgradeCallback, 'options.shouldUpgradeCallback');
    server.shouldUpgradeCallback = options.shouldUpgradeCallback;
  } else {
    server.shouldUpgradeCallback = function () {
      return this.listenerCount('upgrade') > 0;
    };
  }
}

const milliseconds = (value, fallback) => (Number.isFinite(value) && value >= 0 ? value : fallback);

/** What the engine must know of a server. Milliseconds, bytes; 0 switches a timeout off. */
function engineConfig(server) {
  const keepAliveTimeout = milliseconds(server.keepAliveTimeout, 0);
  return {
    noDelay: !!server.noDelay,
    hold: server[kSide].isHeard,
    keepAlive: !!server.keepAlive,
    // net.Server keeps seconds.
    keepAliveInitialDelay: milliseconds(server.keepAliveInitialDelay * 1000, 0),
    keepAliveTimeout: keepAliveTimeout && keepAliveTimeout + milliseconds(server.keepAliveTimeoutBuffer, KEEP_ALIVE_TIMEOUT_BUFFER),
    headersTimeout: milliseconds(server.headersTimeout, 0),
    requestTimeout: milliseconds(server.requestTimeout, 0),
    checkInterval: milliseconds(server.connectionsCheckingInterval, CONNECTIONS_CHECKING_INTERVAL),
    maxHeaderSize: server.maxHeaderSize || http.maxHeaderSize,
    maxHeadersCount: typeof server.maxHeadersCount === 'number' ? server.maxHeadersCount : 1000,
    lenient:
      server.httpValidation === undefined
        ? (server.insecureHTTPParser ?? process.execArgv.includes('--insecure-http-parser'))
        : server.httpValidation === 'insecure',
    relaxedValues: server.httpValidation === 'relaxed',
  };
}

/** Before the first connection. @return {object} what the engine must know of the server */
function prepareEngine(server) {
  openPort();
  loadTables();
  observability.listening();
  adoptListeners(server.listeners('request'));
  server[kSide].open(server);
  return engineConfig(server);
}

/** One of ours that speaks HTTP with this very server; an upgraded one, or another server's, is a stream like any other. */
function isServedHere(socket, server) {
  const connection = connectionOf(socket);
  return connection?.side === server[kSide] && !connection.upgraded;
}

/** Node's own sockets and any other Duplex come here through `emit('connection', socket)`; ours are served already. */
function connectionListener(socket) {
  if (socket instanceof Socket && isServedHere(socket, this)) return;
  this[kForeign] ??= new ForeignConnections(this, this[kOptions]);
  this[kForeign].take(socket);
}

/** Listeners of 'connection' that came behind listen() may want to read, too; nothing has been accepted yet. @this {Server} */
function serverOnListening() {
  if (this[kSide].isHeard) this[kSide].configure();
}

/** Node 20 and 22 do not know `reusePort`; the engine does. Everything else about the arguments is net.Server's. */
Server.prototype.listen = function listen(...args) {
  this[kReusePort] = typeof args[0] === 'object' && args[0] !== null && args[0].reusePort === true;
  return net.Server.prototype.listen.apply(this, args);
};

/**
 * The last step of listen(): net.Server has sorted out the arguments, looked up the name and, in a cluster worker, asked the
 * primary. An `fd` and ready-made handles stay net.Server's, but for the connections they bring.
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
  this.closeIdleConnections();
  this[kForeign]?.close();
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
  this[kForeign]?.closeAllConnections();
  for (const connection of [...this[kSide].connections]) {
    if (!connection.upgraded || (connection.upgradeStream !== null && connection.receiving !== null)) connection.end();
  }
};

/** Closes the connections that wait for a request, their first or another. */
Server.prototype.closeIdleConnections = function closeIdleConnections() {
  this[kForeign]?.closeIdleConnections();
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

module.exports = { Server, createServer, connectionListener };
