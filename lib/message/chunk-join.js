'use strict';

/** Chunks written in one tick as one chunk. `parts` holds chunk, encoding and callback of each in turn. */

const { Buffer, charCodeAt, each } = require('../base/primordials');

/** @return {string|Uint8Array|null} all chunks as one; each encoded by itself where it matters; null: memory of one has been given away since */
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

module.exports = { join, callbackOf, isLost };
