'use strict';

/**
 * The head of an outgoing message as text: its first line, the fields, and those that a message adds by itself (Date,
 * Connection, Keep-Alive, and what says where the body ends); and its trailer section. What the fields say is noted on the message.
 */

const { dateLine } = require('./date-cache');
const { nodeError } = require('../base/errors');
const { STEERING, fieldName, isUnusual, checkValue, hasInvalidCharacter } = require('./headers');
const { Array, Buffer, Math, Object, each, join, utf8Slice } = require('../base/primordials');
const { kOutHeaders, kUniqueHeaders } = require('../base/symbols');

const CLOSE_TOKEN = /(?:^|\W)close(?:$|\W)/i;
const CHUNKED_TOKEN = /(?:^|\W)chunked(?:$|\W)/i;
const { 'content-disposition': CONTENT_DISPOSITION, cookie: COOKIE } = STEERING;

/** What the fields said while the head was built. */
class MessageHead {
  /** @param {string} firstLine with its CRLF */
  constructor(firstLine) {
    this.text = firstLine;
    this.connection = false;
    this.contentLength = false;
    this.transferEncoding = false;
    this.date = false;
    this.expect = false;
    this.trailer = false;
    /** Whether there are characters beyond ASCII in it. */
    this.unusual = false;
  }
}

/**
 * Builds the head of `message`.
 * @param {import('./outgoing-message').OutgoingMessage} message
 * @param {string} firstLine with its CRLF
 * @param {object|Array|null|undefined} headers an object, a flat list, a list of pairs, or the header store itself
 * @return {MessageHead} whose `text` ends with the empty line
 */
function buildHead(message, firstLine, headers) {
  const head = new MessageHead(firstLine);
  if (headers) addFields(message, head, headers);
  if (message.sendDate && !head.date) head.text += dateLine();
  if (message.chunkedEncoding && (message.statusCode === 204 || message.statusCode === 304)) {
    // RFC 9112 §6.1: these have no transfer coding; a peer that believed the field would wait for a last chunk.
    message.chunkedEncoding = false;
    message.shouldKeepAlive = false;
  }
  addPersistence(message, head);
  if (!head.contentLength && !head.transferEncoding) addFraming(message, head);
  if (head.trailer && message.chunkedEncoding !== true) throw nodeError('ERR_HTTP_TRAILER_INVALID');
  head.text += '\r\n';
  return head;
}

/** The user's fields, in any of the forms they come in; those of the store have been checked when they were set. */
function addFields(message, head, headers) {
  const store = message[kOutHeaders];
  if (headers === store) {
    for (const key in store) {
      const entry = store[key];
      addField(message, head, entry[0], entry[1], false);
    }
  } else if (!Array.isArray(headers)) {
    for (const name in headers) {
      if (Object.hasOwn(headers, name)) addField(message, head, name, headers[name], true);
    }
  } else if (headers.length > 0 && Array.isArray(headers[0])) {
    for (const pair of each(headers)) addField(message, head, pair[0], pair[1], true);
  } else {
    if (headers.length % 2 !== 0) throw nodeError('ERR_INVALID_ARG_VALUE', 'headers', headers);
    for (let i = 0; i < headers.length; i += 2) addField(message, head, headers[i], headers[i + 1], true);
  }
}

/** One field: as a line of its own for each value, or joined where Cookie or `uniqueHeaders` ask for it. */
function addField(message, head, name, value, check) {
  const field = fieldName(name);
  const { steering } = field;
  if (steering === CONTENT_DISPOSITION && message._contentLength) value = Array.isArray(value) ? value.map(decoded) : decoded(value);
  if (Array.isArray(value)) {
    const joined = (steering === COOKIE && value.length >= 2) || message[kUniqueHeaders]?.has(field.key);
    if (!joined) {
      for (const one of each(value)) addLine(message, head, name, field, one, check);
      return;
    }
    value = join(value, '; ');
  }
  addLine(message, head, name, field, value, check);
}

/** RFC 6266 §4.3: a file name given as the bytes of its UTF-8. */
function decoded(value) {
  return typeof value === 'string' && isUnusual(value) ? utf8Slice(Buffer.from(value, 'latin1')) : value;
}

