'use strict';

/**
 * Walks the records of a turn: one handler after the other, each in its own async scope. Ticks and promises run after each step (steps.js).
 * When a handler throws, the exception leaves through native, which reports it as uncaught, and the turn goes on after the
 * record that threw: `cursor` has already passed it.
 */

const { constants } = require('node:os');
const binding = require('../seam/binding');
const { OP, READ, inbound: sharedInbound, command, scheduleFlush, expectNoMore, expectRecords, addon } = binding;
const { Connection } = require('./connection');
const { addConnection, connectionAt, count: countConnections, removeAll, removeConnection } = require('../seam/connection-table');
const { beginReading, waitsForFormerDriver } = require('./driver-change');
const { finishEnded, hasEnded } = require('./ended-exchanges');
const { parseError } = require('../base/errors');
const layout = require('../seam/layout');
const { runTicks } = require('../base/node-internals');
const { makeSlab, setBuffers, takePayload } = require('./payload');
const { Map, each, latin1Slice, slice } = require('../base/primordials');
const { beginStep, endStep } = require('../message/steps');
const { kSide } = require('../base/symbols');

const { CONNECTION, REQUEST, BODY, END, UPGRADE, RAW, EOF, PARSE_ERROR, TIMEOUT, ACK, CLOSED, RESPONSE, CONNECTED, MOVED, DEMAND } = layout.kinds;
const { SIZE, INDEX, KIND, FLAGS_SHIFT } = layout.head;
const {
  CONNECTION_GENERATION, CONNECTION_SERVER, CONNECTION_ENDS, CONNECTION_BYTES,
  CONNECTED_GENERATION, CONNECTED_TOKEN, CONNECTED_ENDS, CONNECTED_ERRNO, CONNECTED_BYTES,
  REQUEST_SEQ, REQUEST_LINE, REQUEST_TARGET_LENGTH, REQUEST_FIELDS_LENGTH, REQUEST_BYTES_READ, REQUEST_BYTES,
  RESPONSE_SEQ, RESPONSE_LINE, RESPONSE_REASON_LENGTH, RESPONSE_FIELDS_LENGTH, RESPONSE_FIELD_COUNT, RESPONSE_BYTES_READ, RESPONSE_BYTES,
  BODY_PAYLOAD, BODY_BYTES, RAW_PAYLOAD, RAW_BYTES, END_TRAILERS_LENGTH, END_BYTES_READ, END_BYTES,
  UPGRADE_SEQ, UPGRADE_PAYLOAD, UPGRADE_BYTES_READ, UPGRADE_BYTES,
  PARSE_ERROR_INDEX, PARSE_ERROR_BYTES_PARSED, PARSE_ERROR_PAYLOAD, PARSE_ERROR_BYTES, ACK_FLUSHED, CLOSED_ERRNO,
} = layout.words;
const { FAMILY, HELD } = layout.connectionFlags;
const { COMPLETE } = layout.upgradeFlags;
const { WRITING } = layout.closedFlags;
const { ENDED } = layout.movedFlags;
const { MORE } = layout.demandFlags;
const { UNIX, IPV6 } = layout.families;
const { REMOTE_PORT, LOCAL_PORT, REMOTE_LENGTH, LOCAL_LENGTH } = layout.ends;
const { CODE, VERSION_SHIFT } = layout.line;
const { LOW, HIGH } = layout.wide;
const { LENGTH, PLACE } = layout.payload;
const { IN_RECORD } = layout.places;
/** Kinds with bytes of a stream. */
const OF_STREAM = { __proto__: null };
for (const kind of each(Object.values(layout.streamKinds))) OF_STREAM[kind] = true;
const { LARGE, BROKEN } = layout.turns;

/** Where the records of this turn are: the shared buffer, except for a record that is larger. */
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

