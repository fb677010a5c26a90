'use strict';

/**
 * OutgoingMessage: header text, body flags and stream state of a message that leaves. Its bytes go to a sink: the engine's
 * Connection, or a SocketSink for messages assigned to a socket by hand. The header store is Node's, so Node's own getHeader,
 * setHeader, appendHeader and their like serve us unchanged.
 *
 * head:  none → stored (`_header`) → sent (`_headerSent`);  body: open → `finished` (end() called) → 'finish' → 'close'.
 */

const http = require('node:http');
const { getDefaultHighWaterMark } = require('node:stream');
const { CHUNKED, LAST, CLOSE, TRAILERS } = require('./constants');
const { dateLine } = require('./date-cache');
const { nodeError, streamDestroyed } = require('./errors');
const { checkName, checkValue, hasInvalidCharacter, steeringField } = require('./headers');
const { kOutHeaders, kSink, kUniqueHeaders, kOnFinish, kOnClose, kOnDrain } = require('./symbols');

const kCorked = Symbol('turnout.corked');
const kBuffered = Symbol('turnout.buffered');
const kBufferedLength = Symbol('turnout.bufferedLength');
const kNeedDrain = Symbol('turnout.needDrain');
const kErrored = Symbol('turnout.errored');
const kWritableFinished = Symbol('turnout.writableFinished');
const kEndCallbacks = Symbol('turnout.endCallbacks');
const kHighWaterMark = Symbol('turnout.highWaterMark');
const kRejectBody = Symbol('turnout.rejectNonStandardBodyWrites');
const kBytesWritten = Symbol('turnout.bytesWritten');
const kLenient = Symbol('turnout.lenient');

const CLOSE_TOKEN = /(?:^|\W)close(?:$|\W)/i;
const CHUNKED_TOKEN = /(?:^|\W)chunked(?:$|\W)/i;
const DEFAULT_HIGH_WATER_MARK = Math.max(65536, getDefaultHighWaterMark(false));

/** @param {object} [options] `highWaterMark` in bytes, `rejectNonStandardBodyWrites` */
function OutgoingMessage(options) {
  initOutgoing(this, options?.highWaterMark ?? DEFAULT_HIGH_WATER_MARK, options?.rejectNonStandardBodyWrites ?? false);
}
Object.setPrototypeOf(OutgoingMessage.prototype, http.OutgoingMessage.prototype);
Object.setPrototypeOf(OutgoingMessage, http.OutgoingMessage);

/** Own fields are few: what most messages never change stands on the prototype. */
function initOutgoing(message, highWaterMark, rejectBody) {
  message._header = null;
  message._headerSent = false;
  message.finished = false;
  message[kOutHeaders] = null;
  message[kSink] = null;
  message[kHighWaterMark] = highWaterMark;
  if (rejectBody) message[kRejectBody] = true;
}

const DEFAULTS = {
  outputData: null,
  outputSize: 0,
  writable: true,
  destroyed: false,
  _last: false,
  chunkedEncoding: false,
  shouldKeepAlive: true,
  maxRequestsOnConnectionReached: false,
  _defaultKeepAlive: true,
  useChunkedEncodingByDefault: true,
  sendDate: false,
  _removedConnection: false,
  _removedContLen: false,
  _removedTE: false,
  strictContentLength: false,
  _contentLength: null,
  _hasBody: true,
  _trailer: '',
  finished: false,
  _headerSent: false,
  _closed: false,
  _header: null,
  _keepAliveTimeout: 0,
  _onPendingData: noop,
  [kOutHeaders]: null,
  [kSink]: null,
  [kUniqueHeaders]: null,
  [kCorked]: 0,
  [kBuffered]: null,
  [kBufferedLength]: 0,
  [kNeedDrain]: false,
  [kErrored]: null,
  [kWritableFinished]: false,
  [kEndCallbacks]: null,
  [kHighWaterMark]: DEFAULT_HIGH_WATER_MARK,
  [kRejectBody]: false,
  [kBytesWritten]: 0,
  [kLenient]: false,
};
for (const key of Reflect.ownKeys(DEFAULTS)) {
  Object.defineProperty(OutgoingMessage.prototype, key, { value: DEFAULTS[key], writable: true, enumerable: false, configurable: true });
}

