'use strict';

/** A small seeded generator (Marsaglia's xorshift32 behind a mixing of the seed): the same numbers on every machine. */
class Random {
  #state;

  /** @param {...number} seeds all of them count */
  constructor(...seeds) {
    let state = 0x9e3779b9;
    for (const seed of seeds) {
      state = Math.imul(state ^ (seed >>> 0), 0x85ebca6b);
      state ^= state >>> 13;
      state = Math.imul(state, 0xc2b2ae35);
      state ^= state >>> 16;
    }
    this.#state = state === 0 ? 1 : state >>> 0;
  }

  /** @return {number} 0 ≤ n < bound */
  below(bound) {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return this.#state % bound;
  }

  /** @return {boolean} true once in `n` times */
  oneIn(n) {
    return this.below(n) === 0;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** @return {Array} `count` picks */
  picks(list, count) {
    return Array.from({ length: count }, () => this.pick(list));
  }
}

module.exports = { Random };
