'use strict';

/** ServerResponse: an outgoing message with a status line (RFC 9112 §4), made with its request. */

const http = require('../base/host-http');
const { nodeError } = require('../base/errors');
const { validateInteger, validateObject } = require('../base/validators');
const { fieldName, isUnusual, checkValue, hasInvalidCharacter } = require('../message/headers');
const { fieldLeniency } = require('../seam/leniency');
const { CHUNKED_TOKEN } = require('../message/message-head');
const { ownerOf } = require('../message/message-owner');
const { OutgoingMessage, markUnusualHead } = require('../message/outgoing-message');
const { initOutgoing } = require('../message/outgoing-state');
const { created } = require('../base/observability');
const { lineUpResponse } = require('../connection/pipeline');
const { Array, Object, Reflect, each, join } = require('../base/primordials');
const { SocketSink } = require('../message/socket-sink');
const { kOutHeaders, kSink, kLine, kUniqueHeaders, kLenient, kEntry } = require('../base/symbols');

const { STATUS_CODES } = http;
/** RFC 8288 §3, as far as Node checks it: `<target>` and parameters, quoted or not. */
const LINK_PARAMETER = '[^;"\\s]+(?:=(?:[^;"\\s]*|"[^;"\\s]*"))?';
const LINK_VALUE = new RegExp(`^<[^>]*>(?:\\s*;\\s*${LINK_PARAMETER})*$`);
const LINK_FORMAT = 'must be an array or string of format "</styles.css>; rel=preload; as=style"';

/**
 * @param {import('http').IncomingMessage} req what it answers
 * @param {object} [options] OutgoingMessage's
 */
function ServerResponse(req, options) {
  if (this === undefined) return new ServerResponse(req, options);
  OutgoingMessage.call(this, options);
  initResponse(this, req);
}
Object.setPrototypeOf(ServerResponse.prototype, http.ServerResponse.prototype);
Object.setPrototypeOf(ServerResponse, http.ServerResponse);
for (const key of Reflect.ownKeys(OutgoingMessage.prototype)) {
  if (key !== 'constructor') Object.defineProperty(ServerResponse.prototype, key, Object.getOwnPropertyDescriptor(OutgoingMessage.prototype, key));
}

/** What a response has beyond an outgoing message. */
function initResponse(res, req) {
  if (req.method === 'HEAD') res._hasBody = false;
  res.req = req;
  res.sendDate = true;
  res._sent100 = false;
  res._expect_continue = false;
  if (req.httpVersionMajor < 1 || req.httpVersionMinor < 1) {
    res.useChunkedEncodingByDefault = CHUNKED_TOKEN.test(req.headers.te);
    res.shouldKeepAlive = false;
  }
  created(req, res);
}

/** The form a response of the engine takes. */
function EngineResponse(req, connection, server) {
  initOutgoing(this, connection.highWaterMark, server.rejectNonStandardBodyWrites ?? false);
  initResponse(this, req);
}
EngineResponse.prototype = ServerResponse.prototype;
// V8 sizes an object by its constructor's chain of functions; with this one the fields above fit in the object.
Object.setPrototypeOf(EngineResponse, ServerResponse);

/**
 * A response that writes to `connection`.
 * @param {import('../message/incoming-message').IncomingMessage} req
 * @param {import('../connection/connection').Connection} connection its sink, at once or when its turn comes
 * @param {Function|null} Response the server's own class, if it has one
 * @param {import('./server').Server} server whose options count
 * @return {ServerResponse}
 */
function initServerResponse(req, connection, Response, server) {
  const res =
    Response === null
      ? new EngineResponse(req, connection, server)
      : new Response(req, { highWaterMark: connection.highWaterMark, rejectNonStandardBodyWrites: server.rejectNonStandardBodyWrites });
  if (lineUpResponse(connection, res)) res[kSink] = connection;
  else res[kLine] = connection;
  res[kUniqueHeaders] = server[kUniqueHeaders] ?? null;
  res[kLenient] = fieldLeniency(server);
  res._keepAliveTimeout = server.keepAliveTimeout;
  res._maxRequestsPerSocket = server.maxRequestsPerSocket;
  return res;
}

