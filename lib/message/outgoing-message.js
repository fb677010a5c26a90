'use strict';

/**
 * OutgoingMessage: stream state and body framing of a message that leaves. Its text is made in message-head.js, its fields live
 * in Node's header store (headers.js), its bytes go to a sink: the engine's Connection, or a SocketSink for messages assigned to
 * a socket by hand.
 *
 * head:  none → stored (`_header`) → sent (`_headerSent`)
 * body:  being written → ended (`finished`) → handed over ('finish') → 'close'; from anywhere: destroy() or a lost connection → 'close'
 */

const { EventEmitter } = require('node:events');
const http = require('../base/host-http');
const stream = require('node:stream');
const { constants } = require('node:os');
const { types } = require('node:util');
const { join, callbackOf, isLost } = require('./chunk-join');
const { CHUNKED, LAST, CLOSE, TRAILERS } = require('../seam/layout').writeFlags;
const { errnoException, nodeError, streamDestroyed } = require('../base/errors');
const { headerMethods } = require('./headers');
const { isLenientSender } = require('../seam/leniency');
const { buildHead, buildTrailers } = require('./message-head');
const { eventsAccessor, isDerived, ownerOf, takeFraming } = require('./message-owner');
const { Buffer, Math, Object, each, latin1Slice, nextTick } = require('../base/primordials');
const { SocketSink } = require('./socket-sink');
const { STATE, isSent } = require('./steps');
const { tellEach } = require('../base/tell-each');
const { kEvents, kOwner, kOutHeaders, kSink, kLine, kUniqueHeaders, kLenient, kAttach, kEnqueue, kOnFinish, kOnClose, kOnDrain, kStep } = require('../base/symbols');

const kQueue = Symbol('turnout.queue');
const kCorked = Symbol('turnout.corked');
const kForwardedCorks = Symbol('turnout.forwardedCorks');
const kBuffered = Symbol('turnout.buffered');
const kBufferedLength = Symbol('turnout.bufferedLength');
const kNeedDrain = Symbol('turnout.needDrain');
const kErrored = Symbol('turnout.errored');
const kWritableFinished = Symbol('turnout.writableFinished');
const kEndCallbacks = Symbol('turnout.endCallbacks');
const kHighWaterMark = Symbol('turnout.highWaterMark');
const kRejectBody = Symbol('turnout.rejectNonStandardBodyWrites');
const kBytesWritten = Symbol('turnout.bytesWritten');
const kUnusualHead = Symbol('turnout.unusualHead');

/** Bytes; Node 26's default on every host: 64 KiB, on Windows 16 KiB. */
const DEFAULT_HIGH_WATER_MARK = process.platform === 'win32' ? 16 * 1024 : Math.max(64 * 1024, stream.getDefaultHighWaterMark(false));
const { emit } = EventEmitter.prototype;

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

/** One place for the shape. EventEmitter's and Stream's constructors would only set what is set here. */
function initOutgoing(message, highWaterMark, rejectBody) {
  message[kOwner] = message;
  message[kEvents] = undefined;
  message._eventsCount = 0;
  message._maxListeners = undefined;
  message.outputSize = 0;
  message.writable = true;
  message.destroyed = false;
  message._last = false;
  message.chunkedEncoding = false;
  message.shouldKeepAlive = true;
  message.maxRequestsOnConnectionReached = false;
  message._defaultKeepAlive = true;
  message.useChunkedEncodingByDefault = true;
  message.sendDate = false;
  message._removedConnection = false;
  message._removedContLen = false;
  message._removedTE = false;
  message.strictContentLength = false;
  message._contentLength = null;
  message._hasBody = true;
  message._trailer = '';
  message.finished = false;
  message._headerSent = false;
  message._closed = false;
  message._header = null;
  message._keepAliveTimeout = 0;
  message._onPendingData = noop;
  message[kOutHeaders] = null;
  message[kSink] = null;
  message[kLine] = null;
  message[kUniqueHeaders] = null;
  message[kLenient] = null;
  message[kQueue] = null;
  message[kCorked] = 0;
  message[kForwardedCorks] = 0;
  message[kBuffered] = null;
  message[kBufferedLength] = 0;
  message[kNeedDrain] = false;
  message[kErrored] = null;
  message[kWritableFinished] = false;
  message[kEndCallbacks] = null;
  message[kHighWaterMark] = highWaterMark;
  message[kRejectBody] = rejectBody;
  message[kBytesWritten] = 0;
  message[kUnusualHead] = false;
  message[kStep] = STATE.NOT_YET;
}

