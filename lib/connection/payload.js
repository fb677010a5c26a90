'use strict';

/**
 * Payloads: the bytes that a record tells of, in memory of their own, since a program may transfer that. Where they are the record says: in itself, in
 * a Buffer that came with the turn, in a slab that the inline driver has read into, or in what a stream of JavaScript's has brought.
 */

const { countBulk } = require('../seam/bulk');
const layout = require('../seam/layout');
const { Buffer, copyBytes, subarray } = require('../base/primordials');

const { LENGTH, PLACE, OFFSET } = layout.payload;
const { IN_RECORD, IN_GIVEN, FIRST_SLAB, GIVEN } = layout.places;
/** Bytes of a slab: one read. */
const { READ_SIZE } = layout.limits;

// As it was when this was loaded: a program's replacement is shown no memory that native reads into, and gives us none.
const { allocUnsafeSlow } = Buffer;

/** Large payloads of this turn's records. Emptied as they are taken. */
let buffers = [];
/**
 * Buffers the inline driver reads into, by number. It replaces those of which views were made, and reads into the others again. No array: setters
 * of Array.prototype would be shown them.
 */
const slabs = { __proto__: null };

/** A turn begins. @param {Buffer[]} ofTurn what came with it */
function setBuffers(ofTurn) {
  buffers = ofTurn;
  if (buffers.length > 0) countBulk(buffers.length);
}

/** A slab of `allocUnsafeSlow`'s: every byte of it that is shown has been read from a socket. */
function makeSlab(number) {
  if (slabs[number] !== undefined) countBulk(1);
  const slab = allocUnsafeSlow(READ_SIZE);
  slabs[number] = slab;
  return slab;
}

/**
 * A large payload at the end of its read is a view of its slab, which is the program's then; any other is copied out of what will be written to
 * again.
 * @param {Int32Array} words where the records are
 * @param {number} about word where it is said how long it is and in what place: the record, a Buffer of this turn's (from 0 on), or a slab
 * @param {Buffer} bytes the memory of `words`
 * @param {number} at byte where it stands if it stands in the record
 * @param {Buffer|null} given what a stream has brought
 * @param {boolean} isView a payload in there is to be a view of it
 * @param {boolean} isOurs nobody else has the memory of `given`
 * @return {Buffer|null} null: there was no memory
 */
function takePayload(words, about, bytes, at, given, isView, isOurs) {
  const length = words[about + LENGTH];
  const number = words[about + PLACE];
  if (number >= 0) {
    const chunk = buffers[number];
    buffers[number] = undefined;
    return chunk;
  }
  try {
    if (number === IN_RECORD) return copyOf(bytes, at, length);
    const offset = words[about + OFFSET];
    if (number === IN_GIVEN) return partOf(given, offset, length, isView, isOurs);
    const slab = slabs[FIRST_SLAB - number];
    if (offset >= 0) return copyOf(slab, offset, length);
    const from = offset ^ GIVEN;
    return subarray(slab, from, from + length);
  } catch {
    return null;
  }
}

/**
 * What lies in what a stream of JavaScript's has brought. That may be looked at by others, or written to again, and other payloads lie in it: who gets
 * a piece of a body gets a copy, as with node:http.
 * @return {Buffer|null} null: its memory has been given away since it was parsed
 */
function partOf(given, from, length, isView, isOurs) {
  if (given.length < from + length) return null;
  if (isView) return subarray(given, from, from + length);
  return isOurs && length === given.buffer.byteLength ? given : copyOf(given, from, length);
}

/** Not of Node's pool: its memory is everybody's, and Node's chunks are not of it either. */
function copyOf(buffer, from, length) {
  const chunk = allocUnsafeSlow(length);
  if (length > 0) copyBytes(buffer, chunk, 0, from, from + length);
  return chunk;
}

module.exports = { makeSlab, setBuffers, takePayload };
