'use strict';

/** Tells what the process of `jest --runInBand` has after every tenth test file. */

const { collected, possessions } = require('../support/possessions');

const EVERY = 10;

module.exports = class {
  #files = 0;

  async onTestFileResult(test, { numFailingTests }) {
    if (numFailingTests > 0) console.log('a test failed');
    if (++this.#files % EVERY > 0) return;
    await collected();
    console.log(JSON.stringify(possessions()));
  }
};
