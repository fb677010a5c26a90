'use strict';

/**
 * Bulk: a program that moves large payloads, in or out. Their memory is allocated and freed at a rate at which it matters whether malloc keeps it.
 * V8 frees what was received many pieces at a time, whenever 64 MiB of them have become garbage; a thread frees what it has sent. glibc would give
 * all this back to the kernel, which must clear each page before it can be used again: more work than everything else done with a payload.
 */

const { Buffer } = require('../base/primordials');

/** Large payloads after which a program is one that moves bulk. */
const BULK = 256;
/**
 * Bytes that are allocated once, and freed without having been touched. glibc adapts to what it sees freed (mallopt(3), M_MMAP_THRESHOLD):
 * once that was a piece of 32 MiB, it keeps up to twice as much.
 */
const MALLOC_LESSON = (32 << 20) - 8192;

const { allocUnsafeSlow } = Buffer;

/** How many large payloads there have been, up to BULK. */
let moved = 0;

/** So many large payloads more are on their way. */
function countBulk(count) {
  if (moved >= BULK) return;
  moved += count;
  if (moved >= BULK) allocUnsafeSlow(MALLOC_LESSON);
}

module.exports = { countBulk };