/** See observability; most responses have none. */
ServerResponse.prototype[kEntry] = undefined;
ServerResponse.prototype.statusCode = 200;
ServerResponse.prototype.statusMessage = undefined;

ServerResponse.prototype._finish = function _finish() {
  OutgoingMessage.prototype._finish.call(this);
};

/** The last line sent for each status: most responses of a status have the same words. */
const messages = [];
const lines = [];

function statusLine(res, code) {
  const { statusMessage } = res;
  if (messages[code] === statusMessage) return lines[code];
  if (hasInvalidCharacter(statusMessage, false)) throw nodeError('ERR_INVALID_CHAR', 'statusMessage');
  const line = `HTTP/1.1 ${code} ${statusMessage}\r\n`;
  if (isUnusual(statusMessage)) {
    markUnusualHead(res);
  } else if (statusMessage === STATUS_CODES[code]) {
    messages[code] = statusMessage;
    lines[code] = line;
  }
  return line;
}

/**
 * writeHead(statusCode[, statusMessage][, headers])
 * @param {number} statusCode 100 to 999
 * @param {string|object|Array} [reason] the words after the code, or the headers
 * @param {object|Array} [obj] headers: an object, a flat list, or a list of pairs; they override what setHeader() was given
 * @return {this}
 */
ServerResponse.prototype.writeHead = function writeHead(statusCode, reason, obj) {
  if (this._header) throw nodeError('ERR_HTTP_HEADERS_SENT', 'write');
  const code = statusCode | 0;
  if (code < 100 || code > 999) throw nodeError('ERR_HTTP_INVALID_STATUS_CODE', statusCode);
  if (typeof reason === 'string') {
    this.statusMessage = reason;
  } else {
    this.statusMessage ||= STATUS_CODES[code] || 'unknown';
    obj ??= reason;
  }
  this.statusCode = code;
  if (this[kOutHeaders]) {
    if (obj) mergeHeaders(this, obj);
    obj = this[kOutHeaders];
  }
  const line = statusLine(this, code);
  // RFC 9110 §15.2, §15.3.5, §15.4.5: these end with their head.
  if (code === 204 || code === 304 || code < 200) this._hasBody = false;
  // A client that waits for 100 may send the body it announced after the final answer.
  if (this._expect_continue && !this._sent100) this.shouldKeepAlive = false;
  this._storeHeader(line, obj);
  return this;
};

/** Puts the fields of writeHead() into the store; a flat list may repeat a name. */
function mergeHeaders(res, headers) {
  if (!Array.isArray(headers)) {
    for (const name of each(Object.keys(headers))) if (name) res.setHeader(name, headers[name]);
    return;
  }
  if (headers.length % 2 !== 0) throw nodeError('ERR_INVALID_ARG_VALUE', 'headers', headers);
  for (let i = 0; i < headers.length; i += 2) res.removeHeader(headers[i]);
  for (let i = 0; i < headers.length; i += 2) if (headers[i]) res.appendHeader(headers[i], headers[i + 1]);
}

// The alias is gone from Node 26; where the host's responses have it, ours do.
if ('writeHeader' in http.ServerResponse.prototype) ServerResponse.prototype.writeHeader = ServerResponse.prototype.writeHead;

/** Through the instance: libraries replace writeHead. */
ServerResponse.prototype._implicitHeader = function _implicitHeader() {
  this.writeHead(this.statusCode);
};

/**
 * An interim response (RFC 9110 §15.2).
 * @param {number} statusCode 100 to 199, not 101
 * @param {object|Array|null} [headers]
 * @param {Function} [cb] called when it has left
 * @return {boolean} false: over the high-water mark
 */
