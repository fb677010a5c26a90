'use strict';

/**
 * Outflow: bytes on their way to the engine and out of it: how many have been handed over, how many have been flushed, and who waits for that.
 * The twin of Inflow (message/inflow.js), one for a connection.
 */

const { write, lastChunkLength } = require('../seam/binding');
const layout = require('../seam/layout');
const { finishExchange } = require('./ended-exchanges');
const { NONE } = require('./pipeline');
const { nextTick } = require('../base/primordials');
const { Waiter, tellCallback, tellWaiters } = require('./waiter');
const { kOnDrain } = require('../base/symbols');

const { CHUNKED, LAST, ACK } = layout.writeFlags;

/** Bytes handed over without acknowledgement after which the next write asks for one. */
const ACK_INTERVAL = 32 * 1024;

/** The callback of a FIN does not care how it ended. */
function tellOfFin(connection, callback) {
  callback();
  return true;
}

/** A response has then finished. The 'close' of one that somebody listens to comes first, then the next waiter: see ended-exchanges.js. */
function finishAnswer(connection, message, error) {
  return error !== undefined || !finishExchange(connection, message);
}

/** A message that went on writing drains with its last write. */
function drainMessage({ outflow }, message, error) {
  if (error === undefined && outflow.acked >= outflow.handed) message[kOnDrain]();
  return true;
}

class Outflow {
  /** @param {import('./connection').Connection} connection */
  constructor(connection) {
    this.connection = connection;
    /** Payload bytes handed to the engine, known to be flushed, and at the last request for an acknowledgement. */
    this.handed = 0;
    this.acked = 0;
    this.asked = 0;
    /** Bytes of chunk framing the engine has added. */
    this.framing = 0;
    /** How many large writes have come in a row: see driver-change.js. */
    this.bulk = 0;
    /** In the order of `at`: bytes that have been flushed, of all the connection's. @type {Waiter[]} */
    this.waiters = NONE;
  }

  /** Bytes that have not been flushed, for all that is known. */
  get underWay() {
    return this.handed - this.acked;
  }

  /** The same as a stream shows it: acknowledgements are asked for now and then, so that few bytes may as well be none. */
  get writableLength() {
    return this.underWay > ACK_INTERVAL ? this.underWay : 0;
  }

  /** Bytes on the wire, flushed or not. */
  get bytesWritten() {
    return this.handed + this.framing;
  }

  /** Whether anybody waits for a flush. */
  get isAwaited() {
    return this.waiters.length > 0;
  }

  /** @return {boolean} true: over the high-water mark, and an acknowledgement of everything written is under way */
  write(op, flags, seq, head, chunk, encoding) {
    const { connection } = this;
    // A UTF-16 unit is at most three bytes of UTF-8.
    const most = head.length + (chunk === null ? 0 : typeof chunk === 'string' ? chunk.length * 3 : chunk.length);
    const ahead = this.handed + most;
    if (ahead - this.asked >= ACK_INTERVAL || ahead - this.acked > connection.highWaterMark) flags |= ACK;
    const length = write(op, flags, connection, seq, head, chunk, encoding);
    this.handed += length;
    if (flags & ACK) this.asked = this.handed;
    if (flags & CHUNKED) this.framing += framingBytes(lastChunkLength(), flags);
    return this.underWay > connection.highWaterMark;
  }

  /** `callback` hears when all that has been handed over by now has been flushed, or why it will not be. An ACK must be under way. */
  tell(callback) {
    this.#add(this.handed, tellCallback, callback);
  }

  /** The same for a FIN, after all that. */
  tellOfFin(callback) {
    this.#add(this.handed, tellOfFin, callback);
  }

  /** `message` has finished then. */
  finish(message) {
    this.#add(this.handed, finishAnswer, message);
  }

  /** `message` drains then, unless more has been handed over. */
  drain(message) {
    this.#add(this.handed, drainMessage, message);
  }

  /** `callback` is told with the last response that is waited for. @return {boolean} false: there is none */
  tellWithLastAnswer(callback) {
    const { waiters } = this;
    for (let i = waiters.length - 1; i >= 0; i--) {
      if (waiters[i].act !== finishAnswer) continue;
      this.#add(waiters[i].at, tellCallback, callback);
      return true;
    }
    return false;
  }

  #add(at, act, who) {
    const waiter = new Waiter(at, act, who);
    if (this.waiters.length === 0) this.waiters = [waiter];
    else this.waiters.push(waiter);
  }

  /** So much has been flushed, in all. settle() is to follow. */
  note(total) {
    if (total > this.acked) this.acked = total;
  }

  /** Tells those whose bytes have been flushed. After a response that somebody listens to it stops, and goes on after the 'close' of that. */
  settle() {
    while (this.waiters.length > 0 && this.waiters[0].at <= this.acked) {
      const waiter = this.waiters[0];
      if (this.waiters.length === 1) this.waiters = NONE;
      else this.waiters.shift();
      let hasThrown = true;
      let mayGoOn;
      try {
        // One by one: a listener may throw, or add another.
        mayGoOn = waiter.act(this.connection, waiter.who, undefined);
        hasThrown = false;
      } finally {
        if (hasThrown && this.waiters.length > 0) nextTick(settleOf, this);
      }
      if (!mayGoOn) return;
    }
  }

  /** Nothing more will be flushed. @param {Error} reason */
  fail(reason) {
    const { connection, waiters } = this;
    this.waiters = NONE;
    tellWaiters(connection, waiters, reason);
  }
}

function settleOf(outflow) {
  outflow.settle();
}

/** Bytes the engine adds around a chunk of `n` bytes. */
function framingBytes(n, flags) {
  const frame = n > 0 ? n.toString(16).length + 4 : 0;
  return flags & LAST ? frame + 5 : frame;
}

module.exports = { Outflow };
