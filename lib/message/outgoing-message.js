'use strict';

/**
 * OutgoingMessage: stream state and body framing of a message that leaves. Its text is made in message-head.js, its fields live
 * in Node's header store (headers.js), its bytes go to a sink (base/roles.js): the engine's Connection, or a SocketSink for messages assigned to
 * a socket by hand. What waits for a sink is in outgoing-queue.js, what waits for the end of the tick in corking.js, the end in outgoing-end.js.
 *
 * head:  none → stored (`_header`) → sent (`_headerSent`)
 * body:  being written → ended (Node calls that `finished`) → handed over → finished ('finish') → 'close'; from anywhere: destroy() or a lost
 *        connection → 'close'
 */

const { EventEmitter } = require('node:events');
const http = require('../base/host-http');
const stream = require('node:stream');
const { buffer, bufferedLength, corkForTick, corkMethods, forwardCork } = require('./corking');
const { byteLength, checkChunk } = require('./chunks');
const { CHUNKED } = require('../seam/layout').writeFlags;
const { nodeError, streamDestroyed } = require('../base/errors');
const { headerMethods } = require('./headers');
const { isLenientSender } = require('../seam/leniency');
const { buildHead, buildTrailers } = require('./message-head');
const { eventsAccessor, isDerived, ownerOf, takeFraming } = require('./message-owner');
const { endMethods, queueEndCallback, sendLast } = require('./outgoing-end');
const { enqueue, isNothingQueued, queueMethods, transmit } = require('./outgoing-queue');
const {
  kQueue, kCorked, kForwardedCorks, kBuffered, kNeedDrain, kErrored, kWritableFinished, kHighWaterMark, kRejectBody, kBytesWritten, kUnusualHead,
  initOutgoing, announce, noop,
} = require('./outgoing-state');
const { Buffer, Math, Object, nextTick } = require('../base/primordials');
const { SocketSink } = require('./socket-sink');
const { isSent } = require('./steps');
const { kEvents, kOwner, kSink, kLine, kLenient, kAttach } = require('../base/symbols');

/** Bytes; Node 26's default on every host: 64 KiB, on Windows 16 KiB. */
const DEFAULT_HIGH_WATER_MARK = process.platform === 'win32' ? 16 * 1024 : Math.max(64 * 1024, stream.getDefaultHighWaterMark(false));

/**
 * @param {object} [options] `highWaterMark`: bytes queued before write() returns false (default 64 KiB);
 *   `rejectNonStandardBodyWrites`: whether write() throws on a message that cannot have a body (default false)
 */
function OutgoingMessage(options) {
  if (this === undefined) return new OutgoingMessage(options);
  initOutgoing(this, options?.highWaterMark ?? DEFAULT_HIGH_WATER_MARK, options?.rejectNonStandardBodyWrites ?? false);
}
Object.setPrototypeOf(OutgoingMessage.prototype, http.OutgoingMessage.prototype);
Object.setPrototypeOf(OutgoingMessage, http.OutgoingMessage);

Object.assign(OutgoingMessage.prototype, headerMethods, queueMethods, corkMethods, endMethods);

/** Getters and setters by name; as in Node only `headersSent` is enumerable. */
const accessors = {
  errored: [(message) => message[kErrored]],
  closed: [(message) => message._closed],
  writableFinished: [(message) => message[kWritableFinished]],
  writableObjectMode: [() => false],
  writableLength: [(message) => message.outputSize + bufferedLength(message) + (message[kSink]?.writableLength ?? 0)],
  writableHighWaterMark: [(message) => message[kSink]?.highWaterMark ?? message[kHighWaterMark]],
  writableCorked: [(message) => message[kCorked]],
  writableEnded: [(message) => message.finished],
  writableNeedDrain: [(message) => !message.destroyed && !message.finished && message[kNeedDrain]],
  headersSent: [(message) => !!message._header],
  connection: [(message) => message.socket, (message, value) => void (message.socket = value)],
  socket: [(message) => message[kSink]?.socket ?? null, (message, value) => setSocket(ownerOf(message), value)],
  /** What waits for a sink: `{ data, encoding, callback }` each, made when first asked for. */
  outputData: [(message) => message[kQueue] ?? (ownerOf(message)[kQueue] = []), (message, value) => void (message[kQueue] = value)],
};
for (const [name, [get, set]] of Object.entries(accessors)) {
  Object.defineProperty(OutgoingMessage.prototype, name, {
    configurable: true,
    enumerable: name === 'headersSent',
    get() {
      return get(this);
    },
    set:
      set &&
      function (value) {
        set(this, value);
      },
  });
}

