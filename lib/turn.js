'use strict';

/**
 * Walks the records of a turn: one handler after the other, each in its own async scope. Ticks and promises run behind each step (steps.js).
 * When a handler throws, the exception leaves through native, which reports it as uncaught, and the turn goes on behind the
 * record that threw: `cursor` has already passed it.
 */

const { constants } = require('node:os');
const binding = require('./binding');
const { OP, READ, LARGE, BROKEN, inbound: sharedInbound, command, scheduleFlush, expectNoMore, expectRecords, addon } = binding;
const { Connection } = require('./connection');
const { addConnection, connectionAt, count: countConnections, removeAll, removeConnection } = require('./connection-table');
const { beginReading, waitsForFormerDriver } = require('./driver-change');
const { finishEnded, hasEnded } = require('./ended-exchanges');
const { exchange } = require('./exchange');
const { parseError } = require('./errors');
const { Buffer, Map, copyBytes, latin1Slice, slice, subarray } = require('./primordials');
const { beginStep, endStep } = require('./steps');

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
/** In the offset of a payload: whatever is behind it in its slab has not been told and will not be (the engine's event::GIVEN). */
const GIVEN = 0x80000000 | 0;

/** Bytes of a slab: one read (the engine's blocks::READ_SIZE). */
const SLAB_SIZE = 66 * 1024;

/** Large payloads after which the program is one that moves bulk. */
const BULK = 256;
/**
 * Bytes that are asked for and let go, once, untouched. Large payloads die in droves, when V8 collects 64 MiB of them. glibc hands such memory back to
 * the kernel, which must then clear every page again: a fifth of the throughput of bulk. Whoever has freed a piece of the largest size it
 * maps by itself (32 MiB, mallopt(3), M_MMAP_THRESHOLD) has shown it a program for which twice that is worth keeping.
 */
const MALLOC_LESSON = (32 << 20) - 8192;

// As they were when this was loaded: a program's replacements are shown no memory that native reads into, and give us none.
const { allocUnsafeSlow } = Buffer;

/** Where the records of this turn are: the shared buffer, but for a record that is larger. */
let inbound = sharedInbound;
const sharedWords = new Int32Array(inbound.buffer);
let words = sharedWords;
/** Who waits for a connection under way, by token. */
const attempts = new Map();
let lastToken = 0;
/** By id. */
const servers = new Map();
/** Tells a connection or an attempt that native has failed. @type {Function[]} */
const orphans = [];
const runTicks = process._tickCallback;

let methods = null;
let errors = null;
let cursor = 0;
let end = 0;
/** Large payloads of this turn's records. Emptied as they are taken. */
let payloads = [];
/**
 * Buffers the inline driver reads into, by number. It replaces those of which views were made, and reads into the others again. No array: setters
 * of Array.prototype would be shown them.
 */
const slabs = { __proto__: null };
/** How many large payloads there have been, up to BULK. */
let bulk = 0;

/** See binding.turn */
function onTurn(bytes, newPayloads) {
  if (bytes === LARGE) {
    inbound = newPayloads[0];
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
    payloads = newPayloads;
    if (payloads.length > 0) countBulk(payloads.length);
  } else {
    if (bytes === BROKEN) breakDown();
    endStep();
    runTicks();
  }
  let hasRun = false;
  while (cursor < end) {
    const at = cursor;
    cursor = at + (words[at + 1] >> 2);
    beginStep();
    if (dispatch(at)) hasRun = true;
    if (isOneStep(at)) continue;
    endStep();
    if (hasRun) runTicks();
    hasRun = false;
  }
  while (orphans.length > 0) {
    orphans.pop()();
    runTicks();
  }
  while (hasEnded()) {
    if (finishEnded()) runTicks();
  }
}

