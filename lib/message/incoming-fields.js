'use strict';

/**
 * The fields of an incoming message, before its body and after it. The engine's are one string until somebody asks for a list of them, or for
 * an object.
 */

const { fieldRule } = require('./field-rules');
const { ownerOf } = require('./message-owner');
const { Object, split, toLowerCase } = require('../base/primordials');

/** `name NUL value NUL …` */
const kFields = Symbol('turnout.fields');
const kRawHeaders = Symbol('turnout.rawHeaders');
const kHeaders = Symbol('turnout.headers');
const kHeadersDistinct = Symbol('turnout.headersDistinct');
const kRawTrailers = Symbol('turnout.rawTrailers');
const kTrailers = Symbol('turnout.trailers');
const kTrailersDistinct = Symbol('turnout.trailersDistinct');

/** `name NUL value NUL …` to a flat list; no field at all is no text at all. */
function splitFields(fields) {
  return fields === '' ? [] : split(fields, '\0');
}

function distinct(message, raw) {
  const lists = Object.create(null);
  for (let i = 0; i + 1 < raw.length; i += 2) message._addHeaderLineDistinct(raw[i], raw[i + 1], lists);
  return lists;
}

/** What is made when it is first asked for belongs to the message: see incoming-message.js. */
const fieldMembers = {
  rawHeaders: {
    get() {
      if (this[kRawHeaders] === null) ownerOf(this)[kRawHeaders] = splitFields(this[kFields]);
      return this[kRawHeaders];
    },
    set(value) {
      this[kRawHeaders] = value;
    },
  },
  headers: {
    get() {
      if (this[kHeaders] === null) {
        const headers = {};
        ownerOf(this)[kHeaders] = headers;
        const raw = this.rawHeaders;
        for (let i = 0; i + 1 < raw.length; i += 2) this._addHeaderLine(raw[i], raw[i + 1], headers);
      }
      return this[kHeaders];
    },
    set(value) {
      this[kHeaders] = value;
    },
  },
  headersDistinct: {
    get() {
      this[kHeadersDistinct] ??= distinct(this, this.rawHeaders);
      return this[kHeadersDistinct];
    },
    set(value) {
      this[kHeadersDistinct] = value;
    },
  },
  rawTrailers: {
    get() {
      if (this[kRawTrailers] === null) ownerOf(this)[kRawTrailers] = [];
      return this[kRawTrailers];
    },
    set(value) {
      this[kRawTrailers] = value;
    },
  },
  trailers: {
    get() {
      if (this[kTrailers] === null) {
        const trailers = {};
        this[kTrailers] = trailers;
        const raw = this.rawTrailers;
        for (let i = 0; i + 1 < raw.length; i += 2) this._addHeaderLine(raw[i], raw[i + 1], trailers);
      }
      return this[kTrailers];
    },
    set(value) {
      this[kTrailers] = value;
    },
  },
  trailersDistinct: {
    get() {
      this[kTrailersDistinct] ??= distinct(this, this.rawTrailers);
      return this[kTrailersDistinct];
    },
    set(value) {
      this[kTrailersDistinct] = value;
    },
  },
};

/** The methods of IncomingMessage that have to do with fields. */
const fieldMethods = {
  /**
   * Adds one line to `dest` under Node's joining rules: list fields with ', ', Cookie with '; ', Set-Cookie as an array, and
   * of fields that may stand once the first (all of them joined with `joinDuplicateHeaders`).
   * Source: Node's documentation of message.headers.
   */
  _addHeaderLine(field, value, dest) {
    const { name, join } = fieldRule(field);
    const present = dest[name];
    if (join === 'array') {
      if (present !== undefined) present.push(value);
      else dest[name] = [value];
    } else if (typeof present !== 'string') {
      if (join === 'first' && present !== undefined) return;
      dest[name] = value;
    } else if (join !== 'first') {
      dest[name] = present + join + value;
    } else if (this.joinDuplicateHeaders) {
      dest[name] = `${present}, ${value}`;
    }
  },

  _addHeaderLineDistinct(field, value, dest) {
    const name = toLowerCase(field);
    if (dest[name]) dest[name].push(value);
    else dest[name] = [value];
  },

  /** For who fills a message by hand: `n` entries of the flat list `headers`. */
  _addHeaderLines(headers, n) {
    if (!headers?.length) return;
    let dest;
    if (this.complete) {
      this[kRawTrailers] = headers;
      dest = this[kTrailers];
    } else {
      this[kRawHeaders] = headers;
      dest = this[kHeaders];
    }
    if (dest) for (let i = 0; i < n; i += 2) this._addHeaderLine(headers[i], headers[i + 1], dest);
  },
};

module.exports = { kFields, kRawHeaders, kHeaders, kHeadersDistinct, kRawTrailers, kTrailers, kTrailersDistinct, splitFields, fieldMembers, fieldMethods };
