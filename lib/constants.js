'use strict';

/** Flags of a write: docs/architecture.md, op WRITE. */
module.exports = Object.freeze({
  /** Frame the bytes behind the head as a chunk. */
  CHUNKED: 1,
  /** The message ends here. */
  LAST: 2,
  /** Close the connection once everything is flushed. */
  CLOSE: 4,
  /** Tell when flushed. */
  ACK: 8,
  /** LAST whose bytes bring the last chunk and the trailer section with them; they are not framed. */
  TRAILERS: 16,
});
