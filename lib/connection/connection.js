'use strict';

/**
 * Connection: one TCP or Unix connection of the engine's as JavaScript keeps it. It is the sink, the line and the source of its messages
 * (lib/base/roles.js says what that means), does what its lazily made Socket asks, and is told of records. It knows nothing of HTTP's text.
 *
 * What it is made of: `intake`, what comes from the peer; `outflow`, what leaves; the responses that have not finished (pipeline.js); what
 * an upgraded stream writes too early (answers-ahead.js). Its states are in states.js: `life` ACTIVE → CLOSING → CLOSED, what makes it end (`ending`),
 * and `phase` HTTP → UPGRADED, with PLAIN before or after HTTP.
 */

const { keepBack, mustWaitForAnswers } = require('./answers-ahead');
const { OP, command, refProcess, unrefProcess } = require('../seam/binding');
const { Socket, writesAreWatched } = require('./socket');
const { byteLength, total } = require('../message/chunks');
const { uncorkFully, writeFramed } = require('../message/socket-sink');
const { receiveBody, receiveEnd, seqOf: requestSeq } = require('../message/incoming-message');
const { errnoException, streamDestroyed } = require('../base/errors');
const layout = require('../seam/layout');
const { isInline } = require('../seam/connection-table');
const { tellAll, tellClosed } = require('./closed');
const { noteWrite } = require('./driver-change');
const { endExchange } = require('./ended-exchanges');
const { Intake } = require('./intake');
const { Outflow } = require('./outflow');
const { peerEnded } = require('./peer-end');
const { receiveRaw } = require('./plain');
const { NONE, abortAll, currentOf, handedLast, hasAnsweredLast, mayHandOver, noteQueued, passTurn } = require('./pipeline');
const { Array, each, nextTick } = require('../base/primordials');
const { isSent, noteFailure, noteHandedOver } = require('../message/steps');
const { ENDING, INPUT, LIFE, PHASE } = require('./states');
const { kEvents, kLine, kEnqueue } = require('../base/symbols');

const { LAST, CLOSE, ACK } = layout.writeFlags;
const { UNLESS_SENT, UNLESS_BUSY } = layout.closeFlags;
const { ON } = layout.keepAliveFlags;

/**
 * @implements {import('../base/roles').Sink}
 * @implements {import('../base/roles').Line}
 * @implements {import('../base/roles').Source}
 */
class Connection {
  /**
   * @param {import('../server/server').Server|null} server what its socket shows as `server`; what a server wants is its side's to say. null: a client's
   * @param {import('../base/roles').Side} side
   * @param {number} index dense number, reused after CLOSED
   * @param {number} generation tells a reused index from its former owner
   * @param {object} peer `{ family, remotePort, localPort, remoteAddress, localAddress }`
   */
  constructor(server, side, index, generation, peer) {
    this.server = server;
    this.side = side;
    this.index = index;
    this.generation = generation;
    this.peer = peer;
    this.highWaterMark = side.highWaterMarkOf(server);
    /** See pipeline.js. */
    this.unfinished = NONE;
    this.handedOver = 0;
    this.isForwarding = false;
    this.queued = 0;
    this.owesGoOn = false;
    /** How many requests have been taken so far. */
    this.requests = 0;
    this.receiving = null;
    this.madeSocket = null;
    this.life = LIFE.ACTIVE;
    this.ending = 0;
    this.phase = PHASE.HTTP;
    /** Why it has closed, for those who are told of it. */
    this.closeError = null;
    /** Whether its requests are the server's to answer: not when maxConnections refused it, nor before HTTP begins. The server's connection count includes it. */
    this.admitted = false;
    this.ref = !this.isStream;
    /** The accepted upgrade request, its seq, and who gets the raw bytes. */
    this.upgradeRequest = null;
    this.upgradeSeq = 0;
    this.upgradeStream = null;
    /** See answers-ahead.js. @type {import('./waiter').Waiter[]|null} */
    this.keptBack = null;
    this.bytesRead = 0;
    this.intake = this.makeIntake();
    this.outflow = new Outflow(this);
    this.onClosed = null;
    if (this.ref) refProcess();
  }

  /** Whether it takes what is written, though that may have to wait until it has connected. */
  get isActive() {
    return this.life <= LIFE.ACTIVE;
  }

  get isClosed() {
    return this.life === LIFE.CLOSED;
  }

  /** Whether its bytes are not, or no longer, HTTP of its server's. */
  get isUpgraded() {
    return this.phase !== PHASE.HTTP;
  }