let methods = null;
let errors = null;
let cursor = 0;
let end = 0;
/** What a stream of JavaScript's has brought, of which these records tell. */
let given = null;
/** Nobody else has its memory. */
let isGivenOurs = false;

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
    setBuffers(newPayloads);
  } else {
    if (bytes === BROKEN) breakDown();
    endStep();
    runTicks();
  }
  let hasRun = false;
  while (cursor < end) {
    const at = cursor;
    cursor = at + (words[at + SIZE] >> 2);
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

/** Native has failed, and closed every socket: whoever waits for one hears of it after the records there still are. */
function breakDown() {
  const errno = constants.errno.ECONNABORTED;
  for (const connection of removeAll()) orphans.push(() => connection.side.inScope(closedRecord, connection, errno, false));
  for (const [token, attempt] of attempts) orphans.push(() => forgetAttempt(token) && attempt(-errno));
}

/** @return {boolean} whether user code may have run */
function dispatch(at) {
  const head = words[at];
  const flags = head >>> FLAGS_SHIFT;
  const index = words[at + INDEX];
  const kind = head & KIND;
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
      const chunk = payload(index, at + BODY_BYTES, at + BODY_PAYLOAD);
      if (chunk !== null) connection.side.inScope(bodyRecord, connection, chunk);
      return true;
    }
    case END:
      connection.side.inScope(endRecord, connection, trailersOf(at, connection));
      return true;
    case UPGRADE: {
      const chunk = payload(index, at + UPGRADE_BYTES, at + UPGRADE_PAYLOAD, true);
      connection.bytesRead = word53(at + UPGRADE_BYTES_READ);
      if (chunk !== null) connection.side.inScope(connection.side.exchange.onUpgrade, connection, words[at + UPGRADE_SEQ], (flags & COMPLETE) !== 0, chunk);
      return true;
    }
    case RAW: {
      const chunk = payload(index, at + RAW_BYTES, at + RAW_PAYLOAD);
      if (chunk !== null) connection.side.inScope(rawRecord, connection, chunk);
      return true;
    }
    case EOF:
      connection.side.inScope(eofRecord, connection);
      return true;
    case PARSE_ERROR: {
      if (!connection.isActive) return false;
      const error = errors[words[at + PARSE_ERROR_INDEX]];
      const packet = payload(index, at + PARSE_ERROR_BYTES, at + PARSE_ERROR_PAYLOAD, true);
      if (packet === null) return true;
      connection.side.inScope(connection.side.exchange.onError, connection, parseError(error[0], error[1], words[at + PARSE_ERROR_BYTES_PARSED], packet));
      return true;
    }
    case TIMEOUT:
      if (!connection.isActive) return false;
      connection.side.inScope(connection.side.exchange.onTimeout, connection, flags);
      return true;
    case ACK:
      connection.side.inScope(ackRecord, connection, word53(at + ACK_FLUSHED));
      return true;
    case CLOSED:
      removeConnection(index);
      if (waitsForFormerDriver(connection, index, words[at + CLOSED_ERRNO], (flags & WRITING) !== 0)) return false;
      // This is its thread's word, and it is another driver's by now (driver-change.js): that one closes it, too.
      if (connection.index !== index && !connection.isClosed) command(OP.CLOSE, 0, connection, 0);
      connection.side.inScope(closedRecord, connection, words[at + CLOSED_ERRNO], (flags & WRITING) !== 0);
      return true;
    case MOVED: {
      removeConnection(index);
      const { closedBefore } = connection.intake;
      if (closedBefore === null) beginReading(connection, (flags & ENDED) !== 0);
      else connection.side.inScope(closedRecord, connection, closedBefore.errno, closedBefore.writing);
      return closedBefore !== null;
    }
    case DEMAND:
      connection.demand((flags & MORE) !== 0);
      return true;
    default:
      return false;
  }
}

/** Walks of walkGiven() within which others have begun. */
const outerWalks = [];

/**
 * Walks records about what a stream of JavaScript's has brought, within the call that gave it. When a handler throws, the exception is the caller's,
 * as with node:http.
 * @param {{ bytes: Buffer, words: Int32Array }} records
 * @param {number} length bytes of them
 * @param {Buffer|null} chunk what the stream has brought
 * @param {boolean} isOurs nobody else has its memory
 * @param {boolean} hasTicks whether ticks run between steps: they do where node:http's parser would read by itself, in callbacks of libuv's
 * @param {(at: number) => void} failed hears at which byte to go on when a handler has thrown
 */