/** Native has failed, and closed every socket: whoever waits for one hears of it behind the records there still are. */
function breakDown() {
  const errno = constants.errno.ECONNABORTED;
  for (const connection of removeAll()) orphans.push(() => connection.side.inScope(closedRecord, connection, errno, false));
  for (const [token, attempt] of attempts) orphans.push(() => forgetAttempt(token) && attempt(-errno));
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
      const chunk = payload(index, at + 7, words[at + 4], at + 5);
      if (chunk !== null) connection.side.inScope(bodyRecord, connection, chunk);
      return true;
    }
    case END:
      connection.side.inScope(endRecord, connection, trailersOf(at, connection));
      return true;
    case UPGRADE: {
      const chunk = payload(index, at + 9, words[at + 4], at + 5);
      connection.bytesRead = word53(at + 7);
      if ((connection.closing && connection.exchange !== undefined) || chunk === null) return chunk === null;
      connection.side.inScope((connection.exchange ?? exchange).onUpgrade, connection, words[at + 3], (flags & 1) !== 0, chunk);
      return true;
    }
    case RAW: {
      const chunk = payload(index, at + 6, words[at + 3], at + 4);
      if (chunk !== null) connection.side.inScope(rawRecord, connection, chunk);
      return true;
    }
    case EOF:
      connection.side.inScope(eofRecord, connection);
      return true;
    case PARSE_ERROR: {
      if (connection.closing) return false;
      const error = errors[words[at + 3]];
      const packet = payload(index, at + 8, words[at + 5], at + 6);
      if (packet === null) return true;
      connection.side.inScope((connection.exchange ?? exchange).onError, connection, parseError(error[0], error[1], words[at + 4], packet));
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
      if (waitsForFormerDriver(connection, index, words[at + 3], (flags & 1) !== 0)) return false;
      // What has changed drivers meanwhile goes with it.
      if (connection.index !== index && !connection.closed) command(OP.CLOSE, 0, connection, 0);
      connection.side.inScope(closedRecord, connection, words[at + 3], (flags & 1) !== 0);
      return true;
    case MOVED: {
      removeConnection(index);
      const { closedBefore } = connection;
      if (closedBefore === null) beginReading(connection, (flags & 1) !== 0);
      else connection.side.inScope(closedRecord, connection, closedBefore.errno, closedBefore.writing);
      return closedBefore !== null;
    }
    default:
      return false;
  }
}

/** So many large payloads more are on their way. */
function countBulk(count) {
  if (bulk >= BULK) return;
  bulk += count;
  if (bulk >= BULK) allocUnsafeSlow(MALLOC_LESSON);
}

/** A slab of `allocUnsafeSlow`'s: every byte of it that is shown has been read from a socket. */
function makeSlab(number) {
  if (slabs[number] !== undefined) countBulk(1);
  const slab = allocUnsafeSlow(SLAB_SIZE);
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
    remoteAddress: latin1Slice(inbound, text << 2, local),
    localAddress: latin1Slice(inbound, local, local + words[at + 8]),
  };
}

function onRequest(at, flags, connection) {
  connection.bytesRead = word53(at + 8);
  if (!connection.counted) return false;
  const info = words[at + 4];
  const targetLength = words[at + 5];
  const fieldsLength = words[at + 6];
  const start = (at + 10) << 2;
  const text = latin1Slice(inbound, start, start + targetLength + fieldsLength);
  const url = slice(text, 0, targetLength);
  const fields = slice(text, targetLength);
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
  if (attempt === undefined) {
    if (errno === 0) command(OP.CLOSE, 0, { index, generation: words[at + 3] }, 0);
    return false;
  }
  try {
    if (errno !== 0) attempt(-errno);
    else attempt(0, index, words[at + 3], peerOf(at, flags, at + 10));
  } finally {
    // Behind the connection that has come of it.
    forgetAttempt(token);
  }
  return true;
}

