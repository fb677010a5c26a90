'use strict';

/**
 * Intake: the input of one connection: who gets the peer's bytes (the engine's parser, JavaScript, or nobody for now), how many of them have been
 * consumed, and whether they have ended.
 */

const { OP, READ, LARGE_PAYLOAD, command, write } = require('../seam/binding');
const layout = require('../seam/layout');
const { subarray } = require('../base/primordials');
const { HOLD, INPUT, PHASE } = require('./states');

const { END } = layout.feedFlags;
const { PLAIN } = layout.tapFlags;
const { HAD_SHIFT } = layout.tap;
/** What there is room for where the engine is told how much has come. */
const HAD = -1 >>> HAD_SHIFT;

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
    /** Whether JavaScript gets the bytes of the HTTP phase before the parser. */
    this.tapped = false;
    /** It does only because they were on their way to it when HTTP began: from some point on the parser may have them at once. */
    this.isReturning = false;
    /** Bytes that have come ahead of the parser; what of it the engine has room for. */
    this.had = 0;
    /** Whether the engine was told that no HTTP is spoken. */
    this.saidPlain = false;
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

  /** Whether bytes of the HTTP phase have gone through JavaScript late enough for the end to have come that way, too. */
  get isThroughJavaScript() {
    return this.tapped || this.isReturning;
  }

  /** Tells the engine who gets the peer's bytes from now on, if that has changed. */
  tellReader() {
    const reader = this.holds !== 0 ? READ.NOBODY : this.tapped ? READ.JAVASCRIPT : READ.PARSER;
    const isPlain = this.connection.phase === PHASE.PLAIN;
    if ((reader === this.readBy && isPlain === this.saidPlain) || !this.connection.isActive) return;
    this.readBy = reader;
    this.saidPlain = isPlain;
    command(OP.TAP, isPlain ? PLAIN : 0, this.connection, reader | (this.had << HAD_SHIFT));
  }

  /** JavaScript wants to see the bytes of the HTTP phase before the parser. */
  tap() {
    if (this.connection.isUpgraded || !this.connection.admitted) return;
    this.isReturning = false;
    if (this.tapped) return;
    this.tapped = true;
    this.tellReader();
  }

  /** So many bytes have come that the parser has not seen. If it was to get them at once, they were told before the engine knew: it waits for them. */
  noteTold(bytes) {
    this.had = (this.had + bytes) & HAD;
    if (this.tapped || this.connection.phase === PHASE.PLAIN) return;
    this.tapped = true;
    if (this.readBy === READ.PARSER) this.readBy = READ.JAVASCRIPT;
  }

  /** Bytes were on their way to JavaScript, and are the body of a request that has been upgraded meanwhile. @param {Uint8Array} chunk */
  passOn(chunk) {
    this.feed(chunk);
    this.readBy = READ.JAVASCRIPT;
    this.tapped = false;
    this.tellReader();
  }

  /** What came through JavaScript has been fed. If nothing waits there and nobody wants to see more, the parser gets the rest by itself. @param {boolean} isEmpty */
  giveBack(isEmpty) {
    if (!this.isReturning || !isEmpty || this.holds !== 0) return;
    this.tapped = false;
    this.tellReader();
  }

  /** No HTTP is spoken: a program reads, or nobody. */
  becomePlain() {
    this.tapped = true;
    this.isReturning = false;
    this.setHold(HOLD.PAUSED, false);
    this.tellReader();
  }

  /** Bytes that JavaScript has, or that are on their way to it, go to the parser first. @param {boolean} hasBytes */
  beginHttp(hasBytes) {
    this.isReturning = hasBytes || this.saidPlain;
    this.tapped = this.isReturning;
    this.tellReader();
  }

  /** @param {boolean} isPaused the socket of the HTTP phase reads nothing for now */
  setPaused(isPaused) {
    if (this.connection.isUpgraded) return;
    this.setHold(HOLD.PAUSED, isPaused);
    this.tellReader();
  }

  /** Somebody asks for bytes of a plain stream that began paused. */
  read() {
    this.setHold(HOLD.PAUSED, false);
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
    if (!this.connection.isActive || (this.connection.isUpgraded && this.connection.receiving === null)) return;
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
