'use strict';

/**
 * ClientRequest: an outgoing message with a request line, which finds its way to a server through an agent. What comes back is
 * dealt with in client-exchange.js.
 */

const http = require('../base/host-http');
const stream = require('node:stream');
const { URL, urlToHttpOptions } = require('node:url');
const agents = require('./agent');
const { emitErrorEvent, socketErrorListener } = require('./client-exchange');
const { hasProxy, rewriteForProxy } = require('./proxy');
const { attach } = require('./request-socket');
const observability = require('./client-observability');
const { nodeError, connResetException } = require('../base/errors');
const { ownerOf } = require('../message/message-owner');
const { request: rows } = require('../seam/options');
const { OutgoingMessage } = require('../message/outgoing-message');
const { listen } = require('../base/own-listeners');
const { Array, Boolean, Buffer, Number, Object, Reflect, String, each, includes, nextTick, toUpperCase } = require('../base/primordials');
const { parseUniqueHeaders } = require('../message/headers');
const { agentsTellOfProxies } = require('../base/node-internals');
const { kAttach, kEntry, kOutHeaders, kUniqueHeaders } = require('../base/symbols');
const { isURL, timerDuration } = require('../base/validators');

const BODILESS = ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'];
/** A host with more than one colon is an IPv6 address. */
const COLONS = /:.*:/s;

const kPath = Symbol('turnout.path');
const kError = Symbol('turnout.error');
const kSocket = Symbol('turnout.socket');
const kAuthority = Symbol('turnout.authority');
/** Whether its path has been made a URL, for a proxy. */
const kIsWholeUrl = Symbol('turnout.isWholeUrl');

/**
 * @param {string|URL|object} input a URL, or the options
 * @param {object|Function} [options]
 * @param {Function} [callback] for 'response'
 */
function ClientRequest(input, options, callback) {
  const given = normalize(input, options, callback);
  const agent = agentFor(given.options);
  OutgoingMessage.call(this, given.options.highWaterMark == null ? undefined : { highWaterMark: given.options.highWaterMark });
  initRequest(this, given.options, agent, given.callback);
}
Object.setPrototypeOf(ClientRequest.prototype, http.ClientRequest.prototype);
Object.setPrototypeOf(ClientRequest, http.ClientRequest);
for (const key of Reflect.ownKeys(OutgoingMessage.prototype)) {
  if (key !== 'constructor') Object.defineProperty(ClientRequest.prototype, key, Object.getOwnPropertyDescriptor(OutgoingMessage.prototype, key));
}

// ---- arguments -------------------------------------------------------------------------------------------------------

/** Options of a request: nothing is inherited, as with Node's null prototype, whose objects V8 keeps as slow dictionaries. */
function Options() {}
Options.prototype = Object.create(null);

/** The forms the arguments come in: (url[, options][, callback]) and (options[, callback]). */
function normalize(input, options, callback) {
  if (typeof input === 'string') {
    input = urlToHttpOptions(new URL(input));
  } else if (isURL(input)) {
    input = urlToHttpOptions(input);
  } else {
    callback = options;
    options = input;
    input = null;
  }
  if (typeof options === 'function') return { options: Object.assign(new Options(), input), callback: options };
  return { options: Object.assign(new Options(), input, options), callback };
}

/** @return {http.Agent|null|undefined} undefined: createConnection stands in an agent's place */
function agentFor(options) {
  const { agent } = options;
  const defaultAgent = options._defaultAgent || agents.globalAgent;
  if (agent === false) return new defaultAgent.constructor();
  if (agent === null || agent === undefined) return typeof options.createConnection === 'function' ? agent : defaultAgent;
  return rows.agent.take(agent);
}

/** The checks stand in Node's order: of two wrong options the same one is named. */
function initRequest(req, options, agent, callback) {
  req[kSocket] = null;
  req.agent = agent;
  const defaultAgent = options._defaultAgent || agents.globalAgent;
  const protocol = options.protocol || defaultAgent.protocol;
  rows.path.take(options.path);
  const expectedProtocol = agent?.protocol || defaultAgent.protocol;
  if (protocol !== expectedProtocol) throw nodeError('ERR_INVALID_PROTOCOL', protocol, expectedProtocol);
  const defaultPort = options.defaultPort || agent?.defaultPort;
  const port = options.port || defaultPort || 80;
  const host = rows.hostname.take(options.hostname) || rows.host.take(options.host) || 'localhost';
  const noDefaults = options.setDefaultHeaders === false;
  const setHost = options.setHost !== undefined ? Boolean(options.setHost) : !noDefaults;
  req._removedConnection = noDefaults;
  req._removedContLen = noDefaults;
  req._removedTE = noDefaults;
  req.socketPath = options.socketPath;
  if (options.timeout !== undefined) req.timeout = rows.timeout.take(options.timeout);
  if (options.signal) {
    stream.addAbortSignal(options.signal, req);
    delete options.signal;
  }
  setMethod(req, options.method);
  setParserOptions(req, options);
  req[kPath] = options.path || '/';
  if (callback) req.once('response', callback);
  req.useChunkedEncodingByDefault = !includes(BODILESS, req.method);
  req._ended = false;
  req.res = null;
  req.aborted = false;
  req.timeoutCb = null;
  req.upgradeOrConnect = false;
  req.parser = null;
  req.maxHeadersCount = null;
  req.reusedSocket = false;
  req.host = host;
  req.protocol = protocol;
  // An agent that never uses a connection again need not ask the server to keep it.
  if (agent) {
    req._last = !agent.keepAlive && !Number.isFinite(agent.maxSockets);
    req.shouldKeepAlive = !req._last;
  }
  req[kAuthority] = hostField(host, port, defaultPort);
  // They are a copy: what is set here the user does not see.
  options.port = port;
  options.host = host;
  setFields(req, options, setHost);
  req[kUniqueHeaders] = parseUniqueHeaders(options.uniqueHeaders);
  if (agent) agent.addRequest(req, options);
  else connectWithoutAgent(req, options);
  observability.created(req);
}

