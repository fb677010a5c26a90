'use strict';

/** Chunks of a body as they are written: what may be one, how long it is, and several that were written in one tick as one. */

const { types } = require('node:util');
const { nodeError } = require('../base/errors');
const { Buffer, charCodeAt, each } = require('../base/primordials');

/**
 * @param {Array} parts chunk, encoding and callback of each, one after the other
 * @return {string|Uint8Array|null} all chunks as one; each encoded by itself where it matters; null: memory of one has been given away since
 */
function join(parts) {
  if (parts.length === 3) return isLost(parts[0]) ? null : parts[0];
  let text = '';
  for (let i = 0; i < parts.length; i += 3) {
    const piece = parts[i];
    const sameCode = typeof piece === 'string' && (piece === '' || isUtf8(parts[i + 1]));
    // Halves of a pair written apart are two malformed characters, not one.
    if (!sameCode || !isUtf8(parts[1]) || (isLowSurrogate(charCodeAt(piece, 0)) && text !== '')) return concat(parts);
    text += piece;
  }
  return text;
}

function concat(parts) {
  const buffers = [];
  for (let i = 0; i < parts.length; i += 3) {
    if (isLost(parts[i])) return null;
    buffers.push(typeof parts[i] === 'string' ? Buffer.from(parts[i], parts[i + 1] ?? 'utf8') : parts[i]);
  }
  return Buffer.concat(buffers);
}

/** Whether the memory of what was written has been given away since: a chunk that was empty then is kept as ''. */
const isLost = (chunk) => typeof chunk !== 'string' && chunk.byteLength === 0;
const isUtf8 = (encoding) => !encoding || encoding === 'utf8' || encoding === 'utf-8';
const isLowSurrogate = (code) => code >= 0xdc00 && code <= 0xdfff;

/** @return {Function|undefined} one that calls each of the parts' */
function callbackOf(parts) {
  let first;
  let others = null;
  for (let i = 2; i < parts.length; i += 3) {
    if (!parts[i]) continue;
    if (first === undefined) first = parts[i];
    else (others ??= [first]).push(parts[i]);
  }
  if (others === null) return first;
  return (error) => {
    for (const callback of each(others)) callback(error);
  };
}

/** What is written is as long as it was then, though an array may track the length of its memory; see isLost() for what is empty. */
function fixed(chunk) {
  if (typeof chunk === 'string') return chunk;
  if (chunk.byteLength === 0) return '';
  if (Buffer.isBuffer(chunk)) return chunk;
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

/** @return {number} bytes of `chunk` */
function byteLength(chunk, encoding) {
  return typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding ?? undefined) : chunk.byteLength;
}

/** Throws what Node throws for what is no chunk. */
function checkChunk(chunk) {
  if (typeof chunk === 'string' || types.isUint8Array(chunk)) return;
  if (chunk === null) throw nodeError('ERR_STREAM_NULL_VALUES');
  throw nodeError('ERR_INVALID_ARG_TYPE', 'chunk', 'must be of type string or an instance of Buffer or Uint8Array', chunk);
}

module.exports = { byteLength, checkChunk, fixed, join, callbackOf, isLost };
