'use strict';

/**
 * Outgoing fields: which names and values may be sent (RFC 9110 §5), and the methods over a message's header store, which has
 * Node's shape: lower-case name → [name as given, value], null until the first field.
 */

const { nodeError } = require('../base/errors');
const { Array, Map, Object, Set, concat, each, toLowerCase } = require('../base/primordials');
const { validateString } = require('../base/validators');
const { kOutHeaders } = require('../base/symbols');

/** RFC 9110 §5.6.2, token. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
/** What needs a closer look: anything but HTAB and visible ASCII with SP. */
const UNUSUAL = /[^\t\x20-\x7e]/;
/** RFC 9110 §5.5: visible characters, SP, HTAB and obs-text. */
const INVALID_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
/** What insecureHTTPParser lets pass: any byte but NUL, CR and LF. */
const INVALID_VALUE_LENIENT = /[\0\r\n]|[^\0-\xff]/;

/** Fields that steer the message that carries them, numbered for a switch; 0: any other field. */
const STEERING = Object.freeze({
  connection: 1,
  'transfer-encoding': 2,
  'content-length': 3,
  date: 4,
  expect: 5,
  trailer: 6,
  'keep-alive': 7,
  'content-disposition': 8,
  cookie: 9,
});

/** Names remembered, per process; applications may make names up. */
const MAX_KNOWN_NAMES = 1000;
/** Characters of a value worth remembering. */
const MAX_KNOWN_VALUE = 128;
/** Name as given → FieldName. */
const knownNames = new Map();
const NOTHING = Symbol('turnout.nothing');

/** A valid name in one spelling, with the last line sent under it: most responses repeat the values of the one before. */
class FieldName {
  /** @param {string} name a token */
  constructor(name) {
    this.key = toLowerCase(name);
    this.prefix = `${name}: `;
    this.steering = Object.hasOwn(STEERING, this.key) ? STEERING[this.key] : 0;
    /** A value known to be ASCII and valid, and its line. */
    this.value = NOTHING;
    this.line = '';
  }

  /**
   * @param {string} value
   * @return {boolean} false: it has characters that need a closer look; true: it is valid, and `line` is its line
   */
  learn(value) {
    if (UNUSUAL.test(value)) return false;
    this.line = `${this.prefix}${value}\r\n`;
    this.value = value.length <= MAX_KNOWN_VALUE ? value : NOTHING;
    return true;
  }
}

/**
 * @param {*} name
 * @param {string} [what] how an error calls it
 * @return {FieldName}
 */
function fieldName(name, what) {
  const known = knownNames.get(name);
  return known !== undefined ? known : newFieldName(name, what);
}

/** The name is seen for the first time: checks it, and remembers it while there is room. */
function newFieldName(name, what = 'Header name') {
  if (typeof name !== 'string' || !TOKEN.test(name)) throw nodeError('ERR_INVALID_HTTP_TOKEN', what, name);
  const field = new FieldName(name);
  if (knownNames.size < MAX_KNOWN_NAMES) knownNames.set(name, field);
  return field;
}

/**
 * @param {*} value as it will be written
 * @param {boolean} lenient
 * @return {boolean} whether it must not be sent
 */
function hasInvalidCharacter(value, lenient) {
  return (lenient ? INVALID_VALUE_LENIENT : INVALID_VALUE).test(value);
}

/** @param {*} value @return {boolean} whether its text has more than ASCII's characters */
function isUnusual(value) {
  return UNUSUAL.test(value);
}

/** Throws what Node throws for a value that cannot be sent. @param {string} name @param {*} value @param {boolean} lenient */
function checkValue(name, value, lenient) {
  if (value === undefined) throw nodeError('ERR_HTTP_INVALID_HEADER_VALUE', value, name);
  if (hasInvalidCharacter(value, lenient)) throw nodeError('ERR_INVALID_CHAR', 'header content', name);
}

/** @param {*} names the `uniqueHeaders` option @return {Set<string>|null} lower-case names */
function parseUniqueHeaders(names) {
  return Array.isArray(names) ? new Set(names.map((name) => name.toLowerCase())) : null;
}

/** Checks what setHeader() and appendHeader() are given. @return {FieldName} */
function checkField(message, name, value, verb) {
  if (message._header) throw nodeError('ERR_HTTP_HEADERS_SENT', verb);
  const field = fieldName(name);
  if (value === field.value || typeof value === 'number') return field;
  if (typeof value !== 'string' || !field.learn(value)) checkValue(name, value, message._isLenientHeaderValidation());
  return field;
}

/** The header methods of OutgoingMessage. */
const headerMethods = {
  setHeader(name, value) {
    const { key } = checkField(this, name, value, 'set');
    (this[kOutHeaders] ??= { __proto__: null })[key] = [name, value];
    return this;
  },

  setHeaders(headers) {
    if (this._header) throw nodeError('ERR_HTTP_HEADERS_SENT', 'set');
    if (!headers || Array.isArray(headers) || typeof headers.keys !== 'function' || typeof headers.get !== 'function') {
      throw nodeError('ERR_INVALID_ARG_TYPE', 'headers', 'must be an instance of Headers or Map', headers);
    }
    // Headers gives Set-Cookie once for each value; one setHeader() each would keep the last only.
    let cookies = null;
    for (const [name, value] of headers) {
      if (name === 'set-cookie') cookies = concat(cookies ?? [], value);
      else this.setHeader(name, value);
    }
    if (cookies !== null) this.setHeader('set-cookie', cookies);
    return this;
  },

  appendHeader(name, value) {
    const { key } = checkField(this, name, value, 'append');
    const entry = this[kOutHeaders]?.[key];
    if (!entry) return this.setHeader(name, value);
    if (!Array.isArray(entry[1])) entry[1] = [entry[1]];
    if (Array.isArray(value)) entry[1].push(...value);
    else entry[1].push(value);
    return this;
  },

  getHeader(name) {
    validateString(name, 'name');
    return this[kOutHeaders]?.[toLowerCase(name)]?.[1];
  },

  getHeaderNames() {
    return Object.keys(this[kOutHeaders] ?? {});
  },

  getRawHeaderNames() {
    return Object.values(this[kOutHeaders] ?? {}).map((entry) => entry[0]);
  },

  getHeaders() {
    const store = this[kOutHeaders];
    const values = { __proto__: null };
    for (const key in store) values[key] = store[key][1];
    return values;
  },

  hasHeader(name) {
    validateString(name, 'name');
    return !!this[kOutHeaders]?.[toLowerCase(name)];
  },

  removeHeader(name) {
    validateString(name, 'name');
    if (this._header) throw nodeError('ERR_HTTP_HEADERS_SENT', 'remove');
    const key = toLowerCase(name);
    // What the user takes out, the message must not put back.
    if (key === 'connection') this._removedConnection = true;
    else if (key === 'content-length') this._removedContLen = true;
    else if (key === 'transfer-encoding') this._removedTE = true;
    else if (key === 'date') this.sendDate = false;
    if (this[kOutHeaders] !== null) delete this[kOutHeaders][key];
  },

  _renderHeaders() {
    if (this._header) throw nodeError('ERR_HTTP_HEADERS_SENT', 'render');
    const headers = {};
    for (const entry of each(Object.values(this[kOutHeaders] ?? {}))) headers[entry[0]] = entry[1];
    return headers;
  },
};

module.exports = { STEERING, fieldName, isUnusual, checkValue, hasInvalidCharacter, parseUniqueHeaders, headerMethods };