/** createConnection stands in an agent's place: it returns the stream, or calls back with it. */
function connectWithoutAgent(req, options) {
  req._last = true;
  req.shouldKeepAlive = false;
  if (options.socketPath) options.path = options.socketPath;
  else if (options.path) options.path = undefined;
  let isMade = false;
  const oncreate = (error, socket) => {
    if (isMade) return;
    isMade = true;
    if (error) nextTick(emitErrorEvent, req, error);
    else req.onSocket(socket);
  };
  try {
    const socket = options.createConnection(options, oncreate);
    if (socket) oncreate(null, socket);
  } catch (error) {
    oncreate(error);
  }
}

function setMethod(req, value) {
  const method = rows.method.take(value);
  req.method = method ? toUpperCase(method) : 'GET';
}

/** One by one: a loop that sets properties by computed names costs more than all the rest of it. */
function setParserOptions(req, options) {
  req.maxHeaderSize = rows.maxHeaderSize.take(options.maxHeaderSize);
  req.insecureHTTPParser = rows.insecureHTTPParser.take(options.insecureHTTPParser);
  req.httpValidation = rows.httpValidation.take(options.httpValidation, options);
  req.joinDuplicateHeaders = rows.joinDuplicateHeaders.take(options.joinDuplicateHeaders);
}

/** RFC 3986 §3.2.2: an IPv6 address stands in brackets. */
function inBrackets(host) {
  return COLONS.test(host) && host[0] !== '[' ? `[${host}]` : host;
}

/** RFC 9110 §7.2: host and port, the scheme's own port left out. */
function hostField(host, port, defaultPort) {
  const name = inBrackets(host);
  return port && +port !== defaultPort ? `${name}:${port}` : name;
}

function setFields(req, options, setHost) {
  const { headers, host, port } = options;
  const isListed = Array.isArray(headers);
  let givenHost;
  if (!isListed) {
    if (headers) for (const name of each(Object.keys(headers))) req.setHeader(name, headers[name]);
    givenHost = req.getHeader('host');
    if (setHost && !givenHost) req.setHeader('Host', req.method === 'CONNECT' && options.path ? String(req.path) : req[kAuthority]);
    if (options.auth && !req.getHeader('Authorization')) {
      req.setHeader('Authorization', `Basic ${Buffer.from(options.auth).toString('base64')}`);
    }
    if (req._header && req.getHeader('expect')) throw nodeError('ERR_HTTP_HEADERS_SENT', 'render');
  }
  if (req.agent && hasProxy(req.agent)) req[kIsWholeUrl] = rewriteForProxy(req, options, { host: inBrackets(host), port }, givenHost);
  if (isListed || req.getHeader('expect')) req._storeHeader(`${req.method} ${req.path} HTTP/1.1\r\n`, isListed ? headers : req[kOutHeaders]);
}

// ---- the message -----------------------------------------------------------------------------------------------------

Object.defineProperty(ClientRequest.prototype, 'path', {
  configurable: true,
  enumerable: true,
  get() {
    return this[kPath];
  },
  set(value) {
    this[kPath] = rows.path.take(String(value));
  },
});

/** It stays the request's when the connection has gone on to the next. */
Object.defineProperty(ClientRequest.prototype, 'socket', {
  configurable: true,
  enumerable: false,
  get() {
    return this[kSocket] ?? null;
  },
  set(socket) {
    this[kSocket] = socket;
  },
});

/** See client-observability; most requests have none. */
ClientRequest.prototype[kEntry] = undefined;
ClientRequest.prototype[kIsWholeUrl] = false;

ClientRequest.prototype._finish = function _finish() {
  OutgoingMessage.prototype._finish.call(this);
  observability.sent(this, this[kAuthority], this[kIsWholeUrl]);
};