/** Appends one line. */
function addLine(message, head, name, field, value, check) {
  if (value === field.value || (typeof value === 'string' && field.learn(value))) {
    head.text += field.line;
  } else if (typeof value === 'number') {
    head.text += `${field.prefix}${value}\r\n`;
  } else {
    if (check) checkValue(name, value, message._isLenientHeaderValidation());
    if (isUnusual(value)) head.unusual = true;
    head.text += field.prefix + value + '\r\n';
  }
  if (field.steering !== 0) steer(message, head, field.steering, value);
}

/** Notes what a field says about the message. */
function steer(message, head, steering, value) {
  switch (steering) {
    case STEERING.connection:
      head.connection = true;
      message._removedConnection = false;
      if (CLOSE_TOKEN.test(value)) message._last = true;
      else message.shouldKeepAlive = true;
      break;
    case STEERING['transfer-encoding']:
      head.transferEncoding = true;
      message._removedTE = false;
      if (CHUNKED_TOKEN.test(value)) message.chunkedEncoding = true;
      break;
    case STEERING['content-length']:
      head.contentLength = true;
      message._contentLength = +value;
      message._removedContLen = false;
      break;
    case STEERING.date:
      head.date = true;
      break;
    case STEERING.expect:
      head.expect = true;
      break;
    case STEERING.trailer:
      head.trailer = true;
      break;
    case STEERING['keep-alive']:
      message._defaultKeepAlive = false;
      break;
    default:
  }
}

/** RFC 9112 §9.3: whether the connection outlives the message. */
function addPersistence(message, head) {
  if (message._removedConnection) {
    message._last = !message.shouldKeepAlive;
    return;
  }
  if (head.connection) return;
  const keepAlive = message.shouldKeepAlive && (head.contentLength || message.useChunkedEncodingByDefault || message.agent);
  if (!keepAlive) {
    message._last = true;
    head.text += 'Connection: close\r\n';
  } else if (message.maxRequestsOnConnectionReached) {
    head.text += 'Connection: close\r\n';
  } else if (message._keepAliveTimeout && message._defaultKeepAlive) {
    head.text += keepAliveLines(message._keepAliveTimeout, message._maxRequestsPerSocket);
  } else {
    head.text += 'Connection: keep-alive\r\n';
  }
}

let linesTimeout = 0;
let linesMax;
let lines = '';

/** @param {number} timeout milliseconds @param {number|undefined} max requests per connection @return {string} remembered for the next call */
function keepAliveLines(timeout, max) {
  if (timeout !== linesTimeout || max !== linesMax) {
    linesTimeout = timeout;
    linesMax = max;
    const limit = ~~max > 0 ? `, max=${max}` : '';
    lines = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(timeout / 1000)}${limit}\r\n`;
  }
  return lines;
}

/** RFC 9112 §6.3: how the peer will know where the body ends, when the fields do not say. */
function addFraming(message, head) {
  if (!message._hasBody) {
    message.chunkedEncoding = false;
  } else if (!message.useChunkedEncodingByDefault) {
    message._last = true;
  } else if (!head.trailer && !message._removedContLen && typeof message._contentLength === 'number') {
    head.text += `Content-Length: ${message._contentLength}\r\n`;
  } else if (!message._removedTE) {
    head.text += 'Transfer-Encoding: chunked\r\n';
    message.chunkedEncoding = true;
  } else {
    message._last = true;
  }
}

/**
 * Builds the trailer section (RFC 9112 §7.1.2) of `message`, up to the first field that must not be sent.
 * @param {import('./outgoing-message').OutgoingMessage} message
 * @param {object|Array} headers an object or a list of pairs
 */
function buildTrailers(message, headers) {
  message._trailer = '';
  const lenient = message._isLenientHeaderValidation();
  for (const key of each(Object.keys(headers))) {
    const isPair = Array.isArray(headers);
    const name = isPair ? headers[key][0] : key;
    const value = isPair ? headers[key][1] : headers[key];
    const field = fieldName(name, 'Trailer name');
    const apart = Array.isArray(value) && value.length > 1 && !message[kUniqueHeaders]?.has(field.key);
    for (const one of each(apart ? value : [Array.isArray(value) ? join(value, '; ') : value])) {
      if (hasInvalidCharacter(one, lenient)) throw nodeError('ERR_INVALID_CHAR', 'trailer content', name);
      message._trailer += `${field.prefix}${one}\r\n`;
    }
  }
}

module.exports = { buildHead, buildTrailers, CHUNKED_TOKEN };
