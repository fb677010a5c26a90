'use strict';

/** What a process has, for tests of what is left behind; run with --expose-gc, on Linux. */

const fs = require('node:fs');

const KIB = 1024;
const ROUNDS = 8;

/** Finalizers run in rounds of the loop after a collection, and let go of what the next one collects. */
async function collected() {
  for (let i = 0; i < ROUNDS; i++) {
    globalThis.gc();
    await new Promise(setImmediate);
  }
}

const entries = (folder) => fs.readdirSync(folder).length;

/** @return {object} counts, and KiB of memory */
function possessions() {
  const { heapUsed, external, rss } = process.memoryUsage();
  return {
    descriptors: entries('/proc/self/fd'),
    threads: entries('/proc/self/task'),
    exitListeners: process.listenerCount('exit'),
    heap: Math.round(heapUsed / KIB),
    external: Math.round(external / KIB),
    resident: Math.round(rss / KIB),
  };
}

module.exports = { collected, possessions };
