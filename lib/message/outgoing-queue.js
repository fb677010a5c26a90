'use strict';

/**
 * The queue of an outgoing message: what it has been given and cannot write yet, because there is no sink or the sink takes nothing. It is kept as Node
 * keeps it, framed and in pieces, since programs look at `outputData`.
 */

const { constants } = require('node:os');
const { byteLength, fixed, isLost } = require('./chunks');
const { CHUNKED, LAST, CLOSE } = require('../seam/layout').writeFlags;
const { errnoException, streamDestroyed } = require('../base/errors');
const { isDerived } = require('./message-owner');
const { kQueue, kErrored, kHighWaterMark, kUnusualHead } = require('./outgoing-state');
const { Buffer, each, latin1Slice, nextTick } = require('../base/primordials');
const { kOwner, kSink, kLine, kEnqueue, kOnDrain } = require('../base/symbols');

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

/** One piece more, to be sent as it is. */
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

/** What has waited for its turn will not leave. @param {Error} [error] why */
function failQueued(message, error) {
  const waiting = message[kQueue];
  if (waiting === null || waiting.length === 0) return;
  message[kQueue] = null;
  if (message[kLine] !== null) message[kLine].noteQueued(-message.outputSize);
  message.outputSize = 0;
  failEach(waiting, error ?? message[kErrored] ?? streamDestroyed('write'));
}

/** @param {{callback: Function|null|undefined}[]} waiting who hear why it will not leave */
function failEach(waiting, reason) {
  for (const { callback } of each(waiting)) if (callback) nextTick(callback, reason);
}

/**
 * Memory of what was written has been given away, or has shrunk, before it was sent: a message with a hole in it is worse than none. It
 * fails as the kernel's writes from memory that is gone do.
 * @param {{callback: Function|null|undefined}[]} waiting for what is lost, and for what was to follow
 */
function loseChunks(message, waiting) {
  const error = errnoException(-constants.errno.EFAULT, 'write');
  failEach(waiting, error);
  message.destroy(error);
}

/** The methods of OutgoingMessage that have to do with it. */
const queueMethods = {
  /** Keeps bytes as Node does, framed and in pieces; the last piece carries how the message ends. */
  [kEnqueue](head, chunk, encoding, flags, callback) {
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
  },

  /** There is a sink now: what waited leaves, and whoever waited for that is told. */
  _flush() {
    if (isDerived(this)) {
      this[kOwner]._flush();
      return;
    }
    if (this[kSink] === null || this[kSink].isEnded) return;
    const ok = this._flushOutput();
    if (this.finished) this._finish();
    else if (ok !== false) this[kOnDrain]();
  },

  /**
   * @param {import('stream').Writable|import('../base/roles').Line} [other] where to write while the message has no sink
   * @return {boolean|undefined} what the last write said
   */
  _flushOutput(other) {
    if (isDerived(this)) return this[kOwner]._flushOutput(other);
    const waiting = this[kQueue];
    const line = this[kLine];
    const sink = this[kSink] ?? (other === line ? line : null);
    if (waiting === null || waiting.length === 0 || (sink === null && !other) || sink?.isEnded) return undefined;
    this[kQueue] = null;
    this._onPendingData(-this.outputSize);
    if (line !== null) line.noteQueued(-this.outputSize);
    this.outputSize = 0;
    const gathers = sink !== null && sink.gathers && waiting.length > 1;
    if (gathers) sink.cork();
    let ok;
    try {
      for (let i = 0; i < waiting.length; i++) {
        const { data, encoding, callback, flags } = waiting[i];
        if (sink !== null && isLost(data)) {
          loseChunks(this, waiting.slice(i));
          return false;
        }
        if (sink !== null) ok = sink.send(this, '', data, encoding, flags | 0, callback ?? undefined);
        else ok = other.write(data, encoding, callback);
      }
    } finally {
      if (gathers) sink.uncork();
    }
    return ok;
  },
};

module.exports = { transmit, enqueue, isNothingQueued, isWhole, failQueued, loseChunks, queueMethods };