Object.defineProperty(OutgoingMessage.prototype, '_events', { configurable: true, enumerable: false, ...eventsAccessor });
OutgoingMessage.prototype[kOwner] = undefined;
OutgoingMessage.prototype[kEvents] = undefined;

// Gone from Node 26; on hosts that still have them they must not answer in Node's place.
for (const name of ['_headers', '_headerNames']) {
  if (name in http.OutgoingMessage.prototype) {
    Object.defineProperty(OutgoingMessage.prototype, name, { configurable: true, enumerable: false, writable: true, value: undefined });
  }
}

/** `message.socket = …`: its bytes go there from now on, once the socket is assigned to it. */
function setSocket(message, socket) {
  const sink = message[kSink];
  if (sink !== null && socket && sink.socket === socket) return;
  for (let n = message[kForwardedCorks]; n > 0; n--) sink?.uncork();
  message[kSink] = socket ? new SocketSink(socket) : null;
  message[kForwardedCorks] = 0;
  if (socket) for (let n = message[kCorked]; n > 0; n--) forwardCork(message);
}

/** The message's turn has come: what waited leaves. @param {import('../base/roles').Sink} sink */
OutgoingMessage.prototype[kAttach] = function (sink) {
  this[kSink] = sink;
  if (this[kLine] !== null) {
    this[kLine].noteQueued(-this.outputSize);
    this[kLine] = null;
  }
  for (let n = this[kCorked]; n > 0; n--) forwardCork(this);
  if (this[kEvents] !== undefined && this.listenerCount('socket') > 0) this.emit('socket', sink.socket);
  this._flush();
};

/** @return {boolean} whether values of fields are checked leniently; what leads to it is looked at once where the server is known */
OutgoingMessage.prototype._isLenientHeaderValidation = function _isLenientHeaderValidation() {
  return this[kLenient] ?? isLenientSender(this);
};

OutgoingMessage.prototype._implicitHeader = function _implicitHeader() {
  throw nodeError('ERR_METHOD_NOT_IMPLEMENTED', '_implicitHeader()');
};

/**
 * Builds `_header`.
 * @param {string} firstLine with its CRLF
 * @param {object|Array|null} headers an object, a flat list, a list of pairs, or the header store itself
 */
OutgoingMessage.prototype._storeHeader = function _storeHeader(firstLine, headers) {
  const head = buildHead(this, firstLine, headers);
  const owner = ownerOf(this);
  if (owner !== this) takeFraming(owner, this);
  owner._header = head.text;
  owner._headerSent = false;
  if (head.unusual) owner[kUnusualHead] = true;
  if (head.expect) owner._send('');
};

/** The first line of `message` has characters beyond ASCII. */
function markUnusualHead(message) {
  ownerOf(message)[kUnusualHead] = true;
}

/**
 * write() and end() of a derived object: the head is made from the derived object (its status, its writeHead()), but the bytes are the message's, which
 * has the place on the connection. In node:http such bytes wait for ever.
 * @param {OutgoingMessage} derived
 * @param {string} method 'write' or 'end'
 */
function callOwner(derived, method, chunk, encoding, callback) {
  const owner = derived[kOwner];
  const canWrite = !owner.finished && !owner.destroyed && !derived.destroyed;
  if (canWrite && !owner._header) {
    if (method === 'write') {
      checkChunk(chunk);
    } else {
      const isBody = chunk && typeof chunk !== 'function';
      if (isBody) checkChunk(chunk);
      derived._contentLength = isBody ? byteLength(chunk, typeof encoding === 'function' ? undefined : encoding) : 0;
    }
    derived._implicitHeader();
  }
  if (canWrite && method === 'end') takeFraming(owner, derived);
  const result = OutgoingMessage.prototype[method].call(owner, chunk, encoding, callback);
  return result === owner ? derived : result;
}

// ---- writing ---------------------------------------------------------------------------------------------------------

