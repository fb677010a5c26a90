'use strict';

/**
 * Every number that crosses between the engine and JavaScript, by name. Written by `npm run layout` of src/engine/layout: numbers are
 * changed there. Whoever uses one takes it into a `const` of its module, which costs no more than the number itself.
 */
module.exports = Object.freeze({
  /** Kinds of records. */
  kinds: Object.freeze({
    /** A connection has been accepted. */
    CONNECTION: 1,
    /** The head of a request. */
    REQUEST: 2,
    /** A piece of a message's body. */
    BODY: 3,
    /** The end of a message with a body. */
    END: 4,
    /** The read that brought an upgrade candidate has been parsed: what followed it. */
    UPGRADE: 5,
    /** Bytes of the protocol switched to. */
    RAW: 6,
    /** The peer's FIN, after every request that came before it. */
    EOF: 7,
    /** The peer broke the protocol. */
    PARSE_ERROR: 8,
    /** A limit has passed. */
    TIMEOUT: 9,
    /** What was written has left. */
    ACK: 10,
    /** The connection is gone. */
    CLOSED: 11,
    /** The head of a response. */
    RESPONSE: 12,
    /** What came of an attempt to connect. */
    CONNECTED: 13,
    /** The last word of whoever had the connection before. */
    MOVED: 14,
    /** Whether JavaScript is to give more bytes of a stream that it moves itself. */
    DEMAND: 15,
  }),
  /** Kinds whose bytes belong to no message, but to whoever has the connection's stream. */
  streamKinds: Object.freeze({
    UPGRADE: 5,
    RAW: 6,
  }),
  /** Words of records, by kind. */
  words: Object.freeze({
    CONNECTION_GENERATION: 3,
    /** Its id. */
    CONNECTION_SERVER: 4,
    CONNECTION_ENDS: 5,
    /** Where bytes begin: remote address, local address. */
    CONNECTION_BYTES: 9,
    REQUEST_SEQ: 3,
    /** Method index | minor << 16 | major << 24. */
    REQUEST_LINE: 4,
    REQUEST_TARGET_LENGTH: 5,
    REQUEST_FIELDS_LENGTH: 6,
    REQUEST_BYTES_READ: 7,
    /** Where bytes begin: target, then `name NUL value NUL name NUL value` (latin1, no trailing NUL). */
    REQUEST_BYTES: 9,
    BODY_PAYLOAD: 3,
    /** Where bytes begin: the payload, when it is here. */
    BODY_BYTES: 6,
    END_TRAILERS_LENGTH: 3,
    END_BYTES_READ: 4,
    /** Where bytes begin: trailers as the fields of REQUEST. */
    END_BYTES: 6,
    UPGRADE_SEQ: 3,
    UPGRADE_PAYLOAD: 4,
    UPGRADE_BYTES_READ: 7,
    /** Where bytes begin: the payload, when it is here. */
    UPGRADE_BYTES: 9,
    RAW_PAYLOAD: 3,
    /** Where bytes begin: the payload, when it is here. */
    RAW_BYTES: 6,
    /** In `parseErrors()`. */
    PARSE_ERROR_INDEX: 3,
    PARSE_ERROR_BYTES_PARSED: 4,
    PARSE_ERROR_PAYLOAD: 5,
    /** Where bytes begin: the payload, which is the packet, when it is here. */
    PARSE_ERROR_BYTES: 8,
    /** Bytes of commands, so far. */
    ACK_FLUSHED: 3,
    /** Positive; 0: clean. */
    CLOSED_ERRNO: 3,
    RESPONSE_SEQ: 3,
    /** Status | minor << 16 | major << 24. */
    RESPONSE_LINE: 4,
    RESPONSE_REASON_LENGTH: 5,
    RESPONSE_FIELDS_LENGTH: 6,
    RESPONSE_FIELD_COUNT: 7,
    RESPONSE_BYTES_READ: 8,
    /** Where bytes begin: reason, then fields as in REQUEST. */
    RESPONSE_BYTES: 10,
    CONNECTED_GENERATION: 3,
    CONNECTED_TOKEN: 4,
    CONNECTED_ENDS: 5,
    /** Positive; 0: connected. */
    CONNECTED_ERRNO: 9,
    /** Where bytes begin: remote address, local address. */
    CONNECTED_BYTES: 10,
  }),
  /** What each record begins with. */
  head: Object.freeze({
    /** Word of the record's size. */
    SIZE: 1,
    /** Word of the connection's index. */
    INDEX: 2,
    /** Bits of the first word: which kind, or command. */
    KIND: 255,
    /** The flags are above. */
    FLAGS_SHIFT: 8,
  }),
  /** The words of a number that has two. JavaScript is exact to 2^53. */
  wide: Object.freeze({
    /** Bits 0 to 31. */
    LOW: 0,
    /** Those above. */
    HIGH: 1,
  }),
  /** Words of a payload, from its first one. */
  payload: Object.freeze({
    LENGTH: 0,
    PLACE: 1,
    OFFSET: 2,
  }),
  /** The place of a payload that is not in a block. (A block's number is 0 or more; to JavaScript it is that of a Buffer of the turn's, which is the payload and nothing else.) */
  places: Object.freeze({
    /** In the record. */
    IN_RECORD: -1,
    /** In slab 0; slab 1 is the number below, and so on. */
    FIRST_SLAB: -2,
    /** In the bytes that JavaScript has just given of a stream of its own. */
    IN_GIVEN: -2147483648,
    /** In the offset: nothing after the payload in its read will be named, so whoever gets it may have its block. */
    GIVEN: -2147483648,
  }),
  /** The start line in one word. */
  line: Object.freeze({
    /** Bits: the method's index, or the status. */
    CODE: 65535,
    /** Above: minor version, then the major one. */
    VERSION_SHIFT: 16,
  }),
  /** Words of a connection's ends, from the first one. */
  ends: Object.freeze({
    REMOTE_PORT: 0,
    LOCAL_PORT: 1,
    REMOTE_LENGTH: 2,
    LOCAL_LENGTH: 3,
  }),
  /** What sort of socket a connection has. */
  families: Object.freeze({
    /** A Unix socket. */
    UNIX: 0,
    /** TCP over IPv4. */
    IPV4: 4,
    /** TCP over IPv6. */
    IPV6: 6,
  }),
  /** Flags of CONNECTION. */
  connectionFlags: Object.freeze({
    /** Bits of the family, as the flags of CONNECTED. */
    FAMILY: 7,
    /** Nothing is read before TAP. */
    HELD: 8,
  }),
  /** Flags of REQUEST and RESPONSE. */
  messageFlags: Object.freeze({
    /** The connection persists after this message (RFC 9112 §9.3). */
    KEEP_ALIVE: 1,
    /** A candidate, for which the engine waits for DECIDE; of a response, the switch. */
    UPGRADE: 2,
    /** BODY, any number of times, and END follow. */
    HAS_BODY: 4,
    /** There is at least one Host field. */
    HAS_HOST: 8,
    /** `Expect` contains `100-continue`, and the version is not below 1.1. */
    EXPECT_CONTINUE: 16,
    /** An `Expect` with any other value. */
    EXPECT_OTHER: 32,
    /** The last of a burst: nothing after it is parsed before GO_ON. */
    REST: 64,
  }),
  /** Flags of UPGRADE. */
  upgradeFlags: Object.freeze({
    /** The message's body is complete. */
    COMPLETE: 1,
  }),
  /** Which limit has passed: flags of TIMEOUT. */
  expired: Object.freeze({
    /** Of a head. */
    HEAD: 1,
    /** Of a message. */
    REQUEST: 2,
    /** Between two requests. */
    KEEP_ALIVE: 3,
  }),
  /** Flags of CLOSED. */
  closedFlags: Object.freeze({
    /** The failing call was a write. */
    WRITING: 1,
  }),
  /** Flags of MOVED. */
  movedFlags: Object.freeze({
    /** The peer's FIN has come. */
    ENDED: 1,
  }),
  /** Flags of DEMAND. */
  demandFlags: Object.freeze({
    /** It is; without, it is to wait for the next one of these. */
    MORE: 1,
  }),
  /** Commands. */
  ops: Object.freeze({
    /** Bytes of the message `seq`, or of the upgraded stream: `head length` bytes as they are, the rest framed. */
    WRITE: 1,
    /** Raw bytes ahead of whatever has not been sent. */
    WRITE_NOW: 2,
    /** Decides about an upgrade candidate. */
    DECIDE: 3,
    /** JavaScript has consumed so much of BODY and RAW. */
    CREDIT: 4,
    /** FIN once all queued bytes have left, and what there was to read by then has been told; then ACK. */
    SHUTDOWN: 5,
    /** One attempt to flush, then close. */
    CLOSE: 6,
    /** Close with RST. */
    RESET: 7,
    /** TCP_NODELAY. */
    NO_DELAY: 8,
    /** SO_KEEPALIVE. */
    KEEP_ALIVE: 9,
    /** Outgoing: the response to request `seq` comes next; payload: the limit of its head in decimal digits, empty for MAX_HEADER_SIZE. */
    EXPECT: 10,
    /** The handlers of a burst have run. */
    GO_ON: 11,
    /** Who gets the peer's bytes from now on. */
    TAP: 12,
    /** Payload: bytes for the parser, as if they had been read. */
    FEED: 13,
    /** Another driver, or another process, has the connection: forget it, and say so (MOVED). */
    RELEASE: 14,
  }),
  /** Words of a command. */
  command: Object.freeze({
    GENERATION: 3,
    ARGUMENT: 4,
    PAYLOAD_LENGTH: 5,
    /** How much of the payload is a message's head, as it is. */
    HEAD_LENGTH: 6,
    /** Where the payload begins. */
    PAYLOAD: 7,
  }),
  /** Flags of WRITE and WRITE_NOW. */
  writeFlags: Object.freeze({
    /** Frame the payload after the head as one chunk (RFC 9112 §7.1). */
    CHUNKED: 1,
    /** The message ends here. */
    LAST: 2,
    /** Close the connection once everything is flushed. */
    CLOSE: 4,
    /** Tell when flushed. */
    ACK: 8,
    /** With LAST: the payload brings its own last chunk and trailer section, and is not framed. */
    TRAILERS: 16,
  }),
  /** Flags of DECIDE. */
  decideFlags: Object.freeze({
    /** The connection is JavaScript's. */
    ACCEPTED: 1,
  }),
  /** Flags of CLOSE. */
  closeFlags: Object.freeze({
    /** Only if something is left to send. */
    UNLESS_SENT: 1,
    /** Unless a request has begun to come, or waits for its answer. */
    UNLESS_BUSY: 2,
  }),
  /** Flags of KEEP_ALIVE. */
  keepAliveFlags: Object.freeze({
    /** It is to be on. */
    ON: 1,
  }),
  /** Flags of EXPECT. */
  expectFlags: Object.freeze({
    /** The request is a HEAD. */
    HEAD: 1,
    /** The request is a CONNECT. */
    CONNECT: 2,
    /** Accept what insecureHTTPParser accepts. */
    INSECURE: 4,
    /** There is no request: for now the connection is a plain stream (RAW). */
    NOTHING: 8,
    /** Accept control characters in field values. */
    RELAXED: 16,
  }),
  /** How much of what comes is checked: `validation` of a server's configuration. */
  validation: Object.freeze({
    /** What RFC 9112 asks for. */
    STRICT: 0,
    /** Control characters may stand in field values, NUL, CR and LF excepted: Node's `httpValidation: 'relaxed'`. */
    RELAXED: 1,
    /** What only insecureHTTPParser gets past as well. */
    INSECURE: 2,
  }),
  /** Who gets the peer's bytes: the low bits of TAP's argument. */
  readers: Object.freeze({
    /** The protocol core, once JavaScript has had all that was told as RAW; until then RAW goes on. */
    PARSER: 0,
    /** JavaScript, as RAW. */
    JAVASCRIPT: 1,
    /** Nobody for now. */
    NOBODY: 2,
    /** Nobody, there will be none: another driver has seen the FIN. */
    ENDED: 3,
  }),
  /** The argument of TAP. */
  tap: Object.freeze({
    /** Bits: who reads. */
    READER: 255,
    /** Above: how many bytes of RAW JavaScript has had, as many bits as there are. More are never on their way. */
    HAD_SHIFT: 8,
  }),
  /** Flags of TAP. */
  tapFlags: Object.freeze({
    /** HTTP has not begun, or is over: whoever reads is a program, and no limit of time counts. */
    PLAIN: 1,
  }),
  /** Flags of FEED. */
  feedFlags: Object.freeze({
    /** And the end of the input; EOF follows. */
    END: 1,
  }),
  /** What `turn()` is called with instead of a number of bytes. */
  turns: Object.freeze({
    /** The last turn threw, which has been reported: go on after the record that threw. */
    AFTER_THROW: -1,
    /** A handler runs a nested event loop: go on after its record. */
    NESTED: -2,
    /** One record, larger than the buffer, is the first payload. */
    LARGE: -3,
    /** The engine has failed, no connection is left. */
    BROKEN: -4,
  }),
  /** What both sides count by. */
  limits: Object.freeze({
    /** Bytes of one read, and of a slab. */
    READ_SIZE: 67584,
    /** A connection's index is `number << STRIDE_BITS | thread`; thread 0 is JavaScript's own, the inline driver. */
    STRIDE_BITS: 6,
    /** In a thread's place: connections over streams that JavaScript owns and moves. */
    STREAMS: 63,
    /** Bytes of a head, unless somebody says otherwise. */
    MAX_HEADER_SIZE: 16384,
    /** Fields of a head, unless somebody says otherwise: what Node's `maxHeadersCount` amounts to. */
    MAX_FIELDS: 1000,
    /** Bytes of BODY and RAW on their way to JavaScript without CREDIT after which the engine stops reading. */
    WINDOW: 131072,
  }),
  /** Statuses of the answers to what a peer does wrong; 400 where there is none. */
  statuses: Object.freeze({
    /** Header overflow */
    HPE_HEADER_OVERFLOW: 431,
    /** Chunk extensions overflow */
    HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  }),
});
