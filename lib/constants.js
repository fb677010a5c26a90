'use strict';

/** Flags that cross to and from the engine: docs/architecture.md. */
module.exports = Object.freeze({
  // ---- of WRITE
  /** Frame the bytes after the head as a chunk. */
  CHUNKED: 1,
  /** The message ends here. */
  LAST: 2,
  /** Close the connection once everything is flushed. */
  CLOSE: 4,
  /** Tell when flushed. */
  ACK: 8,
  /** LAST whose bytes bring the last chunk and the trailer section with them; they are not framed. */
  TRAILERS: 16,

  // ---- of REQUEST and RESPONSE
  /** The connection persists after the message. */
  KEEP_ALIVE: 1,
  /** A request that may become another protocol's connection, a response that makes it one. */
  UPGRADE: 2,
  /** BODY records and END follow. */
  HAS_BODY: 8,
});
