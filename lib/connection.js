'use strict';

/**
 * Connection: one TCP or Unix connection of a server as JavaScript keeps it. It is the sink its responses write to, the
 * driver of its lazily made Socket, and where records about it arrive. It knows nothing of HTTP's text.
 *
 * Life: OPEN (HTTP) → UPGRADED (raw stream) → CLOSED by the engine's last record. `closing` is set once JavaScript has asked for
 * the end; records that come after it are dropped.
 */

const { OP, READ, LARGE_PAYLOAD, command, write, hold, release, lastChunkLength } = require('./binding');
const { CHUNKED, LAST, CLOSE, ACK } = require('./constants');
const { Socket, writesAreWatched } = require('./socket');
const { writeFramed } = require('./socket-sink');
const { abortMessage, cutMessage, receiveBody, receiveEnd, seqOf: requestSeq } = require('./incoming-message');
const { connResetException, errnoException, streamDestroyed } = require('./errors');
const { isInline } = require('./connection-table');
const { noteWrite } = require('./driver-change');
const { endExchange, finishExchange } = require('./ended-exchanges');
const { kSide, kOnClose, kOnDrain } = require('./symbols');

/** Bytes handed over without acknowledgement after which the next write asks for one. */
const ACK_INTERVAL = 32 * 1024;
/** Bytes of consumed input after which the engine is told; well below its window of 128 KiB. */
const CREDIT_STEP = 32 * 1024;

/** No exchange, no waiter: most connections at most times. An array that has held something keeps room for sixteen. */
const NONE = Object.freeze([]);

class Connection {
  /**
   * @param {import('./server').Server} server
   * @param {number} index dense number, reused after CLOSED
   * @param {number} generation tells a reused index from its former owner
   * @param {object} peer `{ family, remotePort, localPort, remoteAddress, localAddress }`
   */
  constructor(server, index, generation, peer) {
    this.server = server;
    /** Who counts it and runs its events: a ServerSide, or what stands in a server's place. */
    this.side = server[kSide] ?? server;
    this.index = index;
    this.generation = generation;
    this.peer = peer;
    this.highWaterMark = server.highWaterMark ?? 65536;
    /** Responses in order; the first is the one being sent. */
    this.open = NONE;
    /** How many requests have been taken so far. */
    this.requests = 0;
    this.receiving = null;
    this.madeSocket = null;
    this.closed = false;
    this.closing = false;
    /** Nothing but the flush of its responses keeps it open. */
    this.leaving = false;
    /** Whether the server's connection count includes it; not when maxConnections refused it. */
    this.counted = false;
    this.ref = true;
    /** Who gets the peer's bytes: what the engine was told last; whether JavaScript wants to see them, and whether its socket is paused. */
    this.readBy = READ.PARSER;
    this.tapped = false;
    this.paused = false;
    /** It is on its way to another process, or from one driver to the other: nobody reads it. */
    this.departing = false;
    this.moving = false;
    /** Called once when it has moved, or never will. @type {(() => void)|null} */
    this.onMoved = null;
    /** A reader in JavaScript has come to the end, and the engine was told. */
    this.fedEnd = false;
    /** The accepted upgrade request, its seq, and who gets the raw bytes. */
    this.upgradeRequest = null;
    this.upgradeSeq = 0;
    this.upgraded = false;
    this.upgradeStream = null;
    this.peerEnded = false;
    /** The connection's last response has been ended: what the peer still says is nobody's. */
    this.over = false;
    /** The peer broke the protocol: 'clientError' has been emitted, and nothing more is parsed. */
    this.failed = false;
    this.bytesRead = 0;
    /** Payload bytes handed to the engine, known to be flushed, and at the last request for an acknowledgement. */
    this.handed = 0;
    this.acked = 0;
    this.asked = 0;
    /** See driver-change.js. */
    this.bulk = 0;
    /** Bytes of chunk framing the engine has added. */
    this.framing = 0;
    /** Who waits for the flush of the bytes up to `at`. */
    this.waiters = NONE;
    this.uncredited = 0;
    this.onClosed = null;
    this.error = null;
    hold();
  }

  /** The net.Socket of this connection, made at first use. */
  get socket() {
    if (this.madeSocket === null) {
      this.madeSocket = new Socket(this);
      this.side.attachSocket(this.madeSocket, this);
      // Asked for after the end: the server has counted the connection down already.
      if (this.closed) this.madeSocket._server = null;
      if (this.closed || this.closing) this.madeSocket.destroy();
    }
    return this.madeSocket;
  }

  get writableLength() {
    return this.handed - this.acked > ACK_INTERVAL ? this.handed - this.acked : 0;
  }

  /** The response being sent, as Node shows it in socket._httpMessage. */
  get current() {
    return this.open.length > 0 ? this.open[0] : null;
  }

