'use strict';

/**
 * The only file that knows the addon: loads it, owns the two buffers that records cross in, and writes commands.
 * Layouts: docs/architecture.md, "The seam".
 */

const fs = require('node:fs');
const path = require('node:path');
const { countBulk } = require('./bulk');
const { HAS_LIBUV } = require('./driver');
const layout = require('./layout');
const { Buffer, latin1Write, nextTick, setBytes, setImmediate, setTimeout, utf8Write } = require('../base/primordials');

/** Commands to the engine, and who gets the peer's bytes: arguments of TAP. */
const { ops: OP, readers: READ } = layout;
const { SIZE, INDEX, FLAGS_SHIFT } = layout.head;
const { GENERATION, ARGUMENT, PAYLOAD_LENGTH, HEAD_LENGTH, PAYLOAD } = layout.command;
const { AFTER_THROW } = layout.turns;
const { STREAMS } = layout.limits;

/** Bytes of each buffer. An inbound record that is larger comes by itself (LARGE). */
const BUFFER_SIZE = 256 * 1024;
/** Bytes; a payload from here on goes to native by itself, copied once, instead of through the buffer. */
const LARGE_PAYLOAD = 16 * 1024;
/** Bytes before the payload of an outbound record. */
const HEADER_SIZE = PAYLOAD << 2;

const inbound = Buffer.from(new ArrayBuffer(BUFFER_SIZE));
const outbound = Buffer.from(new ArrayBuffer(BUFFER_SIZE));
const outWords = new Int32Array(outbound.buffer);

let native = null;
let port = null;
/** Bytes written to `outbound` and not yet taken by native. */
let outBytes = 0;
/** Turns on the stack: native takes what was written when one returns. More than one when a handler runs a nested event loop. */
let depth = 0;
let flushScheduled = false;
let laterScheduled = false;
/** A stream of JavaScript's has begun to wait for its first bytes since native was last called for it. */
let deadlineIsNew = false;
/** Whatever must keep the process alive: listening servers and open connections that are not unref'd. */
let refs = 0;
/** How many things records may still tell of, unref'd or not: see expectRecords(). */
let busy = 0;
/** Whether native keeps the realm because of it. */
let isKept = false;
let restScheduled = false;
let onTurn = null;
let beforeFlush = null;
let makeSlab = null;
let hasChannels = false;

/**
 * @return {object} the addon's exports
 * @throws {Error} ERR_TURNOUT_ADDON, saying what to run
 */
function addon() {
  if (native === null) {
    let loaded;
    try {
      loaded = require('../../native.js');
    } catch (cause) {
      const missing = cause.code === 'MODULE_NOT_FOUND' && /native\.js/.test(cause.message);
      throw unusable(missing ? 'has not been built' : 'cannot be loaded', cause);
    }
    if (!hasOurNumbers(loaded)) throw unusable('is of another version than lib/');
    native = loaded;
  }
  return native;
}

function unusable(why, cause) {
  const root = path.join(__dirname, '..', '..');
  const remedy = fs.existsSync(path.join(root, 'package-lock.json')) ? 'npm run build' : 'node scripts/install.js';
  const error = new Error(
    `turnout's native addon ${why} for ${process.platform} ${process.arch}, Node ${process.versions.node}. Run "${remedy}" in ${root} ` +
      '(it needs Rust 1.88 or newer: https://rustup.rs).',
    cause && { cause },
  );
  error.code = 'ERR_TURNOUT_ADDON';
  return error;
}

/** Whether the addon has the numbers of layout.js: otherwise commands and records would mean something else to each side. */
function hasOurNumbers(loaded) {
  const theirs = loaded.layout?.() ?? {};
  return hasAllOf(theirs, layout) && hasAllOf(layout, theirs);
}

/** @return {boolean} whether every number of `those` is one of `these`, by the same name */
function hasAllOf(these, those) {
  return Object.keys(those).every((group) => Object.keys(those[group]).every((name) => those[group][name] === these[group]?.[name]));
}

/** @return {object} this environment's port, opened at first use */
function openPort() {
  if (port === null) {
    port = new (addon().Port)(inbound, outbound, turn, makeSlab, resumeLater, HAS_LIBUV);
    if (busy > 0) beBusy();
    if (hasChannels) port.shareLoop();
  }
  return port;
}

/**
 * Records are expected of one thing more: a server, a connection, an attempt to connect. Only while there is one do native and the process refer to
 * this realm. At other times a realm that nobody uses any more (jest leaves one after each test file) can be collected, and its engine with it.
 */
function expectRecords() {
  if (busy++ === 0 && port !== null) beBusy();
}

function beBusy() {
  if (isKept) return;
  isKept = true;
  port.keep(true);
  process.on('exit', leave);
}

/** After a round of the loop: whoever has one connection after the other is not let go and held again for each. */
function rest() {
  restScheduled = false;
  if (busy > 0) return;
  isKept = false;
  port.keep(false);
  process.removeListener('exit', leave);
}