function noop() {}

/** @param {string} name @param {Function} get @param {Function} [set] */
function accessor(name, get, set) {
  Object.defineProperty(OutgoingMessage.prototype, name, { configurable: true, enumerable: name === 'headersSent', get, set });
}
accessor('errored', function () {
  return this[kErrored];
});
accessor('closed', function () {
  return this._closed;
});
accessor('writableFinished', function () {
  return this[kWritableFinished];
});
accessor('writableObjectMode', () => false);
accessor('writableLength', function () {
  return this.outputSize + this[kBufferedLength] + (this[kSink]?.writableLength ?? 0);
});
accessor('writableHighWaterMark', function () {
  return this[kSink]?.highWaterMark ?? this[kHighWaterMark];
});
accessor('writableCorked', function () {
  return this[kCorked];
});
accessor('writableEnded', function () {
  return this.finished;
});
accessor('writableNeedDrain', function () {
  return !this.destroyed && !this.finished && this[kNeedDrain];
});
accessor('headersSent', function () {
  return !!this._header;
});
accessor(
  'socket',
  function () {
    return this[kSink]?.socket ?? null;
  },
  function (value) {
    this[kSink] = value ? new (require('./socket-sink').SocketSink)(value) : null;
  },
);
accessor(
  'connection',
  function () {
    return this.socket;
  },
  function (value) {
    this.socket = value;
  },
);

OutgoingMessage.prototype._isLenientHeaderValidation = function _isLenientHeaderValidation() {
  return this[kLenient];
};

OutgoingMessage.prototype._renderHeaders = function _renderHeaders() {
  if (this._header) throw nodeError('ERR_HTTP_HEADERS_SENT', 'render');
  const headers = {};
  for (const [name, value] of Object.values(this[kOutHeaders] ?? {})) headers[name] = value;
  return headers;
};

OutgoingMessage.prototype._implicitHeader = function _implicitHeader() {
  throw nodeError('ERR_METHOD_NOT_IMPLEMENTED', '_implicitHeader()');
};

/** What the fields said while the head was built. */
class HeadState {
  constructor(text) {
    this.text = text;
    this.connection = false;
    this.contentLength = false;
    this.transferEncoding = false;
    this.date = false;
    this.expect = false;
    this.trailer = false;
  }
}

/**
 * Builds `_header`: the first line, the fields, and those that Node adds (Date, Connection, Keep-Alive, the framing of the body).
 * @param {string} firstLine with its CRLF
 * @param {object|Array|null} headers an object, a flat list, a list of pairs, or the header store itself
 */
OutgoingMessage.prototype._storeHeader = function _storeHeader(firstLine, headers) {
  const state = new HeadState(firstLine);
  if (headers) storeFields(this, state, headers);
  if (this.sendDate && !state.date) state.text += dateLine();
  if (this.chunkedEncoding && (this.statusCode === 204 || this.statusCode === 304)) {
    // RFC 9112 §6.1: these have no transfer coding; a peer that believed the field would wait for a last chunk.
    this.chunkedEncoding = false;
    this.shouldKeepAlive = false;
  }
  storePersistence(this, state);
  if (!state.contentLength && !state.transferEncoding) storeFraming(this, state);
  if (!this.chunkedEncoding && state.trailer) throw nodeError('ERR_HTTP_TRAILER_INVALID');
  this._header = `${state.text}\r\n`;
  this._headerSent = false;
  if (state.expect) this._send('');
};

function storeFields(message, state, headers) {
  const store = message[kOutHeaders];
  if (headers === store) {
    for (const key in store) storeField(message, state, store[key][0], store[key][1], false);
  } else if (Array.isArray(headers)) {
    if (headers.length > 0 && Array.isArray(headers[0])) {
      for (const [name, value] of headers) storeField(message, state, name, value, true);
      return;
    }
    if (headers.length % 2 !== 0) throw nodeError('ERR_INVALID_ARG_VALUE', 'headers', headers);
    for (let i = 0; i < headers.length; i += 2) storeField(message, state, headers[i], headers[i + 1], true);
  } else {
    for (const name in headers) {
      if (Object.hasOwn(headers, name)) storeField(message, state, name, headers[name], true);
    }
  }
}

