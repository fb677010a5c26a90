'use strict';

/** The end of an outgoing message: its last bytes, who waits for them, and what it says when they have left or never will. */

const { failBuffered, flushBuffered, returnCorks } = require('./corking');
const { nodeError, streamDestroyed } = require('../base/errors');
const { failQueued, isWhole, transmit } = require('./outgoing-queue');
const { kCorked, kErrored, kEndCallbacks, kForwardedCorks, kNeedDrain, kWritableFinished, announce, noop } = require('./outgoing-state');
const { nextTick } = require('../base/primordials');
const { STATE, isSent } = require('./steps');
const { tellEach } = require('../base/tell-each');
const { LAST, CLOSE, TRAILERS } = require('../seam/layout').writeFlags;
const { kSink, kLine, kOnFinish, kOnClose, kOnDrain, kStep } = require('../base/symbols');

/** The last bytes: what is buffered, the chunk, and for a chunked body the last chunk with the trailer section. */
function sendLast(message, chunk, encoding) {
  const flags = message._last ? LAST | CLOSE : LAST;
  // Whoever waits for the end must hear when the bytes have left.
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

/** Whoever calls end() again is told together with the first caller, or why it is too late. */
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

/** Destroyed without a connection: only 'close' is left to say. */
function closeTick(message) {
  message[kOnClose]();
}

/** The methods of OutgoingMessage that have to do with it. */
const endMethods = {
  /**
   * @param {(connection: object, message: OutgoingMessage) => void} [passOn] gives `connection` to the next message; without it this one keeps
   *   its socket until detachSocket()
   * @param {Error} [error] the last byte could not leave: what is left to say is told to who has ended the message
   */
  [kOnFinish](passOn, connection, error) {
    const isSound = !error && (!this[kErrored] || this[kStep] === STATE.ABANDONED);
    this[kWritableFinished] = isSound;
    try {
      if (this[kEndCallbacks] !== null) runEndCallbacks(this, isSound ? null : (error ?? this[kErrored]));
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
  },

  /** @param {Error} [error] why the connection was lost */
  [kOnClose](error) {
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
  },

  [kOnDrain]() {
    if (!this[kNeedDrain] || this.finished || this.destroyed) return;
    this[kNeedDrain] = false;
    this.emit('drain');
  },

  /** @param {Error} [error] @return {this} */
  destroy(error) {
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
  },
};

module.exports = { sendLast, queueEndCallback, endMethods };
