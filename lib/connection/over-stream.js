'use strict';

/**
 * overStream: a connection whose stream JavaScript owns. Any Duplex will do, whoever made it: net.Socket, tls.TLSSocket, a stream of HTTP/2, one
 * of the engine's sockets that is spoken over once more. The engine parses what the stream brings, within the call that brings it, and keeps the
 * deadlines; what messages say is written to the stream here, where node:http would write it, and leaves when the stream says so.
 *
 * The stream is the connection's socket, and stays the program's: its listeners, its ends, its errors.
 */

const { give, openPort, openStream, OP, command, write } = require('../seam/binding');
const { addConnection } = require('../seam/connection-table');
const layout = require('../seam/layout');
const { errnoException, nodeError, streamDestroyed } = require('../base/errors');
const { Buffer, Object, nextTick, copyBytes } = require('../base/primordials');
const { types } = require('node:util');
const { carry, leaveNothingOn, letGoOf } = require('./carried');
const { readDirectly, stopReadingDirectly } = require('./direct-reading');
const { holdReading } = require('./held-reading');
const { tellAll } = require('./closed');
const { Intake } = require('./intake');
const { connectionOf } = require('./socket');
const { LIFE } = require('./states');
const { isBeingTold, isTelling, loadTables, walkGiven } = require('./turn');
const { seqOf } = require('../message/incoming-message');
const { endSoon, writeFramed } = require('../message/socket-sink');
const { kEnqueue, kOnClose, kOnDrain } = require('../base/symbols');

const { LAST } = layout.writeFlags;

/** Bytes of what native has to say at once of what a stream has brought; more comes by itself. */
const RECORDS_SIZE = 64 * 1024;

/** Why the stream is paused: bits. */
const PAUSE = {
  /** The engine takes no more. */
  ENGINE: 1,
  /** Answers pile up. */
  ANSWERS: 2,
};

/** Buffers for records, those that nobody uses now: handlers may make streams bring something within the calls of others. */
const spare = [];

function takeRecords() {
  return spare.pop() ?? recordsIn(Buffer.from(new ArrayBuffer(RECORDS_SIZE)));
}

function recordsIn(bytes) {
  return { bytes, words: new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2) };
}

/** What has come on streams while records of what came before were being told: handlers may push into the very stream. */
const postponed = [];

function givePostponed() {
  for (let left = postponed.length; left > 0; left--) {
    const { connection, chunk, isOurs } = postponed.shift();
    connection.receive(chunk, isOurs);
  }
}

/** What a stream brings, as the parser wants it. */
function bytesOf(chunk, stream) {
  if (Buffer.isBuffer(chunk)) return chunk;
  if (typeof chunk === 'string') return Buffer.from(chunk, stream.readableEncoding ?? 'utf8');
  if (types.isUint8Array(chunk)) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw nodeError('ERR_INVALID_ARG_TYPE', 'chunk', 'must be of type string or an instance of Buffer or Uint8Array', chunk);
}

/** The intake of such a connection: who reads the stream is the stream's own affair. */
class GivenIntake extends Intake {
  tellReader() {}
  tap() {}
  setPaused() {}

  feed(chunk) {
    this.connection.receive(chunk);
  }

  feedEnd() {
    this.connection.receive(null);
  }
}

/** Where the ends of a stream are, the stream says itself. */
const NOWHERE = Object.freeze({});

/**
 * TLS over one of the engine's sockets is, to tls.TLSSocket, TLS over a stream that nobody knows the ends of. They are the socket's, as over one of
 * libuv's, whose handle would be asked.
 */
function nameEnds(stream) {
  const { _parent: parent } = stream;
  if (parent == null || connectionOf(parent) === undefined || stream._peername != null) return;
  const { family, remoteAddress, remotePort, localAddress, localPort } = connectionOf(parent).peer;
  if (family === undefined) return;
  stream._peername = { address: remoteAddress, family, port: remotePort };
  stream._sockname = { address: localAddress, family, port: localPort };
}

/**
 * The engine takes in a stream.
 * @param {number} [id] of the engine's server for streams; without, it is a client's
 * @return {{ index: number, generation: number }} what it is known by
 */
function openSlot(id) {
  openPort();
  loadTables();
  const opened = openStream(id, isTelling());
  return { index: opened[0], generation: opened[1] };
}