function storeField(message, state, name, value, check) {
  if (check) checkName(name);
  const steering = steeringField(name);
  if (steering === 'content-disposition' && message._contentLength) {
    // RFC 6266 §4.3: the value may be latin1.
    value = Array.isArray(value) ? value.map((one) => Buffer.from(one, 'latin1')) : Buffer.from(value, 'latin1');
  }
  if (Array.isArray(value)) {
    const joined = (value.length >= 2 && steering === 'cookie') || message[kUniqueHeaders]?.has(name.toLowerCase());
    if (!joined) {
      for (const one of value) storeLine(message, state, name, one, steering, check);
      return;
    }
    value = value.join('; ');
  }
  storeLine(message, state, name, value, steering, check);
}

function storeLine(message, state, name, value, steering, check) {
  if (check) checkValue(name, value, message[kLenient]);
  state.text += `${name}: ${value}\r\n`;
  switch (steering) {
    case 'connection':
      state.connection = true;
      message._removedConnection = false;
      if (CLOSE_TOKEN.test(value)) message._last = true;
      else message.shouldKeepAlive = true;
      break;
    case 'transfer-encoding':
      state.transferEncoding = true;
      message._removedTE = false;
      if (CHUNKED_TOKEN.test(value)) message.chunkedEncoding = true;
      break;
    case 'content-length':
      state.contentLength = true;
      message._contentLength = +value;
      message._removedContLen = false;
      break;
    case 'date':
      state.date = true;
      break;
    case 'expect':
      state.expect = true;
      break;
    case 'trailer':
      state.trailer = true;
      break;
    case 'keep-alive':
      message._defaultKeepAlive = false;
      break;
    default:
  }
}

/** RFC 9112 §9.3. */
function storePersistence(message, state) {
  if (message._removedConnection) {
    message._last = !message.shouldKeepAlive;
    return;
  }
  if (state.connection) return;
  const keepAlive = message.shouldKeepAlive && (state.contentLength || message.useChunkedEncodingByDefault || message.agent);
  if (!keepAlive) {
    message._last = true;
    state.text += 'Connection: close\r\n';
  } else if (message.maxRequestsOnConnectionReached) {
    state.text += 'Connection: close\r\n';
  } else if (message._keepAliveTimeout && message._defaultKeepAlive) {
    const max = message._maxRequestsPerSocket | 0;
    state.text += `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(message._keepAliveTimeout / 1000)}${max > 0 ? `, max=${max}` : ''}\r\n`;
  } else {
    state.text += 'Connection: keep-alive\r\n';
  }
}

/** RFC 9112 §6.3: how the peer will know where the body ends, when the fields do not say. */
function storeFraming(message, state) {
  if (!message._hasBody) {
    message.chunkedEncoding = false;
  } else if (!message.useChunkedEncodingByDefault) {
    message._last = true;
  } else if (!state.trailer && !message._removedContLen && typeof message._contentLength === 'number') {
    state.text += `Content-Length: ${message._contentLength}\r\n`;
  } else if (!message._removedTE) {
    state.text += 'Transfer-Encoding: chunked\r\n';
    message.chunkedEncoding = true;
  } else {
    message._last = true;
  }
}

// ---- writing ---------------------------------------------------------------------------------------------------------

/** Hands bytes to the sink with the head in front if that has not left; without a sink they wait in `outputData`. */
function send(message, chunk, encoding, flags, callback) {
  let head = '';
  if (!message._headerSent && message._header !== null) {
    head = message._header;
    message._headerSent = true;
  }
  if (message[kSink] !== null) return message[kSink].send(message, head, chunk, encoding, flags, callback);
  message.outputData ??= [];
  message.outputData.push({ data: chunk ?? '', head, encoding, flags, callback });
  message.outputSize += head.length + (chunk === null ? 0 : chunk.length);
  return message.outputSize < message[kHighWaterMark];
}

/** For who writes bytes past write(): they leave as they are, behind the head. */
OutgoingMessage.prototype._send = function _send(data, encoding, callback) {
  return send(this, data, encoding, 0, callback ?? undefined);
};

