'use strict';

/** ServerResponse: an outgoing message with a status line, made with its request. */

const http = require('node:http');
const { nodeError } = require('./errors');
const { validateInteger, validateObject } = require('./validators');
const { checkName, checkValue, hasInvalidCharacter } = require('./headers');
const { OutgoingMessage, kLenient, kHighWaterMark, kRejectBody, kWritableFinished } = require('./outgoing-message');
const { SocketSink } = require('./socket-sink');
const { kOutHeaders, kSink, kUniqueHeaders } = require('./symbols');

const { STATUS_CODES } = http;
const DEFAULT_HIGH_WATER_MARK = 65536;
const CHUNKED_TOKEN = /(?:^|\W)chunked(?:$|\W)/i;
/** RFC 8288, as far as an Early Hints link is checked by Node. */
const LINK_VALUE = /^(?:<[^>]*>)(?:\s*;\s*[^;"\s]+(?:=(")?[^;"\s]*\1)?)*$/;

/**
 * @param {import('http').IncomingMessage} req
 * @param {object} [options] OutgoingMessage's
 */
function ServerResponse(req, options) {
  OutgoingMessage.call(this, options);
  initResponse(this, req);
}
Object.setPrototypeOf(ServerResponse.prototype, http.ServerResponse.prototype);
Object.setPrototypeOf(ServerResponse, http.ServerResponse);
for (const key of Reflect.ownKeys(OutgoingMessage.prototype)) {
  if (key !== 'constructor') Object.defineProperty(ServerResponse.prototype, key, Object.getOwnPropertyDescriptor(OutgoingMessage.prototype, key));
}

for (const [key, value] of Object.entries({ sendDate: true, _sent100: false, _expect_continue: false, statusCode: 200, statusMessage: undefined })) {
  Object.defineProperty(ServerResponse.prototype, key, { value, writable: true, enumerable: true, configurable: true });
}

function initResponse(res, req) {
  if (req.method === 'HEAD') res._hasBody = false;
  res.req = req;
  if (req.httpVersionMajor < 1 || req.httpVersionMinor < 1) {
    res.useChunkedEncodingByDefault = CHUNKED_TOKEN.test(req.headers.te);
    res.shouldKeepAlive = false;
  }
}

/**
 * The form a response of the engine takes. Assigning the fields here and not in a function gives them room inside the object;
 * these are the ones every response changes.
 */
function EngineResponse(req, connection, server) {
  this.req = req;
  this._header = null;
  this._headerSent = false;
  this.finished = false;
  this.destroyed = false;
  this._closed = false;
  this.statusMessage = undefined;
  this.statusCode = 200;
  this.chunkedEncoding = false;
  this._contentLength = null;
  this.shouldKeepAlive = true;
  this._keepAliveTimeout = server.keepAliveTimeout;
  this[kOutHeaders] = null;
  this[kSink] = connection;
  this[kWritableFinished] = false;
  if (server.rejectNonStandardBodyWrites) this[kRejectBody] = true;
  if (connection.highWaterMark !== DEFAULT_HIGH_WATER_MARK) this[kHighWaterMark] = connection.highWaterMark;
  initResponse(this, req);
}
EngineResponse.prototype = ServerResponse.prototype;

/**
 * A response that writes to `connection`.
 * @param {Function|null} Response the server's own class, if it has one
 */
function initServerResponse(req, connection, Response, server) {
  let res;
  if (Response === null) {
    res = new EngineResponse(req, connection, server);
  } else {
    res = new Response(req, { highWaterMark: connection.highWaterMark, rejectNonStandardBodyWrites: server.rejectNonStandardBodyWrites });
    res[kSink] = connection;
    res._keepAliveTimeout = server.keepAliveTimeout;
  }
  if (server[kUniqueHeaders] !== null) res[kUniqueHeaders] = server[kUniqueHeaders];
  if (server.httpValidation !== undefined ? server.httpValidation !== 'strict' : server.insecureHTTPParser) res[kLenient] = true;
  if (server.maxRequestsPerSocket > 0) res._maxRequestsPerSocket = server.maxRequestsPerSocket;
  return res;
}

/** Status lines as they are most often sent, made once. */
const statusLines = new Map();

function statusLine(statusCode, statusMessage) {
  if (statusMessage === STATUS_CODES[statusCode]) {
    let line = statusLines.get(statusCode);
    if (line === undefined) {
      line = `HTTP/1.1 ${statusCode} ${statusMessage}\r\n`;
      statusLines.set(statusCode, line);
    }
    return line;
  }
  if (hasInvalidCharacter(statusMessage, false)) throw nodeError('ERR_INVALID_CHAR', 'statusMessage');
  return `HTTP/1.1 ${statusCode} ${statusMessage}\r\n`;
}

/** writeHead(statusCode[, statusMessage][, headers]); headers as object, flat list or list of pairs. */
ServerResponse.prototype.writeHead = function writeHead(statusCode, reason, headers) {
  if (this._header) throw nodeError('ERR_HTTP_HEADERS_SENT', 'write');
  const code = statusCode | 0;
  if (code < 100 || code > 999) throw nodeError('ERR_HTTP_INVALID_STATUS_CODE', statusCode);
  if (typeof reason === 'string') {
    this.statusMessage = reason;
  } else {
    this.statusMessage ||= STATUS_CODES[code] || 'unknown';
    headers ??= reason;
  }
  this.statusCode = code;
  if (this[kOutHeaders]) {
    if (headers) mergeHeaders(this, headers);
    headers = this[kOutHeaders];
  }
  const line = statusLine(code, this.statusMessage);
  // RFC 9110 §15.2, §15.3.5, §15.4.5: these end with their head.
  if (code === 204 || code === 304 || code < 200) this._hasBody = false;
  // A client that waits for 100 may send the body it announced after the final answer.
  if (this._expect_continue && !this._sent100) this.shouldKeepAlive = false;
  this._storeHeader(line, headers);
  return this;
};

/** What writeHead() is given overrides what setHeader() was. */
function mergeHeaders(res, headers) {
  if (!Array.isArray(headers)) {
    for (const name of Object.keys(headers)) if (name) res.setHeader(name, headers[name]);
    return;
  }
  const flat = Array.isArray(headers[0]) ? headers.flat(1) : headers;
  if (flat.length % 2 !== 0) throw nodeError('ERR_INVALID_ARG_VALUE', 'headers', headers);
  for (let i = 0; i < flat.length; i += 2) res.removeHeader(flat[i]);
  for (let i = 0; i < flat.length; i += 2) if (flat[i]) res.appendHeader(flat[i], flat[i + 1]);
}

/** The alias Node had until 25. */
ServerResponse.prototype.writeHeader = ServerResponse.prototype.writeHead;

/** Through the instance: libraries replace writeHead. */
ServerResponse.prototype._implicitHeader = function _implicitHeader() {
  this.writeHead(this.statusCode);
};

/** An interim response (RFC 9110 §15.2), of any status from 100 to 199 but 101. */
ServerResponse.prototype.writeInformation = function writeInformation(statusCode, headers, callback) {
  if (this._header) throw nodeError('ERR_HTTP_HEADERS_SENT', 'write');
  validateInteger(statusCode, 'statusCode', 100, 199);
  if (statusCode === 101) throw nodeError('ERR_HTTP_INVALID_STATUS_CODE', statusCode);
  let head = `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode] || 'unknown'}\r\n`;
  if (headers != null) {
    if (!Array.isArray(headers)) validateObject(headers, 'headers');
    const flat = Array.isArray(headers) ? (Array.isArray(headers[0]) ? headers.flat(1) : headers) : Object.entries(headers).flat(1);
    if (flat.length % 2 !== 0) throw nodeError('ERR_INVALID_ARG_VALUE', 'headers', headers);
    for (let i = 0; i < flat.length; i += 2) {
      checkName(flat[i]);
      checkValue(flat[i], flat[i + 1], this[kLenient]);
      head += `${flat[i]}: ${flat[i + 1]}\r\n`;
    }
  }
  return this._writeRaw(`${head}\r\n`, 'latin1', callback);
};

ServerResponse.prototype.writeContinue = function writeContinue(callback) {
  this.writeInformation(100, null, callback);
  this._sent100 = true;
};

ServerResponse.prototype.writeProcessing = function writeProcessing(callback) {
  this.writeInformation(102, null, callback);
};

/** 103 (RFC 8297). */
ServerResponse.prototype.writeEarlyHints = function writeEarlyHints(hints, callback) {
  validateObject(hints, 'hints');
  if (hints.link == null) return;
  const links = Array.isArray(hints.link) ? hints.link : [hints.link];
  for (const link of links) {
    if (typeof link !== 'string' || !LINK_VALUE.test(link)) {
      throw nodeError(
        'ERR_INVALID_ARG_VALUE',
        'hints',
        hints.link,
        'must be an array or string of format "</styles.css>; rel=preload; as=style"',
      );
    }
  }
  if (links.length === 0) return;
  const headers = { Link: links.join(', ') };
  for (const name of Object.keys(hints)) if (name !== 'link') headers[name] = hints[name];
  this.writeInformation(103, headers, callback);
};

/** Puts a response made by hand on a socket. */
ServerResponse.prototype.assignSocket = function assignSocket(socket) {
  if (socket._httpMessage) throw nodeError('ERR_HTTP_SOCKET_ASSIGNED');
  socket._httpMessage = this;
  this[kSink] = new SocketSink(socket);
  this[kSink].watch(this);
  this.emit('socket', socket);
  this._flush();
};

ServerResponse.prototype.detachSocket = function detachSocket(socket) {
  this[kSink]?.unwatch?.();
  socket._httpMessage = null;
  this[kSink] = null;
};

module.exports = { ServerResponse, initServerResponse };
