'use strict';

/**
 * Connections that JavaScript owns: two ends in memory, and a Duplex around any other that cuts what passes through it, in both
 * directions and anywhere: byte by byte, in pieces, or with what comes later, at once, a tick or some rounds of the loop later. Where it
 * cuts is seeded.
 */

const { Duplex } = require('node:stream');
const { Random } = require('./random');

/** Programs replace these. */
const { setImmediate } = globalThis;
const { nextTick } = process;

/** Sizes of pieces; one list is a stream's taste. */
const TASTES = [[1], [1, 1, 2, 3], [1, 5, 20, 100], [7], [1, 1_000, 70_000], [70_000]];
/** What passes between two pieces: nothing, a tick, or so many rounds of the loop. */
const PAUSES = [['none'], ['none', 'tick'], ['tick'], ['none', 'none', 1], [1, 3]];
/** Rounds of the loop for which a piece waits for the rest of its bytes, which may never come. */
const LONGEST_WAIT = 3;
/** A long text is not taken to pieces of less than this part of it. */
const MOST_PIECES = 512;
/** Bytes at which more of them are not asked for. */
const ENOUGH = 65_536;
const HIGH_WATER = [1, 16, 1_000, 65_536];

const noOneReads = () => Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' });

/** What one direction does to its bytes. */
class Cutter {
  #random;
  #sizes;
  #pauses;

  /** @param {Random} random */
  constructor(random) {
    // Of its own: what passes in one direction has no say in where the other is cut.
    this.#random = new Random(random.below(2 ** 31));
    this.#sizes = random.pick(TASTES);
    this.#pauses = random.pick(PAUSES);
  }

  /** @param {number} length of what there is @return {number} of the next piece, which may be larger */
  size(length) {
    return Math.max(this.#random.pick(this.#sizes), Math.ceil(length / MOST_PIECES));
  }

  /** @param {Function} next called when the pause is over @return {boolean} false: there is none, and it is not called */
  pause(next) {
    const pause = this.#random.pick(this.#pauses);
    if (pause === 'none') return false;
    if (pause === 'tick') nextTick(next);
    else later(next, pause);
    return true;
  }
}

function later(next, rounds) {
  setImmediate(() => (rounds === 1 ? next() : later(next, rounds - 1)));
}

class CutStream extends Duplex {
  #inner;
  #incoming;
  #outgoing;
  /** Bytes that have come and not been pushed. */
  #kept = Buffer.alloc(0);
  /** The next piece's size, once that has been said; rounds it has waited. */
  #size = 0;
  #waited = 0;
  #isWanted = false;
  #isBusy = false;
  #hasEnded = false;
  #wasCut = false;

  /** @param {Duplex} inner who carries the bytes @param {Random} random @param {object} [options] more of Duplex' */
  constructor(inner, random, options) {
    const joins = random.oneIn(3) ? { writev: (entries, done) => this.#send(Buffer.concat(entries.map(({ chunk }) => chunk)), done) } : {};
    super({ readableHighWaterMark: random.pick(HIGH_WATER), writableHighWaterMark: random.pick(HIGH_WATER), ...joins, ...options });
    this.#inner = inner;
    this.#incoming = new Cutter(random);
    this.#outgoing = new Cutter(random);
    inner.on('data', (chunk) => {
      this.#kept = Buffer.concat([this.#kept, chunk]);
      if (this.#kept.length >= ENOUGH) inner.pause();
      this.#deliver();
    });
    inner.on('end', () => this.#noMore(false));
    inner.on('close', () => this.#noMore(!inner.readableEnded));
    inner.on('error', (error) => this.destroy(error));
  }

  #noMore(wasCut) {
    this.#wasCut ||= wasCut;
    this.#hasEnded = true;
    this.#deliver();
  }

  /** Pushes what may be pushed now. */
  #deliver() {
    if (this.#isBusy) return;
    const again = () => {
      this.#isBusy = false;
      this.#deliver();
    };
    while (this.#isWanted && this.#kept.length > 0) {
      this.#size ||= this.#incoming.size(this.#kept.length);
      if (this.#kept.length < this.#size && !this.#hasEnded && this.#waited < LONGEST_WAIT) {
        this.#waited += 1;
        this.#isBusy = true;
        later(again, 1);
        return;
      }
      const piece = this.#kept.subarray(0, this.#size);
      this.#kept = this.#kept.subarray(piece.length);
      this.#size = 0;
      this.#waited = 0;
      this.#isWanted = false;
      this.#isBusy = true;
      // Whoever hears of it may ask for more at once.
      this.#isWanted = this.push(piece) || this.#isWanted;
      if (this.#incoming.pause(again)) return;
      this.#isBusy = false;
    }
    if (this.#kept.length < ENOUGH && this.#inner.isPaused()) this.#inner.resume();
    if (this.#kept.length > 0 || !this.#hasEnded || this.destroyed) return;
    if (!this.readableEnded) this.push(null);
    if (this.#wasCut) this.destroy();
  }

  #send(bytes, done) {
    let rest = bytes;
    const next = () => {
      while (rest.length > 0) {
        if (this.#inner.destroyed || !this.#inner.writable) return void done(noOneReads());
        const piece = rest.subarray(0, this.#outgoing.size(rest.length));
        rest = rest.subarray(piece.length);
        if (!this.#inner.write(piece)) return void this.#onceDrained(next);
        if (this.#outgoing.pause(next)) return;
      }
      done();
    };
    next();
  }

  #onceDrained(next) {
    const inner = this.#inner;
    const go = () => {
      inner.off('drain', go);
      inner.off('close', go);
      next();
    };
    inner.on('drain', go);
    inner.on('close', go);
  }

  _read() {
    this.#isWanted = true;
    this.#deliver();
  }

  _write(chunk, encoding, done) {
    this.#send(chunk, done);
  }

  _final(done) {
    this.#inner.end();
    if (!this.#outgoing.pause(done)) done();
  }

  _destroy(error, done) {
    this.#inner.destroy();
    done(error);
  }
}

/** One end of a connection in memory. What is written to the other one is pushed here in the same call, and is not copied. */
class MemoryEnd extends Duplex {
  #other;
  /** Called when somebody wants what is written to the other end. */
  #release;
  #hasEnded = false;

  /** @param {Random} random @param {object} [options] more of the first one's @return {[MemoryEnd, MemoryEnd]} */
  static pair(random, options) {
    const marks = () => ({ readableHighWaterMark: random.pick(HIGH_WATER), writableHighWaterMark: random.pick(HIGH_WATER) });
    const [one, other] = [new MemoryEnd({ ...marks(), ...options }), new MemoryEnd(marks())];
    one.#other = other;
    other.#other = one;
    return [one, other];
  }

  #end() {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.push(null);
  }

  #let(error) {
    const release = this.#release;
    this.#release = undefined;
    release?.(error);
  }

  _read() {
    this.#let();
  }

  _write(chunk, encoding, done) {
    const other = this.#other;
    if (other.destroyed || other.#hasEnded) return void done(noOneReads());
    other.#release = done;
    if (other.push(chunk)) other.#let();
  }

  _final(done) {
    this.#other.#end();
    done();
  }

  _destroy(error, done) {
    const other = this.#other;
    nextTick(() => {
      this.#let(noOneReads());
      if (!other.destroyed) other.#end();
    });
    done(error);
  }
}

module.exports = { CutStream, memoryPair: MemoryEnd.pair };