OutgoingMessage.prototype._writeRaw = function _writeRaw(data, encoding, callback) {
  if (typeof encoding === 'function') {
    callback = encoding;
    encoding = null;
  }
  if (this[kSink] !== null) return this[kSink].send(this, '', data, encoding, 0, callback ?? undefined);
  this.outputData ??= [];
  this.outputData.push({ data, head: '', encoding, flags: 0, callback });
  this.outputSize += data.length;
  return this.outputSize < this[kHighWaterMark];
};

/** A sink has been found: what waited leaves. */
OutgoingMessage.prototype._flush = function _flush() {
  const waiting = this.outputData;
  if (this[kSink] === null || waiting === null || waiting.length === 0) return;
  this.outputData = null;
  this.outputSize = 0;
  let ok = true;
  for (const { data, head, encoding, flags, callback } of waiting) {
    ok = this[kSink].send(this, head, data, encoding, flags, callback ?? undefined);
  }
  if (ok && this[kNeedDrain]) this[kOnDrain]();
};

OutgoingMessage.prototype._flushOutput = function _flushOutput() {
  this._flush();
};

OutgoingMessage.prototype._finish = function _finish() {
  this.emit('prefinish');
};

OutgoingMessage.prototype.flushHeaders = function flushHeaders() {
  if (!this._header) this._implicitHeader();
  if (!this._headerSent) this._send('');
};

OutgoingMessage.prototype.cork = function cork() {
  this[kCorked]++;
};

OutgoingMessage.prototype.uncork = function uncork() {
  if (this[kCorked] > 0) this[kCorked]--;
  if (this[kCorked] === 0) flushBuffered(this, 0);
};

/** Chunks of one tick leave as one chunk (RFC 9112 §7.1 leaves their sizes to the sender): fewer bytes and records. */
function flushBuffered(message, flags) {
  const parts = message[kBuffered];
  if (parts === null) return true;
  message[kBuffered] = null;
  message[kBufferedLength] = 0;
  if (message.destroyed) {
    for (const { callback } of parts) if (callback) process.nextTick(callback, message[kErrored] ?? streamDestroyed('write'));
    return false;
  }
  const callbacks = parts.map(({ callback }) => callback).filter(Boolean);
  const callback = callbacks.length > 1 ? (error) => callbacks.forEach((one) => one(error)) : callbacks[0];
  const [first] = parts;
  let chunk = first.chunk;
  let { encoding } = first;
  if (parts.length > 1) {
    if (parts.every((part) => typeof part.chunk === 'string' && part.encoding === encoding)) {
      chunk = parts.map((part) => part.chunk).join('');
    } else {
      chunk = Buffer.concat(parts.map((part) => (typeof part.chunk === 'string' ? Buffer.from(part.chunk, part.encoding ?? 'utf8') : part.chunk)));
      encoding = null;
    }
  }
  return send(message, chunk, encoding, CHUNKED | flags, callback);
}

function uncorkTick(message) {
  if (message[kCorked]) message.uncork();
}

/** @return {Error|null} why nothing can be written any more */
function writeError(message) {
  if (message.finished) return nodeError('ERR_STREAM_WRITE_AFTER_END');
  return message.destroyed ? streamDestroyed('write') : null;
}

function reportError(message, error, callback) {
  if (message.destroyed) {
    process.nextTick(callback, error);
    return;
  }
  process.nextTick(() => {
    callback(error);
    if (!message.destroyed) message.emit('error', error);
  });
}

function checkChunk(chunk) {
  if (chunk === null) throw nodeError('ERR_STREAM_NULL_VALUES');
  if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array) && !ArrayBuffer.isView(chunk)) {
    throw nodeError('ERR_INVALID_ARG_TYPE', 'chunk', 'must be of type string or an instance of Buffer or Uint8Array', chunk);
  }
}

const byteLength = (chunk, encoding) => (typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding ?? undefined) : chunk.byteLength);

function countsStrictly(message) {
  return (
    message.strictContentLength &&
    message._contentLength != null &&
    message._hasBody &&
    !message._removedContLen &&
    !message.chunkedEncoding &&
    !message.hasHeader('transfer-encoding')
  );
}