ClientRequest.prototype._implicitHeader = function _implicitHeader() {
  if (this._header) throw nodeError('ERR_HTTP_HEADERS_SENT', 'render');
  this._storeHeader(`${this.method} ${this.path} HTTP/1.1\r\n`, this[kOutHeaders]);
};

/** Deprecated: destroy(), with 'abort' before it. */
ClientRequest.prototype.abort = function abort() {
  if (this.aborted) return;
  this.aborted = true;
  nextTick(emitAbort, this);
  this.destroy();
};

function emitAbort(req) {
  req.emit('abort');
}

/** @param {Error} [error] @return {this} */
ClientRequest.prototype.destroy = function destroy(error) {
  if (this.destroyed) return this;
  this.destroyed = true;
  if (this.res) this.res._dump();
  // Nothing is left to cancel, and the socket may be on its way to the agent.
  if (this.writableFinished && this.res?.complete) return this;
  this[kError] = error;
  this.socket?.destroy(error);
  return this;
};

// ---- its socket --------------------------------------------------------------------------------------------------------

/** An agent has a socket for the request, or none. */
ClientRequest.prototype.onSocket = function onSocket(socket, error) {
  const req = ownerOf(this);
  if (error?.code === 'ERR_PROXY_TUNNEL' && !agentsTellOfProxies) {
    if (error.proxyTunnelTimeout) req.emit('timeout');
    req.emit('error', error);
  }
  if (socket && !error) {
    socket._httpMessage = req;
    listen(socket, 'error', socketErrorListener);
  }
  nextTick(onSocketTick, req, socket, error);
};

function onSocketTick(req, socket, error) {
  if (!req.destroyed && !error) {
    const connection = attach(req, socket);
    if (req.timeout !== undefined || req.agent?.options?.timeout) listenSocketTimeout(req);
    req[kAttach](connection);
    return;
  }
  req.destroyed = true;
  if (socket) {
    if (!error && req.agent && !socket.destroyed) {
      socket.emit('free');
      socket.removeListener('error', socketErrorListener);
    } else {
      stream.finished(socket.destroy(error || req[kError]), (failure) => {
        const cause = failure?.code === 'ERR_STREAM_PREMATURE_CLOSE' ? null : failure;
        closeUnsent(req, socket, cause || error);
      });
      return;
    }
  }
  closeUnsent(req, socket, error || req[kError]);
}

/** The request is over before it had a connection. */
function closeUnsent(req, socket, error) {
  const cause = error ?? (req.aborted ? null : connResetException('socket hang up'));
  if (cause && cause.code !== 'ERR_PROXY_TUNNEL' && !socket?._hadError) emitErrorEvent(req, cause);
  req._closed = true;
  req.emit('close');
}

function emitRequestTimeout() {
  this._httpMessage?.emit('timeout');
}

function listenSocketTimeout(req) {
  if (req.timeoutCb) return;
  req.timeoutCb = emitRequestTimeout;
  if (req.socket) req.socket.once('timeout', emitRequestTimeout);
  else req.on('socket', (socket) => socket.once('timeout', emitRequestTimeout));
}

function setSocketTimeout(socket, msecs) {
  if (socket.connecting) socket.once('connect', () => socket.setTimeout(msecs));
  else socket.setTimeout(msecs);
}

/** @param {number} msecs idle time after which 'timeout' is emitted @param {Function} [callback] for 'timeout' @return {this} */
ClientRequest.prototype.setTimeout = function setTimeout(msecs, callback) {
  if (this._ended) return this;
  listenSocketTimeout(this);
  msecs = timerDuration(msecs, 'msecs');
  if (callback) this.once('timeout', callback);
  if (this.socket) setSocketTimeout(this.socket, msecs);
  else this.once('socket', (socket) => setSocketTimeout(socket, msecs));
  return this;
};

ClientRequest.prototype.clearTimeout = function clearTimeout(callback) {
  this.setTimeout(0, callback);
};

/** Calls a method of the socket once there is one that can be written to. */
ClientRequest.prototype._deferToConnect = function _deferToConnect(method, args) {
  const call = () => {
    if (method) this.socket[method](...args);
  };
  const onSocket = () => {
    if (this.socket.writable) call();
    else this.socket.once('connect', call);
  };
  if (this.socket) onSocket();
  else this.once('socket', onSocket);
};

ClientRequest.prototype.setNoDelay = function setNoDelay(noDelay) {
  this._deferToConnect('setNoDelay', [noDelay]);
};

ClientRequest.prototype.setSocketKeepAlive = function setSocketKeepAlive(enable, initialDelay) {
  this._deferToConnect('setKeepAlive', [enable, initialDelay]);
};

/** @return {ClientRequest} */
function request(url, options, callback) {
  return new ClientRequest(url, options, callback);
}

/** request() whose end() has been called. @return {ClientRequest} */
function get(url, options, callback) {
  const req = request(url, options, callback);
  req.end();
  return req;
}

module.exports = { ClientRequest, request, get };
