'use strict';

/** Argument checks; each throws what Node throws. */

const { nodeError } = require('./errors');
const { Array, Boolean, Number, String } = require('./primordials');

/** setTimeout() takes no more milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** @param {*} value @param {string} name @param {number} [min] inclusive @param {number} [max] inclusive */
function validateInteger(value, name, min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER) {
  if (typeof value !== 'number') throw nodeError('ERR_INVALID_ARG_TYPE', name, 'must be of type number', value);
  if (!Number.isInteger(value)) throw nodeError('ERR_OUT_OF_RANGE', name, 'an integer', value);
  if (value < min || value > max) throw nodeError('ERR_OUT_OF_RANGE', name, `>= ${min} && <= ${max}`, value);
}

/** @param {*} value @param {string} name */
function validateNumber(value, name) {
  if (typeof value !== 'number') throw nodeError('ERR_INVALID_ARG_TYPE', name, 'must be of type number', value);
}

/** @param {*} value @param {string} name */
function validateString(value, name) {
  if (typeof value !== 'string') throw nodeError('ERR_INVALID_ARG_TYPE', name, 'must be of type string', value);
}

/** @param {*} value @param {string} name */
function validateBoolean(value, name) {
  if (typeof value !== 'boolean') throw nodeError('ERR_INVALID_ARG_TYPE', name, 'must be of type boolean', value);
}

/** @param {*} value @param {string} name */
function validateFunction(value, name) {
  if (typeof value !== 'function') throw nodeError('ERR_INVALID_ARG_TYPE', name, 'must be of type function', value);
}

/** @param {*} value neither null, an array nor a function @param {string} name */
function validateObject(value, name) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw nodeError('ERR_INVALID_ARG_TYPE', name, 'must be of type object', value);
  }
}

/** @param {*} value @param {string} name @param {Array} values those allowed */
function validateOneOf(value, name, values) {
  if (values.includes(value)) return;
  const allowed = values.map((one) => (typeof one === 'string' ? `'${one}'` : String(one))).join(', ');
  throw nodeError('ERR_INVALID_ARG_VALUE', name, value, `must be one of: ${allowed}`);
}

/** @param {*} value @param {string} name @return {number} the port; 0 is one */
function validatePort(value, name) {
  const isPort = typeof value === 'number' || (typeof value === 'string' && value.trim() !== '');
  if (!isPort || +value !== +value >>> 0 || value > 0xffff) throw nodeError('ERR_SOCKET_BAD_PORT', name, value);
  return value | 0;
}

/** @param {*} msecs @param {string} name @return {number} milliseconds that setTimeout() takes */
function timerDuration(msecs, name) {
  validateNumber(msecs, name);
  if (!(msecs >= 0 && Number.isFinite(msecs))) throw nodeError('ERR_OUT_OF_RANGE', name, 'a non-negative finite number', msecs);
  if (msecs <= LONGEST_TIMER) return msecs;
  process.emitWarning(
    `${msecs} does not fit into a 32-bit signed integer.\nTimer duration was truncated to ${LONGEST_TIMER}.`,
    'TimeoutOverflowWarning',
  );
  return LONGEST_TIMER;
}

/** @return {boolean} whether it is a URL rather than options; of another realm's class, too */
function isURL(value) {
  return Boolean(value?.href && value.protocol && value.auth === undefined && value.path === undefined);
}

module.exports = {
  isURL,
  timerDuration,
  validateInteger,
  validateNumber,
  validateString,
  validateBoolean,
  validateFunction,
  validateObject,
  validateOneOf,
  validatePort,
  invalidArgValue: (...args) => nodeError('ERR_INVALID_ARG_VALUE', ...args),
  outOfRange: (...args) => nodeError('ERR_OUT_OF_RANGE', ...args),
};