/** One thing less. */
function expectNoMore() {
  if (--busy > 0 || port === null || restScheduled) return;
  restScheduled = true;
  setImmediate(rest);
}

/**
 * There is a channel to another process, whose messages and whose peers' requests must not overtake one another: threads give the loop away
 * more often from now on.
 */
function shareLoop() {
  hasChannels = true;
  port?.shareLoop();
}

/**
 * Native calls this once per turn.
 * @param {number} bytes of records in `inbound`, or one of layout.turns
 * @param {Buffer[]} payloads large ones, named by number in the records
 * @return {number} bytes of commands in `outbound`
 */
function turn(bytes, ...payloads) {
  if (bytes !== AFTER_THROW) depth++;
  onTurn(bytes, payloads);
  depth--;
  return takeBytes();
}

/** @return {number} bytes of commands that have been written, which native has from here on */
function takeBytes() {
  const n = outBytes;
  outBytes = 0;
  return n;
}

/** Native has no libuv to be called by: so many milliseconds later it is to be, or, 0, in the loop's next round. */
function resumeLater(milliseconds) {
  if (milliseconds === 0) setImmediate(resume);
  else setTimeout(resume, milliseconds).unref?.();
}

function resume() {
  port.resume();
}

/** Hands what has been written to native, at the end of the tick when outside a turn. */
function flush() {
  flushScheduled = false;
  try {
    if (depth === 0) beforeFlush();
  } finally {
    if (outBytes > 0) port.flush(takeBytes());
  }
}

/** The process ends, perhaps in the middle of a turn. */
function leave() {
  port.leave(takeBytes());
}

function scheduleFlush() {
  if (depth > 0 || flushScheduled) return;
  flushScheduled = true;
  nextTick(flush);
}

/**
 * After a command. What is said of streams that JavaScript moves itself need not be heard before such a stream brings more, which hands it over, too:
 * without it once a round of the loop is enough, as no bytes wait to be sent.
 * @param {number} index of the connection
 */
function scheduleFlushFor(index) {
  if ((index & STREAMS) !== STREAMS) scheduleFlush();
  else if (depth === 0 && !laterScheduled) {
    laterScheduled = true;
    setImmediate(flushLater);
  }
}

function flushLater() {
  laterScheduled = false;
  if (depth > 0 || (outBytes === 0 && !deadlineIsNew)) return;
  deadlineIsNew = false;
  port.flush(takeBytes());
}

/** Makes room for `bytes` more; earlier commands leave first, so order is kept. */
function reserve(bytes) {
  if (outBytes + bytes > BUFFER_SIZE) port.flush(takeBytes());
}

function writeHeader(op, flags, size, connection, arg, length, headLength) {
  const at = outBytes >> 2;
  outWords[at] = op | (flags << FLAGS_SHIFT);
  outWords[at + SIZE] = size;
  outWords[at + INDEX] = connection.index;
  outWords[at + GENERATION] = connection.generation;
  outWords[at + ARGUMENT] = arg;
  outWords[at + PAYLOAD_LENGTH] = length;
  outWords[at + HEAD_LENGTH] = headLength;
}

/** A command without payload. */
function command(op, flags, connection, arg) {
  reserve(HEADER_SIZE);
  writeHeader(op, flags, HEADER_SIZE, connection, arg, 0, 0);
  outBytes += HEADER_SIZE;
  scheduleFlushFor(connection.index);
}

/** Bytes of `chunk` as the last write saw it; see write(). */
let chunkLength = 0;

/**
 * Writes `head` (latin1) and `chunk` as one record.
 * @return {number} bytes of payload, head included
 */
function write(op, flags, connection, seq, head, chunk, encoding) {
  if (chunk === null || chunk.length === 0) return writeSmall(op, flags, connection, seq, head, '', 'latin1', 0);
  if (typeof chunk !== 'string') {
    if (chunk.length >= LARGE_PAYLOAD) return writeLarge(op, flags, connection, seq, head, chunk);
    return writeSmall(op, flags, connection, seq, head, chunk, '', chunk.length);
  }
  if (encoding === 'latin1' || encoding === 'binary' || encoding === 'ascii') {
    if (chunk.length < LARGE_PAYLOAD) return writeSmall(op, flags, connection, seq, head, chunk, 'latin1', chunk.length);
  } else if (!encoding || encoding === 'utf8' || encoding === 'utf-8') {
    // A UTF-16 unit is at most three bytes of UTF-8.
    if (chunk.length * 3 < LARGE_PAYLOAD) return writeSmall(op, flags, connection, seq, head, chunk, 'utf8', chunk.length * 3);
  }
  const bytes = Buffer.from(chunk, encoding);
  if (bytes.length >= LARGE_PAYLOAD) return writeLarge(op, flags, connection, seq, head, bytes);
  return writeSmall(op, flags, connection, seq, head, bytes, '', bytes.length);
}

