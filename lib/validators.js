'use strict';

/** Argument checks; each throws what Node throws. */

const { nodeError } = require('./errors');

function validateInteger(value, name, min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER) {
  if (typeof value !== 'number') throw nodeError('ERR_INVALID_ARG_TYPE', name, 'must be of type number', value);
  if (!Number.isInteger(value)) throw nodeError('ERR_OUT_OF_RANGE', name, 'an integer', value);
  if (value < min || value > max) throw nodeError('ERR_OUT_OF_RANGE', name, `>= ${min} && <= ${max}`, value);
}

function validateBoolean(value, name) {
  if (typeof value !== 'boolean') throw nodeError('ERR_INVALID_ARG_TYPE', name, 'must be of type boolean', value);
}

function validateFunction(value, name) {
  if (typeof value !== 'function') throw nodeError('ERR_INVALID_ARG_TYPE', name, 'must be of type function', value);
}

function validateObject(value, name) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw nodeError('ERR_INVALID_ARG_TYPE', name, 'must be of type object', value);
  }
}

function validateOneOf(value, name, values) {
  if (values.includes(value)) return;
  throw nodeError('ERR_INVALID_ARG_VALUE', name, value, `must be one of: ${values.map((one) => `'${one}'`).join(', ')}`);
}

module.exports = {
  validateInteger,
  validateBoolean,
  validateFunction,
  validateObject,
  validateOneOf,
  invalidArgValue: (...args) => nodeError('ERR_INVALID_ARG_VALUE', ...args),
  outOfRange: (...args) => nodeError('ERR_OUT_OF_RANGE', ...args),
};
