'use strict';

/** Flags of a write: docs/architecture.md, op WRITE. */
module.exports = Object.freeze({
  CHUNKED: 1,
  LAST: 2,
  CLOSE: 4,
  ACK: 8,
  TRAILERS: 16,
});
