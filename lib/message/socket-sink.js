'use strict';

/**
 * SocketSink: where a message assigned to a socket by hand writes. It takes any Duplex, frames chunks in JavaScript
 * (RFC 9112 §7.1), and never closes the socket: whoever assigned it decides about that.
 */

const { CHUNKED, LAST, TRAILERS } = require('../seam/layout').writeFlags;
const { ownerOf } = require('./message-owner');
const { corkOnce } = require('../base/node-internals');
const { Buffer } = require('../base/primordials');
const { kEnqueue, kOnFinish, kOnClose, kOnDrain } = require('../base/symbols');

/** A head with such characters has been encoded already. */
const BEYOND_ASCII = /[^\0-\x7f]/;

/** The message that is on a socket is told of its end. @this {import('stream').Duplex} */
function socketOnClose() {
  this._httpMessage?.[kOnClose]?.();
}

/** … and that it takes more. @this {import('stream').Duplex} */
function socketOnDrain() {
  this._httpMessage?.[kOnDrain]?.();
}

/** Whether it is the turn of `message`, or of what was derived from it. */
function isOn({ _httpMessage: current }, message) {
  return current === message || (current != null && ownerOf(current) === message);
}

/** @implements {import('../base/roles').Sink} */
class SocketSink {
  /** @param {import('stream').Duplex} socket */
  constructor(socket) {
    this.socket = socket;
  }

  /** Nothing can be written to it any more: what a message is given waits in the message and is never sent. */
  get isEnded() {
    return !this.socket.destroyed && !this.socket.writable;
  }

  /** Bytes that wait in the socket. */
  get writableLength() {
    return this.socket.writableLength ?? 0;
  }

  /** Bytes from which on send() returns false. */
  get highWaterMark() {
    return this.socket.writableHighWaterMark;
  }

  /** The message ends with the socket, and goes on when that has drained. */
  watch() {
    this.socket.on('close', socketOnClose);
    this.socket.on('drain', socketOnDrain);
  }

  /** The socket is somebody else's again. */
  unwatch() {
    this.socket.removeListener('close', socketOnClose);
    this.socket.removeListener('drain', socketOnDrain);
  }

  /**
   * @param {import('./outgoing-message').OutgoingMessage} message
   * @param {string} head latin1, or ''
   * @param {string|Uint8Array|null} chunk
   * @param {string|null|undefined} encoding of a string
   * @param {number} flags layout.writeFlags
   * @param {Function} [callback] called with (error) when the socket has taken the bytes
   * @return {boolean} false: over the socket's high-water mark
   */
  send(message, head, chunk, encoding, flags, callback) {
    const { socket } = this;
    // A destroyed socket's 'close' is on its way; it ends the message.
    if (socket.destroyed) return false;
    if (!isOn(socket, message) || !socket.writable) {
      if (head !== '') message[kEnqueue]('', head, 'latin1', 0, undefined);
      return message[kEnqueue]('', chunk, encoding, flags, callback);
    }
    const last = (flags & LAST) !== 0;
    return writeFramed(socket, head, chunk, encoding, flags, last ? (error) => finish(message, error, callback) : callback);
  }

  /** Interim bytes in the message's place. @param {object} message @param {string} text latin1 */
  information(message, text) {
    this.send(message, '', text, 'latin1', 0, undefined);
  }

  /** @param {Error} [error] */
  destroy(error) {
    this.socket.destroy(error);
  }

  get gathers() {
    return true;
  }

  /** What is written from now on waits for uncork(). */
  cork() {
    this.socket.cork?.();
  }

  /** Ends one cork(). */
  uncork() {
    this.socket.uncork?.();
  }

  /** A message has ended: what waits in the socket leaves. */
  uncorkFully() {
    uncorkFully(this.socket);
  }

  /** @param {number} msecs */
  setTimeout(msecs) {
    this.socket.setTimeout(msecs);
  }
}

/**
 * Writes a piece of a message to a stream, framed as `flags` say.
 * @param {Function} [done] called with (error) when the stream has taken the bytes
 * @return {boolean} false: over the stream's high-water mark
 */
function writeFramed(socket, head, chunk, encoding, flags, done) {
  const last = (flags & LAST) !== 0;
  const length = chunk === null ? 0 : chunk.length;
  if ((flags & CHUNKED) === 0 || (flags & TRAILERS) !== 0) return writeAll(socket, head, chunk, encoding, length > 0 || head === '', done);
  if (length === 0) return socket.write(last ? `${head}0\r\n\r\n` : head, 'latin1', done);
  const bytes = typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding ?? undefined) : chunk.byteLength;
  socket.cork?.();
  socket.write(`${head}${bytes.toString(16)}\r\n`, 'latin1');
  socket.write(chunk, encoding ?? undefined);
  const ok = socket.write(last ? '\r\n0\r\n\r\n' : '\r\n', 'latin1', done);
  socket.uncork?.();
  return ok;
}

/** Writes head and chunk as they are, in one write where they are text of one encoding. */
function writeAll(socket, head, chunk, encoding, hasChunk, done) {
  if (!hasChunk) return socket.write(head, 'latin1', done);
  if (head === '') return socket.write(chunk ?? '', encoding ?? undefined, done);
  if (typeof chunk === 'string') {
    if (encoding === 'latin1') return socket.write(head + chunk, 'latin1', done);
    if ((!encoding || encoding === 'utf8') && !BEYOND_ASCII.test(head)) return socket.write(head + chunk, 'utf8', done);
  }
  socket.cork?.();
  socket.write(head, 'latin1');
  const ok = socket.write(chunk, encoding ?? undefined, done);
  socket.uncork?.();
  return ok;
}

/** @param {import('stream').Writable|null} socket that may be corked, however often */
function uncorkFully(socket) {
  if (!(socket?.writableCorked > 0)) return;
  corkOnce(socket);
  socket.uncork();
}

/** The socket has taken the last bytes, or has failed to. */
function finish(message, error, callback) {
  callback?.(error);
  if (error) message[kOnClose](error);
  else message[kOnFinish]();
}

/** Ends a stream, which closes when what it has been given has left; one that is no socket closes by itself. As node:http. */
function endSoon(stream) {
  if (typeof stream.destroySoon === 'function') stream.destroySoon();
  else stream.end();
}

module.exports = { SocketSink, endSoon, uncorkFully, writeFramed };
