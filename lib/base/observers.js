'use strict';

/**
 * Whether somebody in this thread observes entries of type 'http'. Nothing says so but the call of PerformanceObserver's observe(), which is
 * therefore replaced: once, by whoever comes first, for every copy of turnout and every realm that loads one. A chain of replacements would
 * keep every former realm alive; this function refers to nothing but the flag.
 */

const { PerformanceObserver } = require('node:perf_hooks');
const { Object } = require('./primordials');

/** Where the copies find each other. */
const kObserved = Symbol.for('turnout.observed');

/** @return {{ http: boolean }} */
function observe() {
  const observed = { http: false };
  const { observe: original } = PerformanceObserver.prototype;
  PerformanceObserver.prototype.observe = function observe(options) {
    if (options?.type === 'http' || options?.entryTypes?.includes?.('http')) observed.http = true;
    return original.apply(this, arguments);
  };
  Object.defineProperty(PerformanceObserver.prototype, kObserved, { value: observed });
  return observed;
}

module.exports = PerformanceObserver.prototype[kObserved] ?? observe();
