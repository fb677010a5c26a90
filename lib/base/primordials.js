'use strict';

/**
 * What of the runtime a program may replace while turnout works, kept as it was when turnout was loaded: test libraries put clocks of their own
 * in the place of timers, ticks and dates, and a server must not stand still with them. Nothing in `lib/` calls these by their global names
 * (eslint.config.js sees to that).
 *
 * When turnout is loaded, they may have been replaced already. A test runner that gives each file globals of its own replaces these alone:
 * the modules of Node, and the process that the runner has made its copy of, still have the real ones.
 */

const timers = require('node:timers');
const { runInNewContext, runInThisContext } = require('node:vm');

/** `Function.prototype.call` bound to a method: it asks nobody what the method is called today. */
const uncurryThis = Function.prototype.bind.bind(Function.prototype.call);

/** @return {object} Node's own process, where one can ask for it (Node 20.16, 22.3); elsewhere the one in sight */
const builtinProcess = () => process.getBuiltinModule?.('node:process') ?? process;

/**
 * Runs a function when the code that runs now has returned. Where a test's clock has taken its place already (such clocks mark their functions),
 * a promise's callback comes nearly as soon.
 */
const nextTick = keptTick(builtinProcess().nextTick);
/** Where a clock has taken the place of the timers, too, Node's are reached by abort signals alone, and these wait a millisecond or more. */
const { setImmediate, setTimeout, clearTimeout } = isClock(timers.setTimeout) || isClock(timers.setImmediate) ? signalTimers() : timers;

/** @return {boolean} whether a test library has marked `fn` as its own */
function isClock(fn) {
  return 'clock' in fn || '_isMockFunction' in fn;
}

function keptTick(tick) {
  if (!isClock(tick)) return tick;
  const then = uncurryThis(Promise.prototype.then);
  const settled = Promise.resolve();
  return (fn, ...args) => void then(settled, () => fn(...args));
}

function signalTimers() {
  const { timeout } = AbortSignal;
  const listen = uncurryThis(EventTarget.prototype.addEventListener);
  const after = (msecs, fn) => {
    const timer = { fn };
    listen(timeout.call(AbortSignal, msecs), 'abort', () => timer.fn?.());
    return timer;
  };
  return {
    setImmediate: (fn, ...args) => after(0, () => fn(...args)),
    setTimeout: (fn, msecs) => after(msecs, fn),
    clearTimeout(timer) {
      if (timer) timer.fn = null;
    },
  };
}

/** The clock of Node's own realm; where that is no longer V8's, one of a realm that nobody else knows. */
const NodesDate = runInThisContext('Date');
const HostDate = /\[native code\]/.test(Function.prototype.toString.call(NodesDate)) ? NodesDate : runInNewContext('Date');
const { now } = HostDate;

const toUTCString = uncurryThis(HostDate.prototype.toUTCString);

/** @return {object} the functions and constants of a built-in, which `Object.keys` and its like then are read from */
function copyOf(builtin, target = { __proto__: null }) {
  for (const key of Reflect.ownKeys(builtin)) {
    const own = Object.getOwnPropertyDescriptor(builtin, key);
    if ('value' in own && key !== 'prototype' && !Object.hasOwn(target, key)) target[key] = own.value;
  }
  return target;
}

/** The same for what is also called. */
const callable = (builtin) => Object.freeze(copyOf(builtin, (value) => builtin(value)));

/** A collection with its methods its own. */
function safe(Collection) {
  const Safe = class extends Collection {};
  for (const key of Reflect.ownKeys(Collection.prototype)) {
    if (key !== 'constructor') Object.defineProperty(Safe.prototype, key, Object.getOwnPropertyDescriptor(Collection.prototype, key));
  }
  Object.freeze(Safe.prototype);
  return Safe;
}

/** Steps through an array, asking neither it nor Array how that is done. */
class Steps {
  #list;
  #at = 0;

  constructor(list) {
    this.#list = list;
  }

  next() {
    const done = this.#at >= this.#list.length;
    return { done, value: done ? undefined : this.#list[this.#at++] };
  }

  [Symbol.iterator]() {
    return this;
  }
}

const { prototype: array } = Array;
const { prototype: buffer } = require('node:buffer').Buffer;
const { prototype: string } = String;

module.exports = {
  copyOf,
  nextTick,
  setImmediate,
  setTimeout,
  clearTimeout,
  uncurryThis,
  /** @return {number} milliseconds since 1970 */
  now,
  /** @param {number} time milliseconds since 1970 @return {string} as HTTP writes it */
  utcString: (time) => toUTCString(new HostDate(time)),

  // ---- built-ins under their own names
  Array: Object.freeze(copyOf(Array)),
  Buffer: Object.freeze(copyOf(require('node:buffer').Buffer)),
  Math: Object.freeze(copyOf(Math)),
  Object: Object.freeze(copyOf(Object)),
  Reflect: Object.freeze(copyOf(Reflect)),
  Boolean: callable(Boolean),
  Number: callable(Number),
  String: callable(String),
  Map: safe(Map),
  Set: safe(Set),
  WeakMap: safe(WeakMap),
  AbortController,
  AggregateError,
  Error,
  RangeError,
  TypeError,
  WeakRef,

  /** `for (const one of each(list))` @param {Array} list */
  each: (list) => new Steps(list),

  // ---- methods, called with their object first
  concat: uncurryThis(array.concat),
  includes: uncurryThis(array.includes),
  indexOf: uncurryThis(array.indexOf),
  join: uncurryThis(array.join),
  splice: uncurryThis(array.splice),
  charCodeAt: uncurryThis(string.charCodeAt),
  slice: uncurryThis(string.slice),
  split: uncurryThis(string.split),
  toLowerCase: uncurryThis(string.toLowerCase),
  toUpperCase: uncurryThis(string.toUpperCase),
  // Called on native's memory, too: a program's replacement would see that memory as `this`, and could transfer it.
  copyBytes: uncurryThis(buffer.copy),
  latin1Slice: uncurryThis(buffer.latin1Slice),
  latin1Write: uncurryThis(buffer.latin1Write),
  setBytes: uncurryThis(buffer.set),
  subarray: uncurryThis(buffer.subarray),
  utf8Slice: uncurryThis(buffer.utf8Slice),
  utf8Write: uncurryThis(buffer.utf8Write),
};