function countStrictly(message, length, last) {
  const total = message[kBytesWritten] + length;
  if (countsStrictly(message) && (last ? total !== message._contentLength : total > message._contentLength)) {
    throw nodeError('ERR_HTTP_CONTENT_LENGTH_MISMATCH', total, message._contentLength);
  }
  message[kBytesWritten] = total;
}

/** @return {boolean} whether the body may be sent; writes to a message without one are accepted and dropped, unless refused */
function bodyAllowed(message) {
  if (message._hasBody) return true;
  if (message[kRejectBody]) throw nodeError('ERR_HTTP_BODY_NOT_ALLOWED');
  return false;
}

OutgoingMessage.prototype.write = function write(chunk, encoding, callback) {
  if (typeof encoding === 'function') {
    callback = encoding;
    encoding = null;
  }
  if (typeof callback !== 'function') callback = undefined;
  checkChunk(chunk);
  const error = writeError(this);
  if (error !== null) {
    reportError(this, error, callback ?? noop);
    return false;
  }
  if (this.strictContentLength) countStrictly(this, byteLength(chunk, encoding), false);
  if (!this._header) this._implicitHeader();
  if (!bodyAllowed(this)) {
    if (callback) process.nextTick(callback);
    return true;
  }
  if (encoding && typeof chunk === 'string' && !Buffer.isEncoding(encoding)) throw nodeError('ERR_UNKNOWN_ENCODING', encoding);
  let ok;
  if (this.chunkedEncoding && chunk.length !== 0) {
    if (this[kCorked] === 0) {
      this[kCorked] = 1;
      process.nextTick(uncorkTick, this);
    }
    (this[kBuffered] ??= []).push({ chunk, encoding, callback });
    this[kBufferedLength] += byteLength(chunk, encoding);
    ok = this.writableLength < this.writableHighWaterMark;
  } else {
    ok = send(this, chunk, encoding, 0, callback);
  }
  if (!ok) this[kNeedDrain] = true;
  return ok;
};

OutgoingMessage.prototype.end = function end(chunk, encoding, callback) {
  if (typeof chunk === 'function') {
    callback = chunk;
    chunk = null;
    encoding = null;
  } else if (typeof encoding === 'function') {
    callback = encoding;
    encoding = null;
  }
  if (this.finished) {
    if (chunk) reportError(this, nodeError('ERR_STREAM_WRITE_AFTER_END'), typeof callback === 'function' ? callback : noop);
    else if (typeof callback === 'function') queueEndCallback(this, callback);
    return this;
  }
  if (chunk) {
    checkChunk(chunk);
    if (this.destroyed) {
      if (typeof callback === 'function') process.nextTick(callback, this[kErrored] ?? streamDestroyed('end'));
      this.finished = true;
      return this;
    }
    if (this.strictContentLength) countStrictly(this, byteLength(chunk, encoding), true);
    if (!this._header) {
      this._contentLength = byteLength(chunk, encoding);
      this._implicitHeader();
    }
    if (!bodyAllowed(this)) chunk = null;
  } else {
    chunk = null;
    if (!this._header) {
      this._contentLength = 0;
      this._implicitHeader();
    }
    if (countsStrictly(this) && this[kBytesWritten] !== this._contentLength) {
      throw nodeError('ERR_HTTP_CONTENT_LENGTH_MISMATCH', this[kBytesWritten], this._contentLength);
    }
  }
  if (typeof callback === 'function') queueEndCallback(this, callback);
  if (this.destroyed) {
    this.finished = true;
    return this;
  }
  sendLast(this, chunk, encoding);
  this.finished = true;
  this._finish();
  return this;
};

/** The last bytes: what is buffered, the chunk, and for a chunked body the last chunk with the trailer section. */
function sendLast(message, chunk, encoding) {
  let flags = LAST;
  if (message._last) flags |= CLOSE;
  message[kCorked] = 0;
  // Who waits for the end must hear when the bytes have left.
  const callback = message[kEndCallbacks] === null ? undefined : noop;
  if (!message.chunkedEncoding || !message._hasBody) {
    send(message, chunk, encoding, flags, callback);
    return;
  }
  if (message[kBuffered] !== null && chunk !== null) {
    message[kBuffered].push({ chunk, encoding, callback: undefined });
    chunk = null;
  }
  if (message._trailer !== '') {
    flushBuffered(message, 0);
    if (chunk !== null) send(message, chunk, encoding, CHUNKED, undefined);
    send(message, `0\r\n${message._trailer}\r\n`, 'latin1', flags | TRAILERS, callback);
  } else if (message[kBuffered] !== null) {
    flushBuffered(message, flags);
  } else {
    send(message, chunk, encoding, flags | CHUNKED, callback);
  }
}

