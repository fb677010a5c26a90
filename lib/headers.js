'use strict';

/** Rules of outgoing fields: which names and values may be sent, which fields steer the message. */

const http = require('node:http');
const { nodeError } = require('./errors');

/** RFC 9110 §5.6.2, token. */
const TOKEN = /^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/;
/** RFC 9110 §5.5: visible characters, SP, HTAB and obs-text. */
const INVALID_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
/** What insecureHTTPParser lets pass: anything but NUL, CR and LF. */
const INVALID_VALUE_LENIENT = /[\0\r\n]|[^\x00-\xff]/;
/** Names seen to be tokens; bounded, since applications may make names up. */
const MAX_KNOWN_NAMES = 1000;
const knownNames = new Set();

function checkName(name) {
  if (knownNames.has(name)) return;
  if (typeof name !== 'string' || !TOKEN.test(name)) http.validateHeaderName(name);
  if (knownNames.size < MAX_KNOWN_NAMES) knownNames.add(name);
}

function checkValue(name, value, lenient) {
  if (value === undefined) http.validateHeaderValue(name, value);
  if (hasInvalidCharacter(value, lenient)) throw nodeError('ERR_INVALID_CHAR', 'header content', name);
}

function hasInvalidCharacter(value, lenient) {
  return (lenient ? INVALID_VALUE_LENIENT : INVALID_VALUE).test(value);
}

/** @return {Set<string>|null} lower-case names of the `uniqueHeaders` option */
function parseUniqueHeaders(names) {
  return Array.isArray(names) ? new Set(names.map((name) => name.toLowerCase())) : null;
}

/** The fields OutgoingMessage looks at, by name as usually spelt or in lower case. */
const STEERING = new Map();
for (const name of ['connection', 'transfer-encoding', 'content-length', 'date', 'expect', 'trailer', 'keep-alive', 'content-disposition', 'cookie']) {
  STEERING.set(name, name);
  STEERING.set(
    name.replace(/(^|-)([a-z])/g, (match) => match.toUpperCase()),
    name,
  );
}
const SHORTEST = 4;
const LONGEST = 19;

/** @return {string|undefined} the lower-case name if the field steers the message */
function steeringField(name) {
  const known = STEERING.get(name);
  if (known !== undefined || name.length < SHORTEST || name.length > LONGEST) return known;
  return STEERING.get(name.toLowerCase());
}

module.exports = { checkName, checkValue, hasInvalidCharacter, parseUniqueHeaders, steeringField };