function walkGiven(records, length, chunk, isOurs, hasTicks, failed) {
  outerWalks.push({ inbound, words, cursor, end, given, isGivenOurs });
  inbound = records.bytes;
  words = records.words;
  cursor = 0;
  end = length >> 2;
  given = chunk;
  isGivenOurs = isOurs;
  try {
    while (cursor < end) {
      const at = cursor;
      cursor = at + (words[at + SIZE] >> 2);
      if (dispatch(at) && hasTicks && cursor < end && !isOneStep(at)) runTicks();
    }
  } finally {
    if (cursor < end) failed(cursor << 2);
    ({ inbound, words, cursor, end, given, isGivenOurs } = outerWalks.pop());
  }
}

/** Whether records of a stream's connection are still to be told by a walk that goes on. @param {number} index the connection's */
function isBeingTold(index) {
  return outerWalks.length > 0 && (isNamed(words, cursor, end, index) || outerWalks.some((walk) => isNamed(walk.words, walk.cursor, walk.end, index)));
}

/** Whether any such walk goes on. */
const isTelling = () => outerWalks.length > 0;

function isNamed(records, from, to, index) {
  for (let at = from; at < to; at += records[at + SIZE] >> 2) if (records[at + INDEX] === index) return true;
  return false;
}

function onConnection(at, flags, index) {
  const server = servers.get(words[at + CONNECTION_SERVER]);
  if (server === undefined) {
    // Accepted while close() was on its way: nobody will answer.
    command(OP.CLOSE, 0, { index, generation: words[at + CONNECTION_GENERATION] }, 0);
    return false;
  }
  const connection = new Connection(server, server[kSide], index, words[at + CONNECTION_GENERATION], peerOf(flags & FAMILY, at + CONNECTION_ENDS, at + CONNECTION_BYTES));
  addConnection(connection);
  if ((flags & HELD) !== 0) connection.intake.readBy = READ.NOBODY;
  return connection.side.admit(connection);
}

/** Both ends of a connection, from CONNECTION or CONNECTED. @param {number} ends word where these begin @param {number} text word where the addresses do */
function peerOf(family, ends, text) {
  if (family === UNIX) return { family: undefined, remotePort: undefined, localPort: undefined, remoteAddress: undefined, localAddress: undefined };
  const local = (text << 2) + words[ends + REMOTE_LENGTH];
  return {
    family: family === IPV6 ? 'IPv6' : 'IPv4',
    remotePort: words[ends + REMOTE_PORT],
    localPort: words[ends + LOCAL_PORT],
    remoteAddress: latin1Slice(inbound, text << 2, local),
    localAddress: latin1Slice(inbound, local, local + words[ends + LOCAL_LENGTH]),
  };
}

function onRequest(at, flags, connection) {
  connection.bytesRead = word53(at + REQUEST_BYTES_READ);
  if (!connection.admitted) {
    connection.side.refuse?.(connection);
    return false;
  }
  const line = words[at + REQUEST_LINE];
  const targetLength = words[at + REQUEST_TARGET_LENGTH];
  const fieldsLength = words[at + REQUEST_FIELDS_LENGTH];
  const start = (at + REQUEST_BYTES) << 2;
  const text = latin1Slice(inbound, start, start + targetLength + fieldsLength);
  const url = slice(text, 0, targetLength);
  const fields = slice(text, targetLength);
  connection.side.exchange.onRequest(
    connection,
    words[at + REQUEST_SEQ],
    flags,
    methods[line & CODE],
    url,
    line >>> VERSION_SHIFT,
    fields,
  );
  return true;
}

/** What came of an attempt to connect. Nobody waits for one that was given up. */
function onConnected(at, flags, index) {
  const token = words[at + CONNECTED_TOKEN];
  const errno = words[at + CONNECTED_ERRNO];
  const attempt = attempts.get(token);
  if (attempt === undefined) {
    if (errno === 0) command(OP.CLOSE, 0, { index, generation: words[at + CONNECTED_GENERATION] }, 0);
    return false;
  }
  try {
    if (errno !== 0) attempt(-errno);
    else attempt(0, index, words[at + CONNECTED_GENERATION], peerOf(flags, at + CONNECTED_ENDS, at + CONNECTED_BYTES));
  } finally {
    // Only now: the connection that has come of it has been added, so records are expected all the while.
    forgetAttempt(token);
  }
  return true;
}

