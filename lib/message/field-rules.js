'use strict';

/**
 * What node:http does with a field that is repeated (Node's documentation of message.headers): which value wins, or with what
 * the values are joined. Names are looked up as they came first, so that the usual spellings cost no lower-casing.
 */

const { Map, toLowerCase } = require('../base/primordials');

const FIRST = [
  'age',
  'authorization',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
];

const LISTS = [
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'connection',
  'content-encoding',
  'date',
  'expect',
  'if-match',
  'if-none-match',
  'origin',
  'transfer-encoding',
  'upgrade',
  'vary',
  'sec-websocket-extensions',
  'sec-websocket-key',
  'sec-websocket-protocol',
  'sec-websocket-version',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'sec-fetch-user',
  'upgrade-insecure-requests',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
];

const known = new Map();

/** @return {{name: string, join: string}} `join`: ', ', '; ', 'array' or 'first' */
function fieldRule(field) {
  return known.get(field) ?? unknownFieldRule(field);
}

function unknownFieldRule(field) {
  const name = toLowerCase(field);
  return known.get(name) ?? { name, join: ', ' };
}

function learn(name, join) {
  const rule = { name, join };
  known.set(name, rule);
  known.set(
    name.replace(/(^|-)([a-z])/g, (match) => match.toUpperCase()),
    rule,
  );
}

for (const name of FIRST) learn(name, 'first');
for (const name of LISTS) learn(name, ', ');
learn('cookie', '; ');
learn('set-cookie', 'array');
known.set('ETag', known.get('etag'));

module.exports = { fieldRule };
