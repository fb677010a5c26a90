'use strict';

/**
 * Walks the records of a turn: one handler after the other, each in its own async scope, ticks and promises run in between.
 * When a handler throws, the exception leaves through native, which reports it as uncaught, and the turn goes on behind the
 * record that threw: `cursor` has already passed it.
 */

const { OP, READ, LARGE, inbound: sharedInbound, command, scheduleFlush, setTurnHandler, setSlabMaker, setBeforeFlush, addon } = require('./binding');
const { Connection } = require('./connection');
const { addConnection, connectionAt, count: countConnections, removeConnection } = require('./connection-table');
const { beginReading } = require('./driver-change');
const { finishEnded, hasEnded } = require('./ended-exchanges');
const { exchange } = require('./exchange');
const { parseError } = require('./errors');

/** Kinds of records. */
const CONNECTION = 1;
const REQUEST = 2;
const BODY = 3;
const END = 4;
const UPGRADE = 5;
const RAW = 6;
const EOF = 7;
const PARSE_ERROR = 8;
const TIMEOUT = 9;
const ACK = 10;
const CLOSED = 11;
const RESPONSE = 12;
const CONNECTED = 13;
const MOVED = 14;

/** Flag of CONNECTION: nothing is read before JavaScript says so. */
const HELD = 8;

/** The place of a payload that stands in its record. */
const IN_RECORD = -1;
/** Bytes; a payload from here on is a view of its slab, which is then given away (the engine's blocks::VIEW). */
const VIEW = 32 * 1024;

/** Bytes of a slab: four pieces of 64 KiB and the rest of the last one's room (the engine's blocks::READ_SIZE is 66 KiB). */
const SLAB_SIZE = 258 * 1024;

/** Slabs given away after which the program is one that moves bulk. */
const BULK_SLABS = 64;
/**
 * Bytes that are asked for and let go, once, untouched. Slabs die in droves, when V8 collects 64 MiB of them. glibc hands such memory back to
 * the kernel, which must then clear every page again: a fifth of the throughput of bulk. Whoever has freed a piece of the largest size it
 * maps by itself (32 MiB, mallopt(3), M_MMAP_THRESHOLD) has shown it a program for which twice that is worth keeping.
 */
const MALLOC_LESSON = (32 << 20) - 8192;

/** Where the records of this turn are: the shared buffer, but for a record that is larger. */
let inbound = sharedInbound;
const sharedWords = new Int32Array(inbound.buffer);
let words = sharedWords;
/** Who waits for a connection under way, by token. */
const attempts = new Map();
let lastToken = 0;
/** By id. */
const servers = new Map();
const runTicks = process._tickCallback;

let methods = null;
let errors = null;
let cursor = 0;
let end = 0;
/** Of the last batch that had any; a batch may take several turns. Emptied as they are taken. */
let blocks = [];
/** Buffers the inline driver reads into, by number. It replaces those of which views were made, and reads into the others again. */
const slabs = [];
/** How many have been given away, up to BULK_SLABS and on. */
let replaced = 0;

/** See binding.turn */
function onTurn(bytes, newBlocks) {
  if (bytes === LARGE) {
    [inbound] = newBlocks;
    words = new Int32Array(inbound.buffer, inbound.byteOffset, inbound.length >> 2);
    cursor = 0;
    end = words.length;
  } else if (bytes >= 0) {
    if (words !== sharedWords) {
      inbound = sharedInbound;
      words = sharedWords;
    }
    cursor = 0;
    end = bytes >> 2;
    if (newBlocks !== undefined) blocks = newBlocks;
  } else {
    runTicks();
  }
  while (cursor < end) {
    const at = cursor;
    cursor = at + (words[at + 1] >> 2);
    if (dispatch(at)) runTicks();
  }
  while (hasEnded()) {
    if (finishEnded()) runTicks();
  }
}