function onResponse(at, flags, connection) {
  connection.bytesRead = word53(at + RESPONSE_BYTES_READ);
  if (!connection.isActive) return false;
  const line = words[at + RESPONSE_LINE];
  const reasonLength = words[at + RESPONSE_REASON_LENGTH];
  const start = (at + RESPONSE_BYTES) << 2;
  const text = latin1Slice(inbound, start, start + reasonLength + words[at + RESPONSE_FIELDS_LENGTH]);
  connection.response = {
    seq: words[at + RESPONSE_SEQ],
    status: line & CODE,
    version: line >>> VERSION_SHIFT,
    reason: slice(text, 0, reasonLength),
    fields: slice(text, reasonLength),
    fieldCount: words[at + RESPONSE_FIELD_COUNT],
  };
  connection.side.inScope(responseRecords, connection, flags);
  return true;
}

/** A response with as much of its body as came along: to Node, too, one step in which no tick runs. Large pieces come by themselves. */
function responseRecords(connection, flags) {
  connection.side.exchange.onResponse(connection, flags);
  while (cursor < end && words[cursor + INDEX] === connection.index) {
    const at = cursor;
    const kind = words[at] & KIND;
    const isBody = kind === BODY && words[at + BODY_PAYLOAD + PLACE] === IN_RECORD;
    if (!isBody && kind !== END) return;
    cursor = at + (words[at + SIZE] >> 2);
    if (!isBody) {
      connection.onEnd(trailersOf(at, connection));
      continue;
    }
    const chunk = payload(connection.index, at + BODY_BYTES, at + BODY_PAYLOAD);
    if (chunk === null) return;
    connection.onBody(chunk);
  }
}

/** The trailer section of an END record, which also tells how much has been read. */
function trailersOf(at, connection) {
  connection.bytesRead = word53(at + END_BYTES_READ);
  const length = words[at + END_TRAILERS_LENGTH];
  const start = (at + END_BYTES) << 2;
  return length === 0 ? '' : latin1Slice(inbound, start, start + length);
}

/**
 * Whether the next record belongs to the step of the one at `at`: to Node what a packet brings is one step, in which no tick runs but after
 * a piece of a body, so that an error finds the request it is told to. A FIN that comes too early, an error without a packet, is a step of its own.
 */
function isOneStep(at) {
  if (cursor >= end || words[cursor + INDEX] !== words[at + INDEX]) return false;
  const kind = words[at] & KIND;
  if (kind !== REQUEST && kind !== END && kind !== RESPONSE) return false;
  const next = words[cursor] & KIND;
  if (next === PARSE_ERROR) return words[cursor + PARSE_ERROR_PAYLOAD + LENGTH] > 0;
  return kind !== RESPONSE && (next === REQUEST || next === BODY || next === END || next === UPGRADE);
}

/**
 * See payload.js.
 * @param {number} index of the connection that its record names
 * @param {number} at word where it stands if it stands in the record
 * @param {number} about word where it is said where it is
 * @param {boolean} [isView] of what a stream has brought, as node:http's `head` and `rawPacket` are
 * @return {Buffer|null} null: there was no memory, and now there is no connection
 */
function payload(index, at, about, isView = false) {
  const chunk = takePayload(words, about, inbound, at << 2, given, isView, isGivenOurs);
  if (chunk === null) lose(index);
  return chunk;
}

/** There is no memory for what the peer has sent: a message with a hole in it is worse than none. Nobody hears what else is told of it. */
function lose(index) {
  const connection = connectionAt(index);
  command(OP.RESET, 0, connection, 0);
  removeConnection(index);
  if (!connection.isClosed) connection.side.inScope(closedRecord, connection, constants.errno.ENOMEM, false);
}

/**
 * Whether a record that is still to be walked brings bytes of the connection's stream: what its user has not got yet.
 * @param {number} index
 */
function hasStreamBytes(index) {
  for (let at = cursor; at < end; at += words[at + SIZE] >> 2) {
    if (words[at + INDEX] === index && OF_STREAM[words[at] & KIND] === true) return true;
  }
  return false;
}

/** Two words as a number; exact to 2^53. */
function word53(at) {
  return (words[at + LOW] >>> 0) + words[at + HIGH] * 4294967296;
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
  walkGiven,
  isBeingTold,
  isTelling,
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
