'use strict';

/** Corking: the chunks of one tick leave as one chunk (RFC 9112 §7.1 leaves their sizes to the sender). */

const { byteLength, callbackOf, fixed, join } = require('./chunks');
const { CHUNKED } = require('../seam/layout').writeFlags;
const { streamDestroyed } = require('../base/errors');
const { isDerived } = require('./message-owner');
const { loseChunks, transmit } = require('./outgoing-queue');
const { kCorked, kForwardedCorks, kBuffered, kBufferedLength, kErrored } = require('./outgoing-state');
const { nextTick } = require('../base/primordials');
const { kOwner, kSink, kOnDrain } = require('../base/symbols');

/** Corks the message's sink once more. */
function forwardCork(message) {
  message[kForwardedCorks]++;
  message[kSink].cork();
}

/** Uncorks the sink until this message has corked it no more than `left` times. */
function returnCorks(message, left) {
  while (message[kForwardedCorks] > left) {
    message[kForwardedCorks]--;
    message[kSink]?.uncork();
  }
}

/** What is written until the end of this tick leaves together. */
function corkForTick(message) {
  message[kCorked] = 1;
  nextTick(uncorkTick, message);
}

/** The end of a tick that wrote. */
function uncorkTick(message) {
  if (message[kCorked] > 0) message.uncork();
}

/** Keeps a chunk for the end of the tick, or of cork(). */
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

/** Bytes of the buffered chunks with their framing, and of the head that goes before them. */
function bufferedLength(message) {
  const length = message[kBufferedLength];
  if (length === 0) return 0;
  const head = message._headerSent || message._header === null ? 0 : message._header.length;
  return length + length.toString(16).length + 4 + head;
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
    loseChunks(message, [{ callback: whenDone }]);
    return;
  }
  const ok = transmit(message, joined, typeof joined === 'string' ? parts[1] : null, CHUNKED | flags, whenDone);
  if (ok) message[kOnDrain]();
}

/** The methods of OutgoingMessage that have to do with it. */
const corkMethods = {
  cork() {
    if (isDerived(this)) {
      this[kOwner].cork();
      return;
    }
    this[kCorked]++;
    if (this[kSink] !== null) forwardCork(this);
  },

  uncork() {
    if (isDerived(this)) {
      this[kOwner].uncork();
      return;
    }
    if (this[kCorked] > 0) this[kCorked]--;
    if (this[kCorked] === 0) flushBuffered(this, null, null, 0, undefined);
    returnCorks(this, this[kCorked]);
  },
};

module.exports = { forwardCork, returnCorks, corkForTick, buffer, bufferedLength, flushBuffered, failBuffered, corkMethods };