/** @return {boolean} whether user code may have run */
function dispatch(at) {
  const head = words[at];
  const flags = head >>> 8;
  const index = words[at + 2];
  const kind = head & 0xff;
  if (kind === CONNECTION) return onConnection(at, flags, index);
  if (kind === CONNECTED) return onConnected(at, flags, index);
  const connection = connectionAt(index);
  if (connection === undefined) return false;
  switch (kind) {
    case REQUEST:
      return onRequest(at, flags, connection);
    case RESPONSE:
      return onResponse(at, flags, connection);
    case BODY: {
      const chunk = payload(at + 7, words[at + 4], at + 5);
      connection.side.inScope(bodyRecord, connection, chunk);
      return true;
    }
    case END:
      connection.side.inScope(endRecord, connection, trailersOf(at, connection));
      return connection.exchange === undefined || !isRefusedNext(index);
    case UPGRADE: {
      const chunk = payload(at + 9, words[at + 4], at + 5);
      connection.bytesRead = word53(at + 7);
      if (connection.closing) return false;
      connection.side.inScope((connection.exchange ?? exchange).onUpgrade, connection, words[at + 3], (flags & 1) !== 0, chunk);
      return true;
    }
    case RAW:
      connection.side.inScope(rawRecord, connection, payload(at + 6, words[at + 3], at + 4));
      return true;
    case EOF:
      connection.side.inScope(eofRecord, connection);
      return true;
    case PARSE_ERROR: {
      if (connection.closing) return false;
      const [code, reason] = errors[words[at + 3]];
      const packet = payload(at + 8, words[at + 5], at + 6);
      connection.side.inScope((connection.exchange ?? exchange).onError, connection, parseError(code, reason, words[at + 4], packet));
      return true;
    }
    case TIMEOUT:
      if (connection.closing) return false;
      connection.side.inScope(exchange.onTimeout, connection, flags);
      return true;
    case ACK:
      connection.side.inScope(ackRecord, connection, word53(at + 3));
      return true;
    case CLOSED:
      removeConnection(index);
      // What has changed drivers meanwhile goes with it.
      if (connection.index !== index && !connection.closed) command(OP.CLOSE, 0, connection, 0);
      connection.side.inScope(closedRecord, connection, words[at + 3], (flags & 1) !== 0);
      return true;
    case MOVED:
      removeConnection(index);
      beginReading(connection, (flags & 1) !== 0);
      return false;
    default:
      return false;
  }
}

/** A slab of `allocUnsafeSlow`'s: every byte of it that is shown has been read from a socket. */
function makeSlab(number) {
  if (slabs[number] !== undefined && ++replaced === BULK_SLABS) Buffer.allocUnsafeSlow(MALLOC_LESSON);
  const slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
  slabs[number] = slab;
  return slab;
}

function onConnection(at, flags, index) {
  const server = servers.get(words[at + 4]);
  if (server === undefined) {
    // Accepted while close() was on its way: nobody will answer.
    command(OP.CLOSE, 0, { index, generation: words[at + 3] }, 0);
    return false;
  }
  const connection = new Connection(server, index, words[at + 3], peerOf(at, flags & 7, at + 9));
  addConnection(connection);
  if ((flags & HELD) === 0) return connection.side.admit(connection);
  connection.readBy = READ.NOBODY;
  try {
    return connection.side.admit(connection);
  } finally {
    connection.setReader();
  }
}

/** Both ends of a connection, from CONNECTION or CONNECTED. @param {number} version of IP, 0: a Unix socket @param {number} text word where the addresses begin */
function peerOf(at, version, text) {
  if (version === 0) return { family: undefined, remotePort: undefined, localPort: undefined, remoteAddress: undefined, localAddress: undefined };
  const local = (text << 2) + words[at + 7];
  return {
    family: version === 6 ? 'IPv6' : 'IPv4',
    remotePort: words[at + 5],
    localPort: words[at + 6],
    remoteAddress: inbound.latin1Slice(text << 2, local),
    localAddress: inbound.latin1Slice(local, local + words[at + 8]),
  };
}

function onRequest(at, flags, connection) {
  connection.bytesRead = word53(at + 8);
  if (connection.closing) return false;
  const info = words[at + 4];
  const targetLength = words[at + 5];
  const fieldsLength = words[at + 6];
  const start = (at + 10) << 2;
  const text = inbound.latin1Slice(start, start + targetLength + fieldsLength);
  const url = text.slice(0, targetLength);
  const fields = text.slice(targetLength);
  exchange.onRequest(
    connection,
    words[at + 3],
    flags,
    methods[info & 0xff],
    url,
    ((info >>> 16) & 0xff) << 8 | ((info >>> 8) & 0xff),
    fields,
    words[at + 7],
  );
  return true;
}

/** What came of an attempt to connect. Nobody waits for one that was given up. */
function onConnected(at, flags, index) {
  const token = words[at + 4];
  const errno = words[at + 9];
  const attempt = attempts.get(token);
  attempts.delete(token);
  if (attempt === undefined) {
    if (errno === 0) command(OP.CLOSE, 0, { index, generation: words[at + 3] }, 0);
    return false;
  }
  if (errno !== 0) {
    attempt(-errno);
    return true;
  }
  attempt(0, index, words[at + 3], peerOf(at, flags, at + 10));
  return true;
}

function onResponse(at, flags, connection) {
  connection.bytesRead = word53(at + 8);
  if (connection.closing) return false;
  const info = words[at + 4];
  const reasonLength = words[at + 5];
  const start = (at + 10) << 2;
  const text = inbound.latin1Slice(start, start + reasonLength + words[at + 6]);
  connection.response = {
    seq: words[at + 3],
    status: info & 0xffff,
    version: (info >>> 16) & 0xff | ((info >>> 24) << 8),
    reason: text.slice(0, reasonLength),
    fields: text.slice(reasonLength),
    fieldCount: words[at + 7],
  };
  connection.side.inScope(responseRecords, connection, flags);
  return !isRefusedNext(connection.index);
}

