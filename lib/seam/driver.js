'use strict';

/**
 * Who moves a server's bytes: the JavaScript thread's own loop (no threads), or so many threads of the engine's.
 * docs/architecture.md, "Drivers", says which to take and why.
 */

const os = require('node:os');
const { Math, Number, includes } = require('../base/primordials');
const { MAX_THREADS, server: rows } = require('./options');
const { invalidArgValue } = require('../base/validators');

/** Where libuv watches a descriptor of ours; elsewhere, and where the runtime has no libuv, the engine takes threads by itself. */
const INLINE_PLATFORMS = ['linux', 'darwin'];
/** Bun and Deno have names of libuv's for addons to find, and not libuv: Bun ends the process when most of them are called. */
const HAS_LIBUV = process.versions.bun === undefined && process.versions.deno === undefined;

/** One thread beside the JavaScript thread on one or two cores, otherwise all cores but one, at most four. */
function defaultThreads() {
  return Math.min(4, Math.max(1, os.availableParallelism() - 1));
}

/** @return {number} what TURNOUT_THREADS and TURNOUT_DRIVER ask for; without either, inline where it exists */
function threadsOfEnvironment(env = process.env) {
  const { TURNOUT_THREADS: threads, TURNOUT_DRIVER: driver } = env;
  if (threads !== undefined && threads !== '') {
    const count = Number(threads);
    if (!Number.isInteger(count) || count < 0 || count > MAX_THREADS) {
      throw invalidArgValue('TURNOUT_THREADS', threads, `must be a whole number from 0 to ${MAX_THREADS}`);
    }
    return count;
  }
  if (driver === undefined || driver === '' || driver === 'inline') {
    return HAS_LIBUV && includes(INLINE_PLATFORMS, process.platform) ? 0 : defaultThreads();
  }
  if (driver === 'threads') return defaultThreads();
  throw invalidArgValue('TURNOUT_DRIVER', driver, "must be 'inline' or 'threads'");
}

/**
 * @param {number|undefined} threads the option of that name; 0: inline
 * @return {number} how many threads the server gets
 * @throws {TypeError|RangeError} ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE, ERR_INVALID_ARG_VALUE (environment)
 */
function threadsOf(threads) {
  if (threads === undefined) return threadsOfEnvironment();
  return rows.threads.take(threads);
}

module.exports = { HAS_LIBUV, threadsOf };
