'use strict';

/**
 * Intake: the input of one connection: who gets the peer's bytes (the engine's parser, JavaScript, or nobody for now), how many of them have been
 * consumed, and whether they have ended.
 */

const { OP, READ, LARGE_PAYLOAD, command, write } = require('../seam/binding');
const layout = require('../seam/layout');
const { subarray } = require('../base/primordials');
const { HOLD, INPUT } = require('./states');

const { END } = layout.feedFlags;

/** Bytes of consumed input after which the engine is told; well below its window. */
const CREDIT_STEP = layout.limits.WINDOW / 4;

class Intake {
  /** @param {import('./connection').Connection} connection */
  constructor(connection) {
    this.connection = connection;
    /** Bytes that have been consumed, and of which the engine does not know yet. */
    this.uncredited = 0;
    /** Who gets the peer's bytes: what the engine was told last. */
    this.readBy = READ.PARSER;
    /** Whether JavaScript wants to see the bytes of the HTTP phase before the parser. */
    this.tapped = false;
    /** Why nobody reads: bits of HOLD. */
    this.holds = 0;
    this.end = INPUT.OPEN;
    /** How the new driver has closed the connection before the thread had told all. @type {{errno: number, writing: boolean}|null} */
    this.closedBefore = null;
    /** Called once when it has moved, or never will. @type {(() => void)|null} */
    this.onMoved = null;
  }

  get isPaused() {
    return (this.holds & HOLD.PAUSED) !== 0;
  }

  get isMoving() {
    return (this.holds & HOLD.MOVING) !== 0;
  }

  /** `n` bytes of body or raw stream have been taken by whoever they were for. */
  credit(n) {
    this.uncredited += n;
    if (this.uncredited < CREDIT_STEP || !this.connection.isActive) return;
    command(OP.CREDIT, 0, this.connection, this.uncredited);
    this.uncredited = 0;
  }

  /** @param {number} why of HOLD @param {boolean} isHeld tellReader() is to follow */
  setHold(why, isHeld) {
    if (isHeld) this.holds |= why;
    else this.holds &= ~why;
  }

  /** Tells the engine who gets the peer's bytes from now on, if that has changed. */
  tellReader() {
    const reader = this.holds !== 0 ? READ.NOBODY : this.tapped ? READ.JAVASCRIPT : READ.PARSER;
    if (reader === this.readBy || !this.connection.isActive) return;
    this.readBy = reader;
    command(OP.TAP, 0, this.connection, reader);
  }

  /** JavaScript wants to see the bytes of the HTTP phase before the parser. */
  tap() {
    if (this.tapped || this.connection.isUpgraded || !this.connection.counted) return;
    this.tapped = true;
    this.tellReader();
  }

  /** @param {boolean} isPaused the socket of the HTTP phase reads nothing for now */
  setPaused(isPaused) {
    if (this.connection.isUpgraded) return;
    this.setHold(HOLD.PAUSED, isPaused);
    this.tellReader();
  }

  /** The new protocol's bytes are the socket's, whoever read the old one's. */
  leaveHttp() {
    this.tapped = false;
    this.setHold(HOLD.PAUSED, false);
    this.tellReader();
  }

  /** Bytes that came, or were made, in JavaScript go to the parser as if they had been read. @param {Uint8Array} chunk */
  feed(chunk) {
    if (!this.connection.isActive || this.connection.isUpgraded) return;
    // Larger ones would travel as writes do.
    for (let at = 0; at < chunk.length; at += LARGE_PAYLOAD - 1) {
      write(OP.FEED, 0, this.connection, 0, '', subarray(chunk, at, at + LARGE_PAYLOAD - 1), null);
    }
  }

  /** The same for the end of the stream. */
  feedEnd() {
    if (this.end !== INPUT.OPEN || !this.connection.isActive) return;
    this.end = INPUT.FED;
    command(OP.FEED, END, this.connection, 0);
  }

  /** @param {number} end of INPUT: so far it has come at least */
  noteEnd(end) {
    if (this.end < end) this.end = end;
  }

  /** The driver has changed, or the connection is over. */
  moved() {
    this.setHold(HOLD.MOVING, false);
    const { onMoved } = this;
    this.onMoved = null;
    onMoved?.();
  }
}

module.exports = { Intake };