/** A response with as much of its body as came along: to Node, too, one step in which no tick runs. Large pieces come by themselves. */
function responseRecords(connection, flags) {
  connection.exchange.onResponse(connection, flags);
  while (cursor < end && words[cursor + 2] === connection.index) {
    const at = cursor;
    const kind = words[at] & 0xff;
    const isBody = kind === BODY && words[at + 5] === IN_RECORD;
    if (!isBody && kind !== END) return;
    cursor = at + (words[at + 1] >> 2);
    if (isBody) connection.onBody(payload(at + 7, words[at + 4], at + 5));
    else connection.onEnd(trailersOf(at, connection));
  }
}

/** The trailer section of an END record, which also tells how much has been read. */
function trailersOf(at, connection) {
  connection.bytesRead = word53(at + 5);
  const length = words[at + 4];
  return length === 0 ? '' : inbound.latin1Slice((at + 7) << 2, ((at + 7) << 2) + length);
}

/**
 * Whether the next record refuses what stood behind this message: to Node both are one step, in which no tick runs, so that the
 * error finds the request it is told to. A FIN that comes too early, an error without a packet, is a step of its own.
 */
function isRefusedNext(index) {
  return cursor < end && (words[cursor] & 0xff) === PARSE_ERROR && words[cursor + 2] === index && words[cursor + 5] > 0;
}

/**
 * A payload: a view of the block it was read into, or a copy out of the inbound buffer, which the next turn overwrites.
 * @param {number} at word where it stands if it stands in the record
 * @param {number} length in bytes
 * @param {number} place word that says where it is: -1 in the record, from 0 a block, from -2 downwards a slab
 */
function payload(at, length, place) {
  const block = words[place];
  if (block < IN_RECORD) {
    const slab = slabs[-2 - block];
    const from = words[place + 1];
    if (length >= VIEW) return slab.subarray(from, from + length);
    // Not of the pool: a piece of this size would push out everything else that lives in it.
    const chunk = Buffer.allocUnsafeSlow(length);
    slab.copy(chunk, 0, from, from + length);
    return chunk;
  }
  if (block >= 0) {
    const chunk = blocks[block];
    if (chunk.length === length) {
      blocks[block] = undefined;
      return chunk;
    }
    const from = words[place + 1];
    return chunk.subarray(from, from + length);
  }
  if (length === 0) return Buffer.alloc(0);
  const chunk = Buffer.allocUnsafe(length);
  inbound.copy(chunk, 0, at << 2, (at << 2) + length);
  return chunk;
}

/**
 * Whether a record that is still to be walked brings bytes of the connection's stream: what its user has not got yet.
 * @param {number} index
 */
function hasStreamBytes(index) {
  for (let at = cursor; at < end; at += words[at + 1] >> 2) {
    const kind = words[at] & 0xff;
    if ((kind === RAW || kind === UPGRADE) && words[at + 2] === index) return true;
  }
  return false;
}

/** Two words as a number; exact to 2^53. */
function word53(at) {
  return (words[at] >>> 0) + words[at + 1] * 4294967296;
}

function bodyRecord(connection, chunk) {
  connection.onBody(chunk);
}
function endRecord(connection, trailers) {
  connection.onEnd(trailers);
}
function rawRecord(connection, chunk) {
  connection.onRaw(chunk);
}
function eofRecord(connection) {
  connection.onPeerEnd();
}
function ackRecord(connection, total) {
  connection.onAck(total);
}
function closedRecord(connection, errno, writing) {
  connection.onClose(errno, writing);
}

setTurnHandler(onTurn);
setSlabMaker(makeSlab);
setBeforeFlush(() => {
  try {
    while (hasEnded()) finishEnded();
  } finally {
    if (hasEnded()) scheduleFlush();
  }
});

module.exports = {
  hasStreamBytes,
  /** Learns the tables the engine numbers by; needs the addon. */
  loadTables() {
    if (methods !== null) return;
    methods = addon().methods();
    errors = addon().parseErrors();
  },
  /**
   * @param {(errno: number, index?: number, generation?: number, peer?: object) => void} attempt hears what comes of it, unless forgotten
   * @return {number} the token that names it
   */
  addAttempt(attempt) {
    lastToken = (lastToken % 0x3fffffff) + 1;
    attempts.set(lastToken, attempt);
    return lastToken;
  },
  /** Connections and attempts that records may name, for tests that count. */
  tracked: () => countConnections() + attempts.size,
  forgetAttempt: (token) => attempts.delete(token),
  addServer: (id, server) => servers.set(id, server),
  removeServer: (id) => servers.delete(id),
};