function queueEndCallback(message, callback) {
  if (message[kWritableFinished]) {
    process.nextTick(callback, nodeError('ERR_STREAM_ALREADY_FINISHED', 'end'));
  } else if (message._closed) {
    process.nextTick(callback, message[kErrored] ?? streamDestroyed('end'));
  } else {
    (message[kEndCallbacks] ??= []).push(callback);
  }
}

function runEndCallbacks(message, error) {
  const callbacks = message[kEndCallbacks];
  if (callbacks === null) return;
  message[kEndCallbacks] = null;
  for (const callback of callbacks) callback(error);
}

OutgoingMessage.prototype[kOnFinish] = function () {
  if (this[kErrored]) {
    runEndCallbacks(this, this[kErrored]);
    return;
  }
  this[kWritableFinished] = true;
  runEndCallbacks(this, null);
  if (this._eventsCount > 0) this.emit('finish');
};

OutgoingMessage.prototype[kOnClose] = function (error) {
  if (this._closed) return;
  this.destroyed = true;
  this._closed = true;
  if (this[kBuffered] !== null) flushBuffered(this, 0);
  if (this[kEndCallbacks] !== null) runEndCallbacks(this, error ?? this[kErrored] ?? streamDestroyed('end'));
  if (this._eventsCount > 0) this.emit('close');
};

OutgoingMessage.prototype[kOnDrain] = function () {
  if (!this[kNeedDrain] || this.finished || this.destroyed) return;
  this[kNeedDrain] = false;
  this.emit('drain');
};

OutgoingMessage.prototype.destroy = function destroy(error) {
  if (this.destroyed) return this;
  this.destroyed = true;
  this[kErrored] = error ?? null;
  if (this[kBuffered] !== null) flushBuffered(this, 0);
  if (this[kSink] !== null) this[kSink].destroy(error);
  else process.nextTick(closeTick, this);
  return this;
};

function closeTick(message) {
  message[kOnClose]();
}

OutgoingMessage.prototype.setTimeout = function setTimeout(msecs, callback) {
  if (callback) this.on('timeout', callback);
  if (this[kSink] !== null) this[kSink].setTimeout(msecs);
  else this.once('socket', (socket) => socket.setTimeout(msecs));
  return this;
};

/** Sent behind a chunked body (RFC 9112 §7.1.2). */
OutgoingMessage.prototype.addTrailers = function addTrailers(headers) {
  this._trailer = '';
  const pairs = Array.isArray(headers) ? headers : Object.entries(headers);
  for (const [name, value] of pairs) {
    http.validateHeaderName(name, 'Trailer name');
    let values = Array.isArray(value) ? value : [value];
    if (values.length > 1 && this[kUniqueHeaders]?.has(name.toLowerCase())) values = [values.join('; ')];
    for (const one of values) {
      if (hasInvalidCharacter(one, this[kLenient])) throw nodeError('ERR_INVALID_CHAR', 'trailer content', name);
      this._trailer += `${name}: ${one}\r\n`;
    }
  }
};

OutgoingMessage.prototype.pipe = function pipe() {
  this.emit('error', nodeError('ERR_STREAM_CANNOT_PIPE'));
};

OutgoingMessage.prototype[Symbol.for('nodejs.rejection')] = function (error) {
  this.destroy(error);
};

/** Our responses do not inherit from here but carry the same methods; node:http's messages are outgoing messages, too. */
Object.defineProperty(OutgoingMessage, Symbol.hasInstance, {
  value(object) {
    if (this !== OutgoingMessage) return Function.prototype[Symbol.hasInstance].call(this, object);
    return object instanceof http.OutgoingMessage;
  },
});

module.exports = { OutgoingMessage, kLenient, kHighWaterMark, kRejectBody, kWritableFinished };