  /** Whether the last response of this connection has been ended, told or not. */
  get answeredLast() {
    return this.over || this.open.find((response) => response._last || !response.finished)?.finished === true;
  }

  /** A response to another request. */
  expect(response) {
    if (this.open.length === 0) this.open = [response];
    else this.open.push(response);
  }

  /** The response's last byte has been handed over: it is the next one's turn. */
  answered(response) {
    const { open } = this;
    if (open[0] !== response) {
      if (open.includes(response)) open.splice(open.indexOf(response), 1);
    } else if (open.length === 1) this.open = NONE;
    else open.shift();
  }

  /** `waiter` is told once the bytes up to `waiter.at` have been flushed. */
  wait(waiter) {
    if (this.waiters.length === 0) this.waiters = [waiter];
    else this.waiters.push(waiter);
  }

  // ---- writing -------------------------------------------------------------------------------------------------------

  /**
   * The sink interface of OutgoingMessage.
   * @return {boolean} false when the connection is over its high-water mark; 'drain' follows
   */
  send(message, head, chunk, encoding, flags, callback) {
    if (this.closed || this.closing) {
      if (callback) process.nextTick(callback, streamDestroyed('write'));
      return false;
    }
    if (this.madeSocket !== null && this.open[0] === message && writesAreWatched(this.madeSocket)) {
      return this.sendThroughSocket(message, head, chunk, encoding, flags, callback);
    }
    return this.hand(message, head, chunk, encoding, flags, callback);
  }

  /** Somebody has replaced the socket's write(): the bytes of the response whose turn it is take that way, as with node:http. */
  sendThroughSocket(message, head, chunk, encoding, flags, callback) {
    if ((flags & LAST) === 0) return writeFramed(this.madeSocket, head, chunk, encoding, flags, callback);
    return writeFramed(this.madeSocket, head, chunk, encoding, flags, (error) => {
      if (!error && !this.closed && !this.closing) this.hand(message, '', null, null, flags & (LAST | CLOSE), callback);
      else callback?.(error ?? streamDestroyed('write'));
    });
  }

  /** Hands a piece of a message to the engine. */
  hand(message, head, chunk, encoding, flags, callback) {
    const last = (flags & LAST) !== 0;
    if (last && (callback !== undefined || message._eventsCount > 0)) flags |= ACK;
    else if (callback !== undefined) flags |= ACK;
    const full = this.writeBytes(OP.WRITE, flags, seqOf(message), head, chunk, encoding);
    if (callback !== undefined) this.wait({ at: this.handed, callback });
    if (last) {
      if (flags & ACK) this.wait({ at: this.handed, callback: null, message });
      else endExchange(this, message);
    } else if (full) {
      this.wait({ at: this.handed, callback: null, message: null, drain: message });
    }
    this.touch();
    return !full;
  }

  /** Interim responses: bytes in this message's place, outside its framing. */
  information(message, text) {
    if (this.closed || this.closing) return;
    this.writeBytes(OP.WRITE, 0, seqOf(message), text, null, 'latin1');
    this.touch();
  }

  /** @return {boolean} true: over the high-water mark, and an acknowledgement of everything written is under way */
  writeBytes(op, flags, seq, head, chunk, encoding) {
    // A UTF-16 unit is at most three bytes of UTF-8.
    const most = head.length + (chunk === null ? 0 : typeof chunk === 'string' ? chunk.length * 3 : chunk.length);
    const ahead = this.handed + most;
    if (ahead - this.asked >= ACK_INTERVAL || ahead - this.acked > this.highWaterMark) flags |= ACK;
    const length = write(op, flags, this, seq, head, chunk, encoding);
    this.handed += length;
    if (flags & ACK) this.asked = this.handed;
    if (flags & CHUNKED) this.framing += framingBytes(lastChunkLength(), flags);
    return this.handed - this.acked > this.highWaterMark;
  }

  /** Raw bytes from the socket object: of the upgraded stream, or ahead of everything in the HTTP phase. */
  writeRaw(chunk, encoding, callback) {
    if (this.closed || this.closing) {
      callback(streamDestroyed('write'));
      return;
    }
    if (this.upgraded && !isInline(this)) noteWrite(this, chunk.length);
    if (this.writePiece(chunk, encoding)) this.wait({ at: this.handed, callback });
    else callback();
  }

  /** The same for chunks that were corked: they leave together anyway, so nobody joins them. */
  writeRawPieces(chunks, callback) {
    if (this.closed || this.closing) {
      callback(streamDestroyed('write'));
      return;
    }
    if (this.upgraded && !isInline(this)) noteWrite(this, chunks.reduce((sum, { chunk }) => sum + chunk.length, 0));
    let full = false;
    for (const { chunk, encoding } of chunks) full = this.writePiece(chunk, encoding);
    if (full) this.wait({ at: this.handed, callback });
    else callback();
  }