  /** The net.Socket of this connection, made at first use. */
  get socket() {
    if (this.madeSocket === null) {
      this.madeSocket = new Socket(this);
      this.side.attachSocket(this.madeSocket, this);
      // Asked for after the close: the server has counted the connection down already.
      if (this.isClosed) this.madeSocket._server = null;
      if (!this.isActive) this.madeSocket.destroy();
    }
    return this.madeSocket;
  }

  makeIntake() {
    return new Intake(this);
  }

  /** Of its own sockets the engine reads no more by itself when answers pile up. */
  pauseIfFull() {}

  /** The response being sent, as Node shows it in socket._httpMessage. */
  get current() {
    return currentOf(this);
  }

  /** Whether the request of this connection's last response is answered, whether or not the response has finished. */
  get answeredLast() {
    return hasAnsweredLast(this);
  }

  // ---- sink: where its messages write -------------------------------------------------------------------------------

  get writableLength() {
    return this.outflow.writableLength;
  }

  /** The program has ended the socket, or the peer's FIN has. What a response is given after that waits in it, unsent, as in Node. */
  get isEnded() {
    if (!this.isActive) return false;
    return this.isUpgraded ? this.phase === PHASE.UNANSWERED : this.madeSocket !== null && !this.madeSocket.writable;
  }

  /**
   * Takes a piece of a message, or gives it back to wait there.
   * @return {boolean} false when the connection is over its high-water mark; 'drain' follows
   */
  send(message, head, chunk, encoding, flags, callback) {
    if (!this.isActive) {
      if (callback) nextTick(callback, streamDestroyed('write'));
      return false;
    }
    const socket = this.madeSocket;
    if (this.phase === PHASE.UNANSWERED) return message[kEnqueue](head, chunk, encoding, flags, callback);
    if (socket !== null && !this.isUpgraded) {
      if (!socket.writable) return message[kEnqueue](head, chunk, encoding, flags, callback);
      if (socket.writableLength > 0 || socket.writableCorked > 0 || writesAreWatched(socket)) return this.sendThroughSocket(message, head, chunk, encoding, flags, callback);
    }
    return this.hand(message, head, chunk, encoding, flags, callback);
  }

  /** Earlier bytes wait in the socket, or its write() has been replaced: the message's bytes go through the socket, as with node:http. */
  sendThroughSocket(message, head, chunk, encoding, flags, callback) {
    if ((flags & LAST) === 0) return writeFramed(this.madeSocket, head, chunk, encoding, flags, callback);
    return writeFramed(this.madeSocket, head, chunk, encoding, flags, (error) => {
      if (!error && this.isActive) this.hand(message, '', null, null, flags & (LAST | CLOSE), callback);
      else callback?.(error ?? streamDestroyed('write'));
    });
  }

  /** Interim responses: bytes in this message's place, outside its framing. */
  information(message, text) {
    this.send(message, '', text, 'latin1', 0, undefined);
  }

  cork() {
    this.socket.cork();
  }

  uncork() {
    this.socket.uncork();
  }

  /** A message has ended, and what waits in the socket leaves, however often that was corked. */
  uncorkFully() {
    uncorkFully(this.madeSocket);
  }

  setTimeout(msecs) {
    this.socket.setTimeout(msecs);
  }

  /** The response was destroyed. */
  destroy(error) {
    this.socket.destroy(error);
  }

  /** Ends the socket, which is destroyed when what it has been given has left. */
  destroySoon() {
    this.socket.destroySoon();
  }

  /** It is this response's turn, or (null) nobody's. A socket of ours asks when somebody wants to see it. */
  showCurrent() {}

  // What its socket says of itself matters where the engine does not know it anyway: see over-stream.js.
  socketClosed() {}
  socketDrained() {}

  /** The response was destroyed when it counted as sent. If the kernel has taken it, the connection goes on. */
  abandon() {
    if (this.isActive) command(OP.CLOSE, UNLESS_SENT, this, 0);
  }

  /** The response has been taken off the socket, and its program answers in another way: the next one has the turn. */
  letGo(message) {
    if (this.unfinished[0] !== message || !this.isActive) return;
    if (this.handedOver === 0) {
      this.outflow.write(OP.WRITE, LAST, this.seqOf(message), '', null, 'latin1');
      handedLast(this, false);
    }
    passTurn(this, message);
  }

  // ---- line: where responses wait for their turn --------------------------------------------------------------------

  /** Bytes that wait in a response for its turn have become so many more, or fewer. */
  noteQueued(delta) {
    noteQueued(this, delta);
  }

  /** Whether the engine takes what a response says now, before its turn. */
  mayHandOver(response) {
    return mayHandOver(this, response);
  }

