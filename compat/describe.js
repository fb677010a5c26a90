'use strict';

/**
 * Describes an object member by member, so that two implementations can be laid side by side: for every name that can be reached
 * from it (its own, and those of its prototypes below Object.prototype) what is there, as text.
 */

/** Differ from run to run: only their type is told. */
const VOLATILE = new Set([
  // What V8 and the timing of a turn decide.
  'reading', 'sync', 'needReadable', 'readingMore', 'resumeScheduled', 'dataEmitted', 'emittedReadable',
  'remotePort', 'localPort', 'port', 'fd', 'asyncId', 'bytesRead', 'bytesWritten', '_bytesDispatched', '_idleStart', '_connectionKey', 'date',
]);

const isShown = (key) => typeof key === 'string' || Symbol.keyFor(key) !== undefined || Object.values(WELL_KNOWN).includes(key);
const WELL_KNOWN = Object.fromEntries(
  Object.getOwnPropertyNames(Symbol)
    .filter((name) => typeof Symbol[name] === 'symbol')
    .map((name) => [name, Symbol[name]]),
);

/** @return {string} a symbol by its description */
const nameOf = (key) => (typeof key === 'string' ? key : `[${key.description}]`);

/** @return {Map<string|symbol, {own: boolean, descriptor: PropertyDescriptor}>} what lookups on `object` find, private symbols left out */
function membersOf(object) {
  const members = new Map();
  for (let at = object; at !== null && at !== Object.prototype && at !== Function.prototype; at = Object.getPrototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) {
      if (isShown(key) && !members.has(key)) members.set(key, { own: at === object, descriptor: Object.getOwnPropertyDescriptor(at, key) });
    }
  }
  return members;
}

/** Heads hold ports and dates. */
const masked = (text) => text.replace(/(127\.0\.0\.1):\d+/, '$1:PORT').replace(/Date: [^\r]*/, 'Date: *');

/** @return {string} e.g. `function(2)`, `number 5000`, `object Map` */
function valueText(name, value) {
  if (typeof value === 'function') return `function(${value.length})`;
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string') return `string ${JSON.stringify(masked(value))}`;
  if (typeof value !== 'object') return VOLATILE.has(name) || typeof value === 'symbol' ? typeof value : `${typeof value} ${JSON.stringify(value)}`;
  if (Array.isArray(value)) return `Array(${value.length})`;
  return Object.getPrototypeOf(value) === null ? 'object' : `object ${value.constructor?.name ?? ''}`.trim();
}

function readText(object, key) {
  try {
    return valueText(nameOf(key), object[key]);
  } catch (error) {
    return `throws ${error.code ?? error.name}`;
  }
}

/**
 * @param {object} object
 * @param {object} [how]
 * @param {boolean} [how.isPrototype] all that is inherited is told, and accessors are not run; of an instance, methods of its
 *   prototypes are left out
 * @param {(name: string) => boolean} [how.asked] members to be told in any case
 * @return {Record<string, {value: string, form: string, flags: string, own: boolean}>}
 */
function describe(object, { isPrototype = false, asked = () => false } = {}) {
  const described = {};
  for (const [key, { own, descriptor }] of membersOf(object)) {
    if (!own && !isPrototype && typeof descriptor.value === 'function' && !asked(nameOf(key))) continue;
    const isAccessor = descriptor.get !== undefined || descriptor.set !== undefined;
    const form = isAccessor ? `${descriptor.get ? 'get' : ''}${descriptor.set ? 'set' : ''}` : 'data';
    const writable = isAccessor ? descriptor.set !== undefined : descriptor.writable;
    described[nameOf(key)] = {
      value: isAccessor && isPrototype ? 'accessor' : readText(object, key),
      form,
      flags: `${writable ? 'w' : '-'}${descriptor.enumerable ? 'e' : '-'}${descriptor.configurable ? 'c' : '-'}`,
      own,
    };
  }
  return described;
}

/** @return {Record<string, object>} how many listeners there are for each event, as members */
function describeListeners(emitter) {
  const counts = {};
  for (const event of emitter.eventNames()) {
    counts[nameOf(event)] = { value: String(emitter.listenerCount(event)), form: 'count', flags: '', own: true };
  }
  return counts;
}

module.exports = { describe, describeListeners };
