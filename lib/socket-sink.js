'use strict';

/** SocketSink: where a message assigned to a socket by hand writes. Any Duplex; chunks are framed here (RFC 9112 §7.1). */

const { CHUNKED, LAST } = require('./constants');
const { kOnFinish, kOnClose, kOnDrain } = require('./symbols');

class SocketSink {
  #message = null;
  #onClose = null;
  #onDrain = null;

  /** @param {import('stream').Duplex} socket */
  constructor(socket) {
    this.socket = socket;
  }

  get writableLength() {
    return this.socket.writableLength ?? 0;
  }

  get highWaterMark() {
    return this.socket.writableHighWaterMark;
  }

  /** The message ends with the socket, and goes on when that has drained. */
  watch(message) {
    this.#message = message;
    this.#onClose = () => message[kOnClose]();
    this.#onDrain = () => message[kOnDrain]();
    this.socket.on('close', this.#onClose);
    this.socket.on('drain', this.#onDrain);
  }

  unwatch() {
    if (this.#message === null) return;
    this.socket.removeListener('close', this.#onClose);
    this.socket.removeListener('drain', this.#onDrain);
    this.#message = null;
  }

  send(message, head, chunk, encoding, flags, callback) {
    const { socket } = this;
    if (socket.destroyed) return false;
    const last = (flags & LAST) !== 0;
    const done = last
      ? (error) => {
          callback?.(error);
          if (!error) message[kOnFinish]();
        }
      : callback;
    const framed = (flags & CHUNKED) !== 0;
    const length = chunk === null ? 0 : typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding ?? undefined) : chunk.length;
    const before = framed && length > 0 ? `${head}${length.toString(16)}\r\n` : head;
    const after = framed ? (length > 0 ? '\r\n' : '') + (last ? '0\r\n\r\n' : '') : '';
    socket.cork?.();
    if (before !== '') socket.write(before, 'latin1');
    if (length > 0) socket.write(chunk, encoding ?? undefined);
    const ok = socket.write(after, 'latin1', done);
    socket.uncork?.();
    return ok;
  }

  destroy(error) {
    this.socket.destroy(error);
  }

  setTimeout(msecs) {
    this.socket.setTimeout(msecs);
  }
}

module.exports = { SocketSink };