  /** Hands a piece of a message to the engine. */
  hand(message, head, chunk, encoding, flags, callback) {
    const { outflow } = this;
    const last = (flags & LAST) !== 0;
    const finishesFlushed = last && (callback !== undefined || this.finishesFlushed(message, chunk));
    if (callback !== undefined || finishesFlushed) flags |= ACK;
    const full = outflow.write(OP.WRITE, flags, this.seqOf(message), head, chunk, encoding);
    if (callback !== undefined) outflow.tell(callback);
    if (last) this.endMessage(message, flags, finishesFlushed);
    else if (full) outflow.drain(message);
    this.touch();
    return !full;
  }

  // ---- where hand() differs for a client ----------------------------------------------------------------------------

  /** The number by which the engine knows what the message belongs to. */
  seqOf(message) {
    return requestSeq(message.req);
  }

  /** Whether a message without a callback has finished only when its last piece, of which `chunk` is the rest, has been flushed. */
  finishesFlushed(message) {
    // Responses finish in their order: while one waits for its bytes to be flushed, so do those after it.
    return message[kEvents] !== undefined || this.outflow.isAwaited;
  }

  /** The engine has all of a message, of which it is told now or later that it has finished. */
  endMessage(message, flags, finishesFlushed) {
    // One that is early counts from its turn on.
    if (message[kLine] === null) noteHandedOver(message);
    if (finishesFlushed) this.outflow.finish(message);
    else endExchange(this, message);
    handedLast(this, (flags & CLOSE) !== 0);
  }

  // ---- source: where its messages come from -------------------------------------------------------------------------

  /** Whether its socket is paused in the HTTP phase. */
  get paused() {
    return this.intake.isPaused;
  }

  /** Whoever reads a message makes its socket flow, as in Node. */
  resumeSocket() {
    if (this.madeSocket !== null && this.madeSocket.readable) this.madeSocket.resume();
  }

  /** `n` bytes of body or raw stream have been taken by whoever they were for. */
  credit(n) {
    this.intake.credit(n);
  }

  /** Whether the answer to `request` counts as sent (steps.js) but has not said 'finish' yet. */
  hasSentUntold(request) {
    for (const response of each(this.unfinished)) if (response.req === request) return isSent(response) && !response.writableFinished;
    return false;
  }

  // ---- what its socket asks of it -----------------------------------------------------------------------------------

  /**
   * Raw bytes from the socket object: of the upgraded stream, or ahead of everything in the HTTP phase.
   * @param {string|Uint8Array|{chunk: string|Uint8Array, encoding: string}[]} what a list: chunks that were corked. They leave together anyway, so nobody joins them
   */
  writeRaw(what, encoding, callback) {
    if (!this.isActive) {
      callback(streamDestroyed('write'));
      return;
    }
    if (mustWaitForAnswers(this)) {
      keepBack(this, total(what, encoding, byteLength), (error) => (error ? callback(error) : this.writeRaw(what, encoding, callback)));
      return;
    }
    if (this.phase >= PHASE.UPGRADED && !isInline(this)) noteWrite(this, total(what, encoding, lengthOf));
    if (Array.isArray(what) ? this.writePieces(what) : this.writePiece(what, encoding)) this.outflow.tell(callback);
    else callback();
  }

  /** @return {boolean} see Outflow.write() */
  writePieces(chunks) {
    let full = false;
    for (const { chunk, encoding } of each(chunks)) full = this.writePiece(chunk, encoding);
    return full;
  }

  /** @return {boolean} see Outflow.write() */
  writePiece(chunk, encoding) {
    return this.phase === PHASE.UPGRADED
      ? this.outflow.write(OP.WRITE, 0, this.upgradeSeq, '', chunk, encoding)
      : this.outflow.write(OP.WRITE_NOW, 0, 0, '', chunk, encoding);
  }

  /** FIN once everything has left. */
  shutdown(callback) {
    if (!this.isActive) {
      callback();
      return;
    }
    if (mustWaitForAnswers(this)) {
      keepBack(this, 0, () => this.shutdown(callback));
      return;
    }
    command(OP.SHUTDOWN, 0, this, 0);
    this.outflow.tellOfFin(callback);
  }

  /** Closes now; what the kernel does not take at once is lost, as with Node's destroy(). */
  close(callback) {
    if (this.isClosed) {
      if (callback) tellClosed(this, callback);
      return;
    }
    if (callback) this.onClosed = callback;
    if (!this.isActive) return;
    this.life = LIFE.CLOSING;
    command(OP.CLOSE, 0, this, 0);
  }