/** Nothing more will be heard of what is written to it: it is gone, or has been sent whole and has only not been told so. */
function isGone(message) {
  return message.destroyed || (isSent(message) && !message[kWritableFinished]);
}

/** Nothing takes what is written: the callback hears it, and until the message counts as sent, so does 'error'. */
function refuseWrite(message, error, callback) {
  if (isSent(message)) nextTick(callback, error);
  else nextTick(emitError, message, error, callback);
}

function emitError(message, error, callback) {
  callback(error);
  if (!message.destroyed) message.emit('error', error);
}

/** Whether `strictContentLength` has something to compare with. */
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

/** Counts `length` more bytes of body against Content-Length. */
function countStrictly(message, length, last) {
  const total = message[kBytesWritten] + length;
  if (countsStrictly(message) && (last ? total !== message._contentLength : total > message._contentLength)) {
    throw nodeError('ERR_HTTP_CONTENT_LENGTH_MISMATCH', total, message._contentLength);
  }
  message[kBytesWritten] = total;
}

/** @return {boolean} whether the body may be sent; writes to a message without one are dropped, unless that is refused */
function bodyAllowed(message) {
  if (message._hasBody) return true;
  if (message[kRejectBody]) throw nodeError('ERR_HTTP_BODY_NOT_ALLOWED');
  return false;
}

function checkEncoding(message, chunk, encoding) {
  if (!encoding || typeof chunk !== 'string' || encoding === 'utf8' || Buffer.isEncoding(encoding)) return;
  if (message.chunkedEncoding || message[kSink] !== null) throw nodeError('ERR_UNKNOWN_ENCODING', encoding);
}

/**
 * @param {string|Uint8Array} chunk
 * @param {string} [encoding] of a string; default 'utf8'
 * @param {Function} [callback] called when the bytes have left
 * @return {boolean} false: wait for 'drain'
 */
OutgoingMessage.prototype.write = function write(chunk, encoding, callback) {
  if (isDerived(this)) return callOwner(this, 'write', chunk, encoding, callback);
  if (typeof encoding === 'function') {
    callback = encoding;
    encoding = null;
  }
  if (typeof callback !== 'function') callback = undefined;
  const ok = writeBody(this, chunk, encoding, callback);
  if (!ok) this[kNeedDrain] = true;
  return ok;
};

function writeBody(message, chunk, encoding, callback) {
  checkChunk(chunk);
  if (message.finished || message.destroyed) {
    const error = message.finished ? nodeError('ERR_STREAM_WRITE_AFTER_END') : streamDestroyed('write');
    if (isGone(message)) nextTick(callback ?? noop, error);
    else refuseWrite(message, error, callback ?? noop);
    return false;
  }
  if (message.strictContentLength) countStrictly(message, byteLength(chunk, encoding), false);
  if (!message._header) message._implicitHeader();
  if (!bodyAllowed(message)) {
    if (callback) nextTick(callback);
    return true;
  }
  checkEncoding(message, chunk, encoding);
  if (message[kCorked] === 0 && message[kSink] !== null) corkForTick(message);
  if (!message.chunkedEncoding) return transmit(message, chunk, encoding, 0, callback);
  if (chunk.length === 0 && message[kBuffered] === null) return transmit(message, chunk, encoding, 0, callback);
  if (message[kCorked] === 0) return transmit(message, chunk, encoding, CHUNKED, callback);
  buffer(message, chunk, encoding, callback);
  return message.writableLength < message.writableHighWaterMark;
}

/**
 * Ends the message. Without an earlier write() or head, Content-Length is the chunk's.
 * @param {string|Uint8Array} [chunk]
 * @param {string} [encoding]
 * @param {Function} [callback] hears null when all has left, else why it has not
 * @return {this}
 */