/** @param {number} most upper bound of the chunk's bytes */
function writeSmall(op, flags, connection, seq, head, chunk, encoding, most) {
  if (head.length > LARGE_PAYLOAD) return writeLarge(op, flags, connection, seq, head, Buffer.from(chunk, encoding || undefined));
  reserve(HEADER_SIZE + head.length + most + 4);
  const start = outBytes + HEADER_SIZE;
  let at = start;
  if (head !== '') at += latin1Write(outbound, head, at, head.length);
  const headLength = at - start;
  if (most > 0) {
    if (encoding === 'latin1') at += latin1Write(outbound, chunk, at, most);
    else if (encoding === 'utf8') at += utf8Write(outbound, chunk, at, most);
    else {
      setBytes(outbound, chunk, at);
      at += most;
    }
  }
  const length = at - start;
  chunkLength = length - headLength;
  const size = (HEADER_SIZE + length + 3) & ~3;
  writeHeader(op, flags, size, connection, seq, length, headLength);
  outBytes += size;
  scheduleFlushFor(connection.index);
  return length;
}

/** Commands so far and, after them, a payload from where it lies. */
function send(op, flags, connection, seq, headLength, data) {
  countBulk(1);
  port.send(takeBytes(), op === OP.WRITE_NOW, connection.index, connection.generation, seq, flags, headLength, data);
}

function writeLarge(op, flags, connection, seq, head, chunk) {
  let data = chunk;
  let headLength = 0;
  if (head !== '') {
    // The head goes by itself when it fits, so that the large chunk is copied only once.
    if (head.length <= LARGE_PAYLOAD) {
      writeSmall(op, 0, connection, seq, head, '', 'latin1', 0);
      headLength = head.length;
    } else {
      data = Buffer.concat([Buffer.from(head, 'latin1'), chunk]);
      headLength = head.length;
      send(op, flags, connection, seq, headLength, data);
      chunkLength = chunk.length;
      return data.length;
    }
  }
  send(op, flags, connection, seq, 0, data);
  chunkLength = data.length;
  return headLength + data.length;
}

/**
 * A stream of JavaScript's becomes a connection: of server `id`, or (undefined) of our own making.
 * @param {boolean} isBeingTold records that give() has returned are being walked
 * @return {number[]} its index and generation
 */
function openStream(id, isBeingTold) {
  const opened = openPort().open(isBeingTold, id);
  if (id !== undefined && depth === 0) {
    // Its first deadline has begun. Native sets its alarm when it is next given something, and a stream may never bring anything.
    deadlineIsNew = true;
    scheduleFlushFor(STREAMS);
  }
  return opened;
}

/**
 * What a stream of JavaScript's has brought, or (null) its end.
 * @param {Uint8Array} records where native puts what it has to say of that
 * @return {number|Buffer} bytes of it; what does not go in there, by itself
 */
function give({ index, generation }, chunk, records) {
  return port.give(takeBytes(), index, generation, chunk, records);
}

/**
 * Takes an upgraded stream over from its thread, whose next bytes stand in the slot `seq`.
 * @return {number[]|null} its new index and generation; null: not now; []: never
 */
function takeOver({ index, generation }, seq, handed) {
  return port.takeOver(index, generation, seq, handed);
}

/**
 * A descriptor of a connection for another process, which is the caller's to close. Unless the connection stays with this one as well it is
 * read no more, until RELEASE, or TAP.
 * @param {boolean} stays
 * @return {{fd: number, untold: Buffer, bytesRead: number}|number} 0: not now, something waits to be sent or told; negative: never
 */
function copyDescriptor({ index, generation }, stays) {
  if (outBytes > 0) port.flush(takeBytes());
  return port.copyDescriptor(index, generation, stays);
}

/** Whether the system has descriptors that another process can be given. */
const canCopyDescriptors = () => port.copyDescriptor !== undefined;

/** Keeps the process alive until unrefProcess() has been called as often. */
function refProcess() {
  if (refs++ === 0) port.ref();
}

function unrefProcess() {
  if (--refs === 0) port.unref();
}

module.exports = {
  OP,
  READ,
  LARGE_PAYLOAD,
  inbound,
  addon,
  openPort,
  shareLoop,
  command,
  write,
  openStream,
  give,
  takeOver,
  copyDescriptor,
  canCopyDescriptors,
  flush,
  scheduleFlush,
  /** Whether native takes what is written when the turn returns. */
  isInTurn: () => depth > 0,
  refProcess,
  unrefProcess,
  expectRecords,
  expectNoMore,
  /** Bytes of the chunk (without head) that the last write() carried. */
  lastChunkLength: () => chunkLength,
  /** @param {(bytes: number, payloads: Buffer[]) => void} handler walks the records of a turn */
  setTurnHandler(handler) {
    onTurn = handler;
  },
  /** @param {(number: number) => Buffer} maker of the buffers that large payloads are read into */
  setSlabMaker(maker) {
    makeSlab = maker;
  },
  /** @param {() => void} handler runs before a flush outside a turn */
  setBeforeFlush(handler) {
    beforeFlush = handler;
  },
};
