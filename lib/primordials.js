'use strict';

/**
 * What of the runtime a program may replace while turnout works, kept as it was when turnout was loaded: test libraries put clocks of their own
 * in the place of timers, ticks and dates, and a server must not stand still with them. Nothing in `lib/` calls these by their global names
 * (eslint.config.js sees to that).
 *
 * When turnout is loaded, they may have been replaced already. A test runner that gives each file globals of its own replaces these alone:
 * the modules of Node, and the process behind the runner's copy of it, still have the real ones.
 */

const timers = require('node:timers');
const { runInNewContext, runInThisContext } = require('node:vm');

/** @return {object} Node's own process, where one can ask for it (Node 20.16, 22.3); elsewhere the one in sight */
const builtinProcess = () => process.getBuiltinModule?.('node:process') ?? process;

const { nextTick } = builtinProcess();
const { setImmediate, setTimeout, clearTimeout } = timers;

/** The clock of Node's own realm; where that is no longer V8's, one of a realm that nobody else knows. */
const NodesDate = runInThisContext('Date');
const HostDate = /\[native code\]/.test(Function.prototype.toString.call(NodesDate)) ? NodesDate : runInNewContext('Date');
const { now } = HostDate;

/** `Function.prototype.call` bound to a method: it asks nobody what the method is called today. */
const uncurryThis = Function.prototype.bind.bind(Function.prototype.call);
const toUTCString = uncurryThis(HostDate.prototype.toUTCString);

module.exports = {
  nextTick,
  setImmediate,
  setTimeout,
  clearTimeout,
  uncurryThis,
  /** @return {number} milliseconds since 1970 */
  now,
  /** @param {number} time milliseconds since 1970 @return {string} as HTTP writes it */
  utcString: (time) => toUTCString(new HostDate(time)),
};