function noop() {}

/** Emits where somebody may hear it; an `emit` that was replaced hears everything. */
function announce(message, event) {
  if (message[kEvents] !== undefined || message.emit !== emit) message.emit(event);
}

Object.assign(OutgoingMessage.prototype, headerMethods);

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

/** Bytes of the buffered chunks with their framing, and of the head that goes before them. */
function bufferedLength(message) {
  const length = message[kBufferedLength];
  if (length === 0) return 0;
  const head = message._headerSent || message._header === null ? 0 : message._header.length;
  return length + length.toString(16).length + 4 + head;
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

/** The message's turn has come: what waited leaves. */
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
 * write() and end() of a derived object: the head is what that says it is (its status, its writeHead()), but it is the message that has a place
 * on the connection. In node:http such bytes wait for ever.
 * @param {OutgoingMessage} derived
 * @param {string} method 'write' or 'end'
 */
function callOwner(derived, method, chunk, encoding, callback) {
  const owner = derived[kOwner];
  const isOpen = !owner.finished && !owner.destroyed && !derived.destroyed;
  if (isOpen && !owner._header) {
    if (method === 'write') {
      checkChunk(chunk);
    } else {
      const isBody = chunk && typeof chunk !== 'function';
      if (isBody) checkChunk(chunk);
      derived._contentLength = isBody ? byteLength(chunk, typeof encoding === 'function' ? undefined : encoding) : 0;
    }
    derived._implicitHeader();
  }
  if (isOpen && method === 'end') takeFraming(owner, derived);
  const result = OutgoingMessage.prototype[method].call(owner, chunk, encoding, callback);
  return result === owner ? derived : result;
}

// ---- sending ---------------------------------------------------------------------------------------------------------

/**
 * The head as latin1. Node writes a head in one string with the first chunk of the body, so a head with characters beyond ASCII
 * leaves in the encoding of that chunk.
 */
function takeHead(message, chunk, encoding, flags) {
  message._headerSent = true;
  const head = message._header;
  if (!message[kUnusualHead]) return head;
  const withText = typeof chunk === 'string' && (!encoding || encoding === 'utf8') && (flags & CHUNKED) === 0;
  return latin1Slice(Buffer.from(head, withText ? 'utf8' : 'latin1'));
}

const isNothingQueued = (message) => message[kQueue] === null || message[kQueue].length === 0;

/**
 * Hands bytes to the sink, with the head in front if that has not left; without a sink they wait.
 * @param {OutgoingMessage} message
 * @param {string|Uint8Array|null} chunk
 * @param {string|null|undefined} encoding of a string
 * @param {number} flags layout.writeFlags
 * @param {Function} [callback] called once when the bytes have left or cannot
 * @return {boolean} false: over the high-water mark
 */
function transmit(message, chunk, encoding, flags, callback) {
  const sink = message[kSink];
  const unsent = !message._headerSent && message._header !== null;
  if (sink !== null && isNothingQueued(message)) {
    return sink.send(message, unsent ? takeHead(message, chunk, encoding, flags) : '', chunk, encoding, flags, callback);
  }
  if (message[kLine] !== null && (flags & LAST) !== 0 && isNothingQueued(message) && message[kLine].mayHandOver(message)) {
    return message[kLine].hand(message, unsent ? takeHead(message, chunk, encoding, flags) : '', chunk, encoding, flags, callback);
  }
  if (unsent) message._headerSent = true;
  const ok = message[kEnqueue](unsent ? message._header : '', chunk, encoding, flags, callback);
  if (sink === null) return ok;
  message._flushOutput();
  return ok;
}

/** Keeps bytes as Node does, framed and in pieces; the last piece carries how the message ends. */
OutgoingMessage.prototype[kEnqueue] = function (head, chunk, encoding, flags, callback) {
  const ending = flags & (LAST | CLOSE);
  const data = chunk ?? '';
  if ((flags & CHUNKED) === 0) {
    if (head === '') enqueue(this, data, encoding, ending, callback);
    else if (typeof data === 'string' && (!encoding || encoding === 'utf8' || encoding === 'latin1')) {
      enqueue(this, head + data, encoding, ending, callback);
    } else {
      enqueue(this, head, 'latin1', 0, null);
      enqueue(this, data, encoding, ending, callback);
    }
    return this.outputSize < this[kHighWaterMark];
  }
  let before = head;
  if (data.length > 0) {
    enqueue(this, `${before}${byteLength(data, encoding).toString(16)}`, 'latin1', 0, null);
    enqueue(this, '\r\n', 'latin1', 0, null);
    enqueue(this, data, encoding, 0, null);
    enqueue(this, '\r\n', 'latin1', 0, ending ? null : callback);
    before = '';
  }
  if (ending) enqueue(this, `${before}0\r\n\r\n`, 'latin1', ending, callback);
  else if (before !== '') enqueue(this, before, 'latin1', 0, callback);
  return this.outputSize < this[kHighWaterMark];
};

function enqueue(message, data, encoding, flags, callback) {
  message.outputData.push({ data: fixed(data), encoding, callback: callback ?? null, flags });
  message.outputSize += data.length;
  message._onPendingData(data.length);
  if (message[kLine] !== null) message[kLine].noteQueued(data.length);
}

/** Whether the end of a message is among what waits in it. */
function isWhole({ outputData }) {
  return outputData.length > 0 && (outputData[outputData.length - 1].flags & LAST) !== 0;
}

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

/** A sink has been found: what waited leaves, and whoever waited for that is told. */
OutgoingMessage.prototype._flush = function _flush() {
  if (isDerived(this)) {
    this[kOwner]._flush();
    return;
  }
  if (this[kSink] === null || this[kSink].isEnded) return;
  const ok = this._flushOutput();
  if (this.finished) this._finish();
  else if (ok !== false) this[kOnDrain]();
};

/**
 * @param {import('stream').Writable|import('../connection/connection').Connection} [other] where to write while the message has no sink
 * @return {boolean|undefined} what the last write said
 */
OutgoingMessage.prototype._flushOutput = function _flushOutput(other) {
  if (isDerived(this)) return this[kOwner]._flushOutput(other);
  const waiting = this[kQueue];
  const line = this[kLine];
  const sink = this[kSink] ?? (other === line ? line : null);
  if (waiting === null || waiting.length === 0 || (sink === null && !other) || sink?.isEnded) return undefined;
  this[kQueue] = null;
  this._onPendingData(-this.outputSize);
  if (line !== null) line.noteQueued(-this.outputSize);
  this.outputSize = 0;
  let ok;
  for (let i = 0; i < waiting.length; i++) {
    const { data, encoding, callback, flags } = waiting[i];
    if (sink !== null && isLost(data)) {
      loseChunks(this, waiting.slice(i).map((one) => one.callback));
      return false;
    }
    if (sink !== null) ok = sink.send(this, '', data, encoding, flags | 0, callback ?? undefined);
    else ok = other.write(data, encoding, callback);
  }
  return ok;
};

OutgoingMessage.prototype._finish = function _finish() {
  announce(this, 'prefinish');
};

/** Sends the head now, without waiting for the first chunk. */
OutgoingMessage.prototype.flushHeaders = function flushHeaders() {
  if (!this._header) this._implicitHeader();
  if (!this._headerSent) this._send('');
};

// ---- corking: the chunks of one tick leave as one chunk (RFC 9112 §7.1 leaves their sizes to the sender) -------------------

function forwardCork(message) {
  message[kForwardedCorks]++;
  message[kSink].cork();
}

OutgoingMessage.prototype.cork = function cork() {
  if (isDerived(this)) {
    this[kOwner].cork();
    return;
  }
  this[kCorked]++;
  if (this[kSink] !== null) forwardCork(this);
};

OutgoingMessage.prototype.uncork = function uncork() {
  if (isDerived(this)) {
    this[kOwner].uncork();
    return;
  }
  if (this[kCorked] > 0) this[kCorked]--;
  if (this[kCorked] === 0) flushBuffered(this, null, null, 0, undefined);
  returnCorks(this, this[kCorked]);
};

/** Ends corks of the sink until no more than `left` of this message's are on it. */
function returnCorks(message, left) {
  while (message[kForwardedCorks] > left) {
    message[kForwardedCorks]--;
    message[kSink]?.uncork();
  }
}

/** The end of a tick that wrote. */
function uncorkTick(message) {
  if (message[kCorked] > 0) message.uncork();
}

function buffer(message, chunk, encoding, callback) {
  (message[kBuffered] ??= []).push(fixed(chunk), encoding, callback);
  message[kBufferedLength] += byteLength(chunk, encoding);
}

/** What is buffered will not leave: the message is gone. @param {Error} [error] why */
function failBuffered(message, error) {
  const parts = message[kBuffered];
  if (parts === null) return;
  message[kBuffered] = null;
  message[kBufferedLength] = 0;
  const reason = error ?? message[kErrored] ?? streamDestroyed('write');
  for (let i = 2; i < parts.length; i += 3) if (parts[i]) nextTick(parts[i], reason);
}

/** What has waited for its turn will not leave. @param {Error} [error] why */
function failQueued(message, error) {
  const waiting = message[kQueue];
  if (waiting === null || waiting.length === 0) return;
  message[kQueue] = null;
  if (message[kLine] !== null) message[kLine].noteQueued(-message.outputSize);
  message.outputSize = 0;
  const reason = error ?? message[kErrored] ?? streamDestroyed('write');
  for (const { callback } of each(waiting)) if (callback) nextTick(callback, reason);
}

/** Sends what is buffered with `chunk` after it as one chunk, ended as `flags` say. */
function flushBuffered(message, chunk, encoding, flags, callback) {
  const parts = message[kBuffered];
  if (parts === null) {
    if (chunk !== null || flags !== 0) transmit(message, chunk, encoding, CHUNKED | flags, callback);
    return;
  }
  message[kBuffered] = null;
  message[kBufferedLength] = 0;
  if (chunk !== null || callback) parts.push(fixed(chunk ?? ''), encoding, callback);
  const joined = join(parts);
  const whenDone = callbackOf(parts);
  if (joined === null) {
    loseChunks(message, [whenDone]);
    return;
  }
  const ok = transmit(message, joined, typeof joined === 'string' ? parts[1] : null, CHUNKED | flags, whenDone);
  if (ok) message[kOnDrain]();
}

/**
 * Memory of what was written has been given away, or has shrunk, before it was sent: a message with a hole in it is worse than none. It
 * fails as the kernel's writes from memory that is gone do.
 */
function loseChunks(message, callbacks) {
  const error = errnoException(-constants.errno.EFAULT, 'write');
  for (const callback of each(callbacks)) if (callback) nextTick(callback, error);
  message.destroy(error);
}

// ---- writing ---------------------------------------------------------------------------------------------------------

/** What is written is as long as it was then, though an array may track the length of its memory; see chunk-join.js for what is empty. */
function fixed(chunk) {
  if (typeof chunk === 'string') return chunk;
  if (chunk.byteLength === 0) return '';
  if (Buffer.isBuffer(chunk)) return chunk;
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

/** @return {number} bytes of `chunk` */
function byteLength(chunk, encoding) {
  return typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding ?? undefined) : chunk.byteLength;
}

function checkChunk(chunk) {
  if (typeof chunk === 'string' || types.isUint8Array(chunk)) return;
  if (chunk === null) throw nodeError('ERR_STREAM_NULL_VALUES');
  throw nodeError('ERR_INVALID_ARG_TYPE', 'chunk', 'must be of type string or an instance of Buffer or Uint8Array', chunk);
}

/** Nothing more will be heard of what is written to it: it is gone, or has been sent whole and has only not been told so. */
function isGone(message) {
  return message.destroyed || (isSent(message) && !message[kWritableFinished]);
}

/** Nothing takes what is written: the callback hears it, and unless the message is gone, so does 'error'. */
function refuseWrite(message, error, callback) {
  if (isGone(message)) {
    if (!message.finished) nextTick(callback, error);
  } else if (isSent(message)) {
    nextTick(callback, error);
  } else {
    nextTick(emitError, message, error, callback);
  }
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
  if (message[kCorked] === 0 && message[kSink] !== null) {
    message[kCorked] = 1;
    nextTick(uncorkTick, message);
  }
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
    refuseWrite(this, nodeError('ERR_STREAM_WRITE_AFTER_END'), callback ?? noop);
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

/** The last bytes: what is buffered, the chunk, and for a chunked body the last chunk with the trailer section. */
function sendLast(message, chunk, encoding) {
  const flags = message._last ? LAST | CLOSE : LAST;
  // Who waits for the end must hear when the bytes have left.
  const callback = message[kEndCallbacks] === null ? undefined : noop;
  if (!message.chunkedEncoding || !message._hasBody) {
    transmit(message, chunk, chunk === null ? 'latin1' : encoding, flags, callback);
  } else if (message._trailer === '') {
    flushBuffered(message, chunk, encoding, flags, callback);
  } else {
    flushBuffered(message, chunk, encoding, 0, undefined);
    transmit(message, `0\r\n${message._trailer}\r\n`, 'latin1', flags | TRAILERS, callback);
  }
  message[kCorked] = 0;
  if (message[kForwardedCorks] > 0) returnCorks(message, 0);
  message[kSink]?.uncorkFully();
}

// ---- the end ---------------------------------------------------------------------------------------------------------

/** Whoever calls end() again hears with the first, or why it is too late. */
function queueEndCallback(message, callback) {
  if (message[kWritableFinished] || isSent(message)) callback(nodeError('ERR_STREAM_ALREADY_FINISHED', 'end'));
  else if (message.destroyed) nextTick(callback, message[kErrored] ?? streamDestroyed('end'));
  else (message[kEndCallbacks] ??= []).push(callback);
}

function runEndCallbacks(message, error) {
  const callbacks = message[kEndCallbacks];
  if (callbacks === null) return;
  message[kEndCallbacks] = null;
  tellEach(callbacks, (callback) => callback(error));
}

/**
 * @param {(connection: object, message: OutgoingMessage) => void} [passOn] gives `connection` to the next message; without it this one keeps
 *   its socket until detachSocket()
 */
OutgoingMessage.prototype[kOnFinish] = function (passOn, connection) {
  const isSound = !this[kErrored] || this[kStep] === STATE.ABANDONED;
  this[kWritableFinished] = isSound;
  try {
    if (this[kEndCallbacks] !== null) runEndCallbacks(this, isSound ? null : this[kErrored]);
  } finally {
    if (passOn) {
      // destroy() on this one must not reach what is the next one's.
      this[kSink] = null;
      this[kLine] = null;
      this[kStep] = STATE.SENT;
      passOn(connection, this);
    }
  }
  if (isSound) announce(this, 'finish');
};

/** @param {Error} [error] why the connection was lost */
OutgoingMessage.prototype[kOnClose] = function (error) {
  const wasClosed = this._closed;
  this.destroyed = true;
  this._closed = true;
  // One that was whole before it was destroyed is sent in its turn all the same.
  try {
    if (this[kLine] === null || !isWhole(this)) {
      failBuffered(this, error);
      failQueued(this, error);
      if (this[kEndCallbacks] !== null) runEndCallbacks(this, error ?? this[kErrored] ?? streamDestroyed('end'));
    }
  } finally {
    if (!wasClosed) announce(this, 'close');
  }
};

OutgoingMessage.prototype[kOnDrain] = function () {
  if (!this[kNeedDrain] || this.finished || this.destroyed) return;
  this[kNeedDrain] = false;
  this.emit('drain');
};

/** @param {Error} [error] @return {this} */
OutgoingMessage.prototype.destroy = function destroy(error) {
  if (this.destroyed) return this;
  this.destroyed = true;
  this[kErrored] = error;
  failBuffered(this, error);
  if (this[kSink] === null) {
    nextTick(closeTick, this);
  } else if (isSent(this)) {
    this[kStep] = STATE.ABANDONED;
    this[kSink].abandon();
  } else {
    this[kSink].destroy(error);
  }
  return this;
};

/** Destroyed without a connection: only 'close' is left to say. */
function closeTick(message) {
  message[kOnClose]();
}

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

module.exports = { OutgoingMessage, initOutgoing, isWhole, markUnusualHead };