OutgoingMessage.prototype.end = function end(chunk, encoding, callback) {
  if (isDerived(this)) return callOwner(this, 'end', chunk, encoding, callback);
  if (typeof chunk === 'function') {
    callback = chunk;
    chunk = null;
    encoding = null;
  } else if (typeof encoding === 'function') {
    callback = encoding;
    encoding = null;
  }
  if (typeof callback !== 'function') callback = undefined;
  if (!chunk) {
    chunk = null;
  } else if (this.finished) {
    if (!isGone(this)) refuseWrite(this, nodeError('ERR_STREAM_WRITE_AFTER_END'), callback ?? noop);
    return this;
  } else {
    checkChunk(chunk);
    if (this.strictContentLength && !this.destroyed) countStrictly(this, byteLength(chunk, encoding), true);
  }
  if (this.finished) {
    if (callback) queueEndCallback(this, callback);
    return this;
  }
  if (!this._header && !(chunk !== null && this.destroyed)) {
    this._contentLength = chunk === null ? 0 : byteLength(chunk, encoding);
    this._implicitHeader();
  }
  if (chunk !== null && (this.destroyed || !bodyAllowed(this))) chunk = null;
  if (chunk !== null) checkEncoding(this, chunk, encoding);
  if (callback) queueEndCallback(this, callback);
  if (this.strictContentLength && countsStrictly(this) && this[kBytesWritten] !== this._contentLength) {
    throw nodeError('ERR_HTTP_CONTENT_LENGTH_MISMATCH', this[kBytesWritten], this._contentLength);
  }
  if (!this.destroyed) sendLast(this, chunk, encoding);
  this.finished = true;
  if (this[kSink] !== null && isNothingQueued(this)) this._finish();
  return this;
};

/** For those who write bytes past write(): they leave as they are, after the head. */
OutgoingMessage.prototype._send = function _send(data, encoding, callback, byteLength) {
  if (isDerived(this)) return OutgoingMessage.prototype._send.call(this[kOwner], data, encoding, callback, byteLength);
  if (this[kSink] === null && (this._headerSent || this._header === null)) return this._writeRaw(data, encoding, callback, byteLength);
  return transmit(this, data, encoding, 0, callback ?? undefined);
};

/** As _send, but not even the head goes before them. */
// The fourth parameter is Node's size hint: it counts for the function's length only.
OutgoingMessage.prototype._writeRaw = function _writeRaw(data, encoding, callback, size) {
  if (isDerived(this)) return OutgoingMessage.prototype._writeRaw.call(this[kOwner], data, encoding, callback, size);
  if (typeof encoding === 'function') {
    callback = encoding;
    encoding = null;
  }
  if (this[kSink] !== null) {
    this._flushOutput();
    return this[kSink].send(this, '', data, encoding, 0, callback ?? undefined);
  }
  enqueue(this, data, encoding, 0, callback);
  return this.outputSize < this[kHighWaterMark];
};

OutgoingMessage.prototype._finish = function _finish() {
  announce(this, 'prefinish');
};

/** Sends the head now, without waiting for the first chunk. */
OutgoingMessage.prototype.flushHeaders = function flushHeaders() {
  if (!this._header) this._implicitHeader();
  if (!this._headerSent) this._send('');
};

/** @param {number} msecs @param {Function} [callback] added to 'timeout' @return {this} */
OutgoingMessage.prototype.setTimeout = function setTimeout(msecs, callback) {
  if (callback) this.on('timeout', callback);
  if (this[kSink] !== null) this[kSink].setTimeout(msecs, this);
  else this.once('socket', (socket) => socket.setTimeout(msecs));
  return this;
};

/** Fields sent after a chunked body (RFC 9112 §7.1.2). @param {object|Array} headers an object or a list of pairs */
OutgoingMessage.prototype.addTrailers = function addTrailers(headers) {
  buildTrailers(this, headers);
};

/** It can only be written to. */
OutgoingMessage.prototype.pipe = function pipe() {
  this.emit('error', nodeError('ERR_STREAM_CANNOT_PIPE'));
};

/** Stream's own looks into `_events`, which is undefined here until the first listener. */
OutgoingMessage.prototype.eventNames = function eventNames() {
  return this[kEvents] === undefined ? [] : stream.Stream.prototype.eventNames.call(this);
};

OutgoingMessage.prototype[EventEmitter.captureRejectionSymbol] = function (error, event) { // eslint-disable-line no-unused-vars
  this.destroy(error);
};

/** Our responses do not inherit from here but carry the same methods; node:http's messages are outgoing messages, too. */
Object.defineProperty(OutgoingMessage, Symbol.hasInstance, {
  value(object) {
    if (this !== OutgoingMessage) return Function.prototype[Symbol.hasInstance].call(this, object);
    return object instanceof http.OutgoingMessage;
  },
});

module.exports = { OutgoingMessage, markUnusualHead };