  /** @return {boolean} see writeBytes() */
  writePiece(chunk, encoding) {
    return this.upgraded
      ? this.writeBytes(OP.WRITE, 0, this.upgradeSeq, '', chunk, encoding)
      : this.writeBytes(OP.WRITE_NOW, 0, 0, '', chunk, encoding);
  }

  /** Calls back when all that has been written so far has left, or never will. */
  fence(callback) {
    this.writeBytes(OP.WRITE_NOW, ACK, 0, '', null, null);
    this.wait({ at: this.handed, callback });
  }

  /** Its driver has changed, or it is over. */
  moved() {
    this.moving = false;
    const { onMoved } = this;
    this.onMoved = null;
    onMoved?.();
  }

  /** FIN once everything has left. */
  shutdown(callback) {
    if (this.closed || this.closing) {
      callback();
      return;
    }
    command(OP.SHUTDOWN, 0, this, 0);
    this.wait({ at: this.handed, callback, fin: true });
  }

  /** Closes now; what the kernel does not take at once is lost, as with Node's destroy(). */
  close(callback) {
    if (this.closed) {
      if (callback) closeTick(callback);
      return;
    }
    if (callback) this.onClosed = callback;
    if (this.closing) return;
    this.closing = true;
    command(OP.CLOSE, 0, this, 0);
  }

  reset(callback) {
    if (this.closed) {
      closeTick(callback);
      return;
    }
    this.onClosed = callback;
    this.closing = true;
    command(OP.RESET, 0, this, 0);
  }

  /** Sink interface: the response was destroyed. */
  destroy(error) {
    this.socket.destroy(error);
  }

  /** Closes a connection between two requests, with its socket if somebody has that. */
  end() {
    if (this.madeSocket !== null) this.socket.destroy();
    else this.close();
  }

  /**
   * Closes the connection if it has been used and waits for another request. One whose responses have all been ended but not been
   * flushed closes when they have: Node closes that at once, with what the kernel has not taken.
   */
  endIdle() {
    if (this.upgraded || this.requests === 0 || this.receiving !== null) return;
    if (this.open.length === 0) this.end();
    else if (this.open.every((response) => response.finished)) this.leaving = true;
  }

  setTimeout(msecs) {
    this.socket.setTimeout(msecs);
  }

  cork() {
    this.socket.cork();
  }

  uncork() {
    this.socket.uncork();
  }

  setNoDelay(enable) {
    if (!this.closed) command(OP.NO_DELAY, 0, this, enable ? 1 : 0);
  }

  setKeepAlive(enable, seconds) {
    if (!this.closed) command(OP.KEEP_ALIVE, enable ? 1 : 0, this, seconds);
  }

  setRef(ref) {
    if (this.ref === ref || this.closed) return;
    this.ref = ref;
    if (ref) hold();
    else release();
  }

  /** `n` bytes of body or raw stream have been taken by whoever they were for. */
  credit(n) {
    this.uncredited += n;
    if (this.uncredited < CREDIT_STEP || this.closed || this.closing) return;
    command(OP.CREDIT, 0, this, this.uncredited);
    this.uncredited = 0;
  }

  /** Tells the engine who gets the peer's bytes from now on, if that has changed. */
  setReader() {
    const reader = this.paused || this.departing || this.moving ? READ.NOBODY : this.tapped ? READ.JAVASCRIPT : READ.PARSER;
    if (reader === this.readBy || this.closed || this.closing) return;
    this.readBy = reader;
    command(OP.TAP, 0, this, reader);
  }

  /** JavaScript wants to see the bytes of the HTTP phase before the parser. */
  tap() {
    if (this.tapped || this.upgraded || !this.counted) return;
    this.tapped = true;
    this.setReader();
  }

  /** @param {boolean} paused the socket of the HTTP phase reads nothing for now */
  setPaused(paused) {
    if (this.upgraded) return;
    this.paused = paused;
    this.setReader();
  }

  /** Bytes that came, or were made, in JavaScript go to the parser as if they had been read. @param {Uint8Array} chunk */
  feed(chunk) {
    if (this.closed || this.closing || this.upgraded) return;
    // Larger ones would travel as writes do.
    for (let at = 0; at < chunk.length; at += LARGE_PAYLOAD - 1) {
      write(OP.FEED, 0, this, 0, '', chunk.subarray(at, at + LARGE_PAYLOAD - 1), null);
    }
  }

  /** The same for the end of the stream. */
  feedEnd() {
    if (this.fedEnd || this.peerEnded || this.closed || this.closing) return;
    this.fedEnd = true;
    command(OP.FEED, 1, this, 0);
  }

  /** The new protocol's bytes are the socket's, whoever read the old one's. */
  endHttpPhase() {
    this.upgraded = true;
    this.tapped = false;
    this.paused = false;
    this.setReader();
  }