ServerResponse.prototype.writeInformation = function writeInformation(statusCode, headers, cb) {
  if (this._header) throw nodeError('ERR_HTTP_HEADERS_SENT', 'write');
  validateInteger(statusCode, 'statusCode', 100, 199);
  if (statusCode === 101) throw nodeError('ERR_HTTP_INVALID_STATUS_CODE', statusCode);
  let text = `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode] || 'unknown'}\r\n`;
  if (headers !== undefined && headers !== null) {
    const lenient = this._isLenientHeaderValidation();
    for (const pair of each(pairsOf(headers))) {
      const { prefix } = fieldName(pair[0]);
      checkValue(pair[0], pair[1], lenient);
      text += `${prefix}${pair[1]}\r\n`;
    }
  }
  text += '\r\n';
  const sink = this[kSink];
  if (sink === null || typeof cb === 'function' || this.outputSize > 0) return this._writeRaw(text, 'latin1', cb);
  sink.information(ownerOf(this), text);
  return sink.writableLength < sink.highWaterMark;
};

/** @return {Array<[string, *]>} headers in any of their forms as pairs */
function pairsOf(headers) {
  if (!Array.isArray(headers)) {
    validateObject(headers, 'headers');
    return Object.entries(headers);
  }
  if (headers.length > 0 && Array.isArray(headers[0])) return headers;
  if (headers.length % 2 !== 0) throw nodeError('ERR_INVALID_ARG_VALUE', 'headers', headers);
  const pairs = [];
  for (let i = 0; i < headers.length; i += 2) pairs.push([headers[i], headers[i + 1]]);
  return pairs;
}

/** @param {Function} [cb] called when it has left */
ServerResponse.prototype.writeContinue = function writeContinue(cb) {
  this.writeInformation(100, null, cb);
  this._sent100 = true;
};

/** @param {Function} [cb] called when it has left */
ServerResponse.prototype.writeProcessing = function writeProcessing(cb) {
  this.writeInformation(102, null, cb);
};

/**
 * 103 Early Hints (RFC 8297).
 * @param {object} hints `link`: one or a list of Link values; without it nothing is sent; the rest are fields
 * @param {Function} [cb] called when it has left
 */
ServerResponse.prototype.writeEarlyHints = function writeEarlyHints(hints, cb) {
  validateObject(hints, 'hints');
  if (hints.link === null || hints.link === undefined) return;
  const link = linkValue(hints.link);
  if (link.length === 0) return;
  if (hasInvalidCharacter(link, false)) throw nodeError('ERR_INVALID_CHAR', 'header content', 'Link');
  const headers = { __proto__: null, Link: link };
  for (const name of each(Object.keys(hints))) if (name !== 'link') headers[name] = hints[name];
  this.writeInformation(103, headers, cb);
};

/** @param {*} link of the hints @return {string} the value of Link */
function linkValue(link) {
  if (typeof link !== 'string' && !Array.isArray(link)) throw nodeError('ERR_INVALID_ARG_VALUE', 'hints', link, LINK_FORMAT);
  const values = Array.isArray(link) ? link : [link];
  for (const value of each(values)) {
    if (typeof value !== 'string' || !LINK_VALUE.test(value)) throw nodeError('ERR_INVALID_ARG_VALUE', 'hints', value, LINK_FORMAT);
  }
  return join(values, ', ');
}

/** Puts a response made by hand on a socket. Nothing closes the socket when the response ends. @param {import('stream').Duplex} socket */
ServerResponse.prototype.assignSocket = function assignSocket(socket) {
  if (socket._httpMessage) throw nodeError('ERR_HTTP_SOCKET_ASSIGNED');
  socket._httpMessage = this;
  this.socket = socket;
  if (this[kSink] instanceof SocketSink) this[kSink].watch();
  this.emit('socket', socket);
  this._flush();
};

/** Takes it off again: the socket is free for other messages, and what this one says from now on waits in it. @param {import('stream').Duplex} socket */
ServerResponse.prototype.detachSocket = function detachSocket(socket) {
  if (socket._httpMessage !== this) throw nodeError('ERR_INTERNAL_ASSERTION', 'detachSocket() with a socket that is not its own');
  const sink = this[kSink];
  socket._httpMessage = null;
  this.socket = null;
  if (sink instanceof SocketSink) sink.unwatch();
  else if (sink !== null) sink.letGo(this);
};

module.exports = { ServerResponse, initServerResponse };