/** @param {typeof import('./connection').Connection} Base the connection it is but for its stream */
const overStream = (Base) =>
  class extends Base {
    /**
     * @param {import('stream').Duplex} stream
     * @param {{ index: number, generation: number }} slot what the engine knows it by
     * @param {import('../server/server').Server|null} server
     * @param {import('../base/roles').Side} side
     */
    constructor(stream, slot, server, side) {
      super(server, side, slot.index, slot.generation, NOWHERE);
      this.madeSocket = stream;
      nameEnds(stream);
      this.highWaterMark = stream.writableHighWaterMark ?? this.highWaterMark;
      this.admitted = true;
      /** Node's server reads such a handle by itself, and ticks run between its callbacks. A client's parser is called by JavaScript. */
      this.hasTicks = server !== null && stream._handle?.isStreamBase === true;
      /** See direct-reading.js. @type {Function|null} */
      this.dataListener = null;
      /** Bits of PAUSE. */
      this.pauses = 0;
      /** Records of what has come are being told. */
      this.isWalking = false;
      /** HTTP is over, and the stream lives on. */
      this.isReleased = false;
      /** The listener of its 'close' while answers ahead of the upgrade are still to be written. @type {(() => void)|null} */
      this.hearClose = null;
      /** Asks whether the stream takes answers again, see held-reading.js. @type {Function|null} */
      this.letReadingGo = null;
      addConnection(this);
      carry(stream, this);
    }

    get isStream() {
      return true;
    }

    makeIntake() {
      return new GivenIntake(this);
    }

    destroySoon() {
      endSoon(this.madeSocket);
    }

    // ---- what the stream brings -------------------------------------------------------------------------------------

    /** @param {Function} listener of the stream's 'data' that gives what comes to receive() */
    readDirectly(listener) {
      readDirectly(this.madeSocket, this, listener);
    }

    /** @param {Buffer|string|Uint8Array|null} chunk null: the end @param {boolean} [isOurs] nobody else has its memory */
    receive(chunk, isOurs = false) {
      if (!this.isActive || this.isReleased) return;
      if (chunk !== null) chunk = bytesOf(chunk, this.madeSocket);
      if (this.isWalking || isBeingTold(this.index)) postponed.push({ connection: this, chunk, isOurs });
      else this.parse(chunk, isOurs);
    }

    parse(chunk, isOurs) {
      const records = takeRecords();
      const told = give(this, chunk, records.bytes);
      try {
        if (typeof told !== 'number') this.walk(recordsIn(told), told.length, chunk, isOurs);
        else if (told > 0) this.walk(records, told, chunk, isOurs);
      } finally {
        spare.push(records);
      }
    }

    walk(records, length, chunk, isOurs) {
      this.isWalking = true;
      let rest = null;
      try {
        walkGiven(records, length, chunk, isOurs, this.hasTicks && isOurs, (at) => {
          // The buffer is used again: what has not been told is kept by itself.
          rest = Buffer.allocUnsafeSlow(length - at);
          copyBytes(records.bytes, rest, 0, at, length);
        });
      } finally {
        if (rest === null) this.isWalking = false;
        // A handler has thrown: what came after its record is told in a tick of its own.
        else nextTick(() => this.walk(recordsIn(rest), rest.length, chunk, isOurs));
        if (postponed.length > 0) nextTick(givePostponed);
      }
    }

    demand(isMore) {
      if (this.isReleased) return;
      if (isMore) this.goOnReading(PAUSE.ENGINE);
      else this.pauseReading(PAUSE.ENGINE);
    }

    pauseReading(why) {
      const isFirst = this.pauses === 0;
      this.pauses |= why;
      if (!isFirst) return;
      this.madeSocket._paused = true;
      this.madeSocket.pause();
    }

    goOnReading(why) {
      if (this.isReleased || (this.pauses & why) === 0) return;
      this.pauses &= ~why;
      if (this.pauses !== 0) return;
      this.madeSocket._paused = false;
      this.madeSocket.resume();
    }

    /** A request has come: whoever does not read answers is not read from either. At no other time, or a peer that has gone would not be heard of. */
    pauseIfFull() {
      if (this.isActive && !this.isReleased && this.isFull) this.pauseReading(PAUSE.ANSWERS);
    }

    get waitsForAnswers() {
      return (this.pauses & PAUSE.ANSWERS) !== 0;
    }

    /** By the program: it may not read, but the next message is read all the same when one is over, as with node:http. */
    get paused() {
      return this.pauses === 0 && this.isActive && !this.isReleased && this.madeSocket.readableFlowing === false;
    }

    resumeSocket() {
      this.madeSocket.resume();
    }

    get isFull() {
      return this.unfinished.length > 0 && (this.madeSocket.writableNeedDrain || this.queued >= this.highWaterMark);
    }

    noteQueued(delta) {
      super.noteQueued(delta);
      if (delta < 0) this.socketDrained();
    }

    // ---- what messages say ------------------------------------------------------------------------------------------

    get writableLength() {
      return this.madeSocket.writableLength ?? 0;
    }

    get isEnded() {
      return this.isActive && !this.madeSocket.destroyed && !this.madeSocket.writable;
    }

    mayHandOver() {
      return false;
    }

    send(message, head, chunk, encoding, flags, callback) {
      const stream = this.madeSocket;
      if (!this.isActive || stream.destroyed) {
        if (callback) nextTick(callback, streamDestroyed('write'));
        // What a request says after its upgrade is lost, but there is nothing to wait for.
        return !stream.destroyed;
      }
      if (!stream.writable) return message[kEnqueue](head, chunk, encoding, flags, callback);
      if ((flags & LAST) === 0) return writeFramed(stream, head, chunk, encoding, flags, callback);
      return writeFramed(stream, head, chunk, encoding, flags, (error) => this.sent(message, error, callback));
    }

    /** The stream has taken the last bytes of a message, or never will. */
    sent(message, error, callback) {
      callback?.(error);
      if (error || !this.isActive) return;
      write(OP.WRITE, LAST, this, seqOf(message.req), '', null, 'latin1');
      this.finished(message);
      if (this.isReleased && this.unfinished.length === 0) this.leaveReleased();
    }

    get gathers() {
      return true;
    }

    cork() {
      this.madeSocket.cork?.();
    }

    uncork() {
      this.madeSocket.uncork?.();
    }

    setTimeout(msecs) {
      this.madeSocket.setTimeout?.(msecs);
    }

    socketDrained() {
      this.letReadingGo?.();
      if (!this.isFull) this.goOnReading(PAUSE.ANSWERS);
      const { current } = this;
      if (current !== null && current.writableLength === 0) current[kOnDrain]();
    }

    // ---- the stream's life ------------------------------------------------------------------------------------------

    touch() {}

    close() {
      this.madeSocket.destroy();
    }

    /** The stream has closed. */
    socketClosed() {
      if (this.isClosed) return;
      this.giveSlotBack();
      this.life = LIFE.CLOSED;
      this.leaveStream();
      tellAll(this);
    }

    /** The engine's last word, and not because it was told to close: it has failed. All that follows comes with the stream's 'close'. */
    onClose(errno, writing) {
      if (this.isReleased || this.isClosed) return;
      this.madeSocket.destroy(errno === 0 ? undefined : errnoException(-errno, writing ? 'write' : 'read'));
    }

    /** The stream is an upgrade's: nothing is read from it while answers ahead of the upgrade pile up. */
    holdReadingIfFull() {
      if (this.waitsForAnswers && !this.madeSocket.destroyed && this.isFull) holdReading(this);
    }

    /** HTTP is over on this stream, which lives on. Answers to requests ahead of an upgrade are still written to it, as with node:http. */
    release() {
      this.giveSlotBack();
      this.isReleased = true;
      if (this.madeSocket._paused === true) this.madeSocket._paused = false;
      this.leaveStream();
      if (this.unfinished.length === 0) {
        this.life = LIFE.CLOSED;
        return;
      }
      this.hearClose = () => this.current?.[kOnClose]();
      this.madeSocket.once('close', this.hearClose);
    }

    /** An upgrade's: the stream is its program's from now on, and nothing of ours is left on it. */
    leaveToProgram() {
      this.release();
      stopReadingDirectly(this.madeSocket);
      leaveNothingOn(this.madeSocket);
    }

    /** The last answer ahead of the upgrade has been written: nothing of ours is left on the stream. */
    leaveReleased() {
      this.life = LIFE.CLOSED;
      this.madeSocket.removeListener('close', this.hearClose);
    }

    giveSlotBack() {
      command(OP.CLOSE, 0, this, 0);
    }

    leaveStream() {
      letGoOf(this.madeSocket, this);
      this.side.forget(this);
    }
  };

module.exports = { openSlot, overStream };