  /** Activity: the idle timer of a socket that has one starts anew. */
  touch() {
    if (this.madeSocket !== null && this.madeSocket.timeout) this.madeSocket._unrefTimer();
  }

  // ---- records -------------------------------------------------------------------------------------------------------

  onBody(chunk) {
    this.bytesRead += chunk.length;
    this.touch();
    if (this.receiving !== null) receiveBody(this.receiving, chunk);
    else this.credit(chunk.length);
  }

  onEnd(trailers) {
    const message = this.receiving;
    this.receiving = null;
    if (message !== null) receiveEnd(message, trailers);
  }

  onRaw(chunk) {
    this.bytesRead += chunk.length;
    if (this.closing || this.closed) return;
    this.touch();
    if (this.upgradeStream !== null) this.upgradeStream.receive(chunk);
    else this.socket.receive(chunk);
  }

  onAck(total) {
    if (total > this.acked) this.acked = total;
    if (this.waiters.length === 0) return;
    this.touch();
    // One by one: a listener may throw, or add another.
    while (this.waiters.length > 0 && this.waiters[0].at <= this.acked) {
      const [waiter] = this.waiters;
      if (this.waiters.length === 1) this.waiters = NONE;
      else this.waiters.shift();
      settle(this, waiter, undefined);
    }
  }

  /** The peer has sent its FIN. */
  onPeerEnd() {
    if (this.tapped && !this.fedEnd) {
      // Whoever reads in JavaScript comes to the end first.
      if (!this.closing) this.socket.receiveEnd();
      return;
    }
    this.peerEnded = true;
    if (this.closing) return;
    if (this.upgradeStream !== null) {
      const message = this.receiving;
      this.receiving = null;
      this.upgradeStream.receiveEnd();
      if (message !== null) {
        // The request is not whole and never will be: its end is told, then the connection goes, as node:http's does.
        cutMessage(message, connResetException('aborted'));
        setImmediate(() => this.socket.destroy());
      }
    } else if (this.upgraded) {
      this.socket.receiveEnd();
    } else {
      this.endHttp();
    }
  }

  /** FIN in the HTTP phase: unless half-open is allowed, what has not been answered yet will not be. */
  endHttp() {
    if (this.madeSocket !== null) this.madeSocket.receiveEnd();
    if (this.failed) return;
    if (this.server.httpAllowHalfOpen && this.open.length > 0) this.open[this.open.length - 1]._last = true;
    else if (this.open.length > 0 || this.madeSocket !== null) this.socket.end();
    else command(OP.SHUTDOWN, 0, this, 0);
  }

  /** The engine's last word on this connection. */
  onClose(errno, writing) {
    if (this.closed) return;
    this.closed = true;
    if (this.ref) release();
    this.side.forget(this);
    const socket = this.madeSocket;
    let error = null;
    if (errno !== 0 && !this.closing) error = errnoException(-errno, writing ? 'write' : 'read');
    const { waiters } = this;
    this.waiters = NONE;
    if (waiters.length > 0) {
      const reason = error ?? streamDestroyed('write');
      for (const waiter of waiters) settle(this, waiter, reason);
    }
    if (socket === null && this.counted) this.side.connectionGone();
    this.abortExchanges();
    if (socket !== null) socket.engineClosed(error);
    const { onClosed } = this;
    this.onClosed = null;
    if (onClosed !== null) onClosed();
    this.moved();
  }

  /** What was under way will not be: requests abort, responses close without 'finish'. */
  abortExchanges() {
    const receiving = this.receiving;
    this.receiving = null;
    const open = this.open;
    this.open = NONE;
    for (const response of open) {
      const { req } = response;
      if (req) abortMessage(req, connResetException('aborted'));
      response[kOnClose]();
    }
    if (receiving !== null && !receiving.destroyed) abortMessage(receiving, connResetException('aborted'));
  }
}

/** 'close' comes behind the 'error' that destroy() emits on the next tick. */
function closeTick(callback) {
  process.nextTick(process.nextTick, callback);
}

/** Bytes the engine adds around a chunk of `n` bytes. */
function framingBytes(n, flags) {
  const frame = n > 0 ? n.toString(16).length + 4 : 0;
  return flags & LAST ? frame + 5 : frame;
}

function seqOf(message) {
  return requestSeq(message.req);
}

function settle(connection, waiter, error) {
  if (waiter.message) {
    if (error === undefined) finishExchange(connection, waiter.message);
  } else if (waiter.drain) {
    // A message that went on writing drains with its last write.
    if (error === undefined && connection.acked >= connection.handed) waiter.drain[kOnDrain]();
  } else if (waiter.fin) {
    waiter.callback();
  } else {
    waiter.callback(error);
  }
}

module.exports = { Connection, closeTick };