function onResponse(at, flags, connection) {
  connection.bytesRead = word53(at + 8);
  if (connection.closing) return false;
  const info = words[at + 4];
  const reasonLength = words[at + 5];
  const start = (at + 10) << 2;
  const text = latin1Slice(inbound, start, start + reasonLength + words[at + 6]);
  connection.response = {
    seq: words[at + 3],
    status: info & 0xffff,
    version: (info >>> 16) & 0xff | ((info >>> 24) << 8),
    reason: slice(text, 0, reasonLength),
    fields: slice(text, reasonLength),
    fieldCount: words[at + 7],
  };
  connection.side.inScope(responseRecords, connection, flags);
  return true;
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
    if (!isBody) {
      connection.onEnd(trailersOf(at, connection));
      continue;
    }
    const chunk = payload(connection.index, at + 7, words[at + 4], at + 5);
    if (chunk === null) return;
    connection.onBody(chunk);
  }
}

/** The trailer section of an END record, which also tells how much has been read. */
function trailersOf(at, connection) {
  connection.bytesRead = word53(at + 5);
  const length = words[at + 4];
  return length === 0 ? '' : latin1Slice(inbound, (at + 7) << 2, ((at + 7) << 2) + length);
}

/**
 * Whether the next record belongs to the step of the one at `at`: to Node what a packet brings is one step, in which no tick runs but behind
 * a piece of a body, so that an error finds the request it is told to. A FIN that comes too early, an error without a packet, is a step of its own.
 */
function isOneStep(at) {
  if (cursor >= end || words[cursor + 2] !== words[at + 2]) return false;
  const kind = words[at] & 0xff;
  if (kind !== REQUEST && kind !== END && kind !== RESPONSE) return false;
  const next = words[cursor] & 0xff;
  if (next === PARSE_ERROR) return words[cursor + 5] > 0;
  return kind !== RESPONSE && (next === REQUEST || next === BODY || next === END || next === UPGRADE);
}

/**
 * A payload, in memory of its own: a program may transfer that. A large one at the end of its read is a view of its slab, which is the
 * program's then; any other is copied out of what will be written to again.
 * @param {number} index of the connection that its record names
 * @param {number} at word where it stands if it stands in the record
 * @param {number} length in bytes
 * @param {number} place word that says where it is: -1 in the record, from 0 a Buffer of this turn's, from -2 downwards a slab
 * @return {Buffer|null} null: there was no memory, and now there is no connection
 */
function payload(index, at, length, place) {
  const number = words[place];
  if (number >= 0) {
    const chunk = payloads[number];
    payloads[number] = undefined;
    return chunk;
  }
  try {
    if (number === IN_RECORD) return copyOf(inbound, at << 2, length);
    const slab = slabs[-2 - number];
    const offset = words[place + 1];
    if (offset >= 0) return copyOf(slab, offset, length);
    const from = offset ^ GIVEN;
    return subarray(slab, from, from + length);
  } catch {
    lose(index);
    return null;
  }
}

/** Not of Node's pool: its memory is everybody's, and Node's chunks are not of it either. */
function copyOf(buffer, from, length) {
  const chunk = allocUnsafeSlow(length);
  if (length > 0) copyBytes(buffer, chunk, 0, from, from + length);
  return chunk;
}

/** There is no memory for what the peer has sent: a message with a hole in it is worse than none. Nobody hears what else is told of it. */
function lose(index) {
  const connection = connectionAt(index);
  command(OP.RESET, 0, connection, 0);
  removeConnection(index);
  if (!connection.closed) connection.side.inScope(closedRecord, connection, constants.errno.ENOMEM, false);
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

/** @return {boolean} whether anybody waited for it */
function forgetAttempt(token) {
  if (!attempts.delete(token)) return false;
  expectNoMore();
  return true;
}

binding.setTurnHandler(onTurn);
binding.setSlabMaker(makeSlab);
binding.setBeforeFlush(() => {
  endStep();
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
    expectRecords();
    return lastToken;
  },
  /** Connections and attempts that records may name, for tests that count. */
  tracked: () => countConnections() + attempts.size,
  forgetAttempt,
  /** Connections of this server may come. */
  addServer(id, server) {
    servers.set(id, server);
    expectRecords();
  },
  /** No more do. */
  removeServer(id) {
    if (servers.delete(id)) expectNoMore();
  },
};
