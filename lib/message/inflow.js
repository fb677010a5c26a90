'use strict';

const { each } = require('../base/primordials');

/**
 * Inflow: bytes of the engine on their way into a Readable. Chunks go in until it is full; what comes then waits here, and the engine gets
 * its credit when the Readable asks for more, so that it stops reading the socket meanwhile.
 */
class Inflow {
  #readable;
  #connection;
  #end;
  /** Chunks (or null, the end) that came after the one which filled the Readable. */
  #waiting = null;
  #blocked = false;
  /** Bytes in the Readable that the engine has no credit for. */
  #owed = 0;

  /**
   * @param {import('stream').Readable} readable
   * @param {import('../base/roles').Source} connection whose window counts
   * @param {(readable: import('stream').Readable) => void} end pushes the end
   */
  constructor(readable, connection, end) {
    this.#readable = readable;
    this.#connection = connection;
    this.#end = end;
  }

  /** Whether the Readable is full: what comes now waits here. */
  get isBlocked() {
    return this.#blocked;
  }

  /** @param {Buffer|null} chunk null: the end */
  push(chunk) {
    if (this.#blocked) {
      (this.#waiting ??= []).push(chunk);
    } else if (chunk === null) {
      this.#end(this.#readable);
    } else {
      // Read before push(): a listener may transfer the chunk's memory.
      const { length } = chunk;
      if (this.#readable.push(chunk)) {
        this.#connection.credit(length);
      } else {
        this.#owed += length;
        this.#blocked = true;
      }
    }
  }

  /** The Readable asks for more. */
  more() {
    if (!this.#blocked) return;
    this.#blocked = false;
    if (this.#owed > 0) this.#connection.credit(this.#owed);
    this.#owed = 0;
    const waiting = this.#waiting;
    if (waiting === null) return;
    this.#waiting = null;
    for (const chunk of each(waiting)) this.push(chunk);
  }
}

module.exports = { Inflow };