  reset(callback) {
    if (this.isClosed) {
      tellClosed(this, callback);
      return;
    }
    this.onClosed = callback;
    this.life = LIFE.CLOSING;
    command(OP.RESET, 0, this, 0);
  }

  setNoDelay(enable) {
    if (!this.isClosed) command(OP.NO_DELAY, 0, this, enable ? 1 : 0);
  }

  setKeepAlive(enable, seconds) {
    if (!this.isClosed) command(OP.KEEP_ALIVE, enable ? ON : 0, this, seconds);
  }

  setRef(ref) {
    if (this.ref === ref || this.isClosed) return;
    this.ref = ref;
    if (ref) refProcess();
    else unrefProcess();
  }

  /** Activity: the idle timer of a socket that has one starts anew. */
  touch() {
    if (this.madeSocket !== null && this.madeSocket.timeout) this.madeSocket._unrefTimer();
  }

  // ---- its exchanges ------------------------------------------------------------------------------------------------

  /** The response, which has been handed over, finishes when its bytes have left. @return {boolean} false: the connection ends, and no ACK will come */
  awaitFlush(message) {
    if (!this.isActive) return false;
    this.outflow.write(OP.WRITE_NOW, ACK, 0, '', null, 'latin1');
    this.outflow.finish(message);
    return true;
  }

  /** Calls back when all that has been written so far has left, or never will. */
  fence(callback) {
    this.outflow.write(OP.WRITE_NOW, ACK, 0, '', null, null);
    this.outflow.tell(callback);
  }

  /** The new protocol's bytes are the socket's, whoever read the old one's. */
  endHttpPhase() {
    if (this.phase === PHASE.HTTP) this.phase = PHASE.UPGRADED;
    this.intake.leaveHttp();
  }

  /** It fails now: answers that do not count as sent yet are lost. */
  fail() {
    for (const response of each(this.unfinished)) noteFailure(response);
  }

  /** Closes the connection; if a socket has been made, by destroying that. */
  end() {
    if (this.madeSocket !== null) this.socket.destroy();
    else this.close();
  }

  /**
   * Closes the connection if it waits for a request, its first or another: the engine knows whether that has begun to come. One whose responses have
   * all been ended but not been flushed closes when they have: Node closes that at once, with what the kernel has not taken.
   */
  endIdle() {
    if (this.isUpgraded || this.receiving !== null || this.upgradeRequest !== null) return;
    if (this.unfinished.length === 0) this.closeIfIdle();
    else if (this.unfinished.every((response) => response.finished)) this.ending |= ENDING.WHEN_FLUSHED;
  }

  closeIfIdle() {
    if (!this.isActive) return;
    this.ending |= ENDING.IF_IDLE;
    command(OP.CLOSE, UNLESS_BUSY, this, 0);
  }

  // ---- records ------------------------------------------------------------------------------------------------------

  onBody(chunk) {
    this.bytesRead += chunk.length;
    this.touch();
    if (this.receiving !== null) receiveBody(this.receiving, chunk);
    else this.credit(chunk.length);
  }

  onEnd(trailers) {
    const message = this.receiving;
    this.receiving = null;
    if (message === null) return;
    if (this.upgradeStream !== null) this.side.endUpgradeBody(this);
    receiveEnd(message, trailers);
  }

  onRaw(chunk) {
    this.bytesRead += chunk.length;
    receiveRaw(this, chunk);
  }

  onAck(total) {
    const { outflow } = this;
    outflow.note(total);
    if (!outflow.isAwaited) return;
    this.touch();
    outflow.settle();
  }

  /** The peer has sent its FIN. */
  onPeerEnd() {
    this.ending &= ~ENDING.IF_IDLE;
    if (this.intake.isThroughJavaScript && this.intake.end < INPUT.FED) {
      // Whoever reads in JavaScript comes to the end first.
      if (this.isActive) this.socket.receiveEnd();
      return;
    }
    peerEnded(this);
  }

  /** The engine's last word on this connection. */
  onClose(errno, writing) {
    if (this.isClosed) return;
    if (errno !== 0 && this.isActive) this.closeError = errnoException(-errno, writing ? 'write' : 'read');
    this.life = LIFE.CLOSED;
    if (this.ref) unrefProcess();
    this.side.forget(this);
    tellAll(this);
  }

  /** What was under way will not be. */
  abortExchanges() {
    abortAll(this);
  }
}

const lengthOf = (chunk) => chunk.length;

/** Whether its stream is JavaScript's: see over-stream.js. */
Connection.prototype.isStream = false;
/** Whether nothing is read from such a stream because answers pile up. */
Connection.prototype.waitsForAnswers = false;

module.exports = { Connection };
