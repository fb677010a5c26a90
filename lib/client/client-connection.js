'use strict';

/**
 * ClientConnection: a connection of our own making, from the first lookup to the engine's last record, and its net.Socket. It is
 * the sink of one request after the other; what comes back goes to client-exchange.js.
 *
 * Life: connecting (what is written waits) → connected, a raw stream for whoever has asked for it past request() → HTTP from the first
 * request of ours on, idle between requests → upgraded (raw stream again) → closed.
 */

const { Socket: NetSocket } = require('node:net');
const { addAbortSignal } = require('node:stream');
const http = require('../base/host-http');
const { OP, command, write, openPort, unrefProcess } = require('../seam/binding');
const { createScope, runInScope } = require('../base/async-scope');
const { closeTick } = require('../connection/closed');
const { Connection } = require('../connection/connection');
const { connectSocket } = require('./client-connect');
const exchange = require('./client-exchange');
const { nodeError, streamDestroyed } = require('../base/errors');
const { Socket, connectionOf } = require('../connection/socket');
const { INPUT, LIFE, PHASE } = require('../connection/states');
const { addConnection } = require('../seam/connection-table');
const { byteLength } = require('../message/chunks');
const { receiveEnd } = require('../message/incoming-message');
const layout = require('../seam/layout');
const leniencies = require('../seam/leniency');
const { connection: rows } = require('../seam/options');
const { Boolean, Math, Object, String, each, nextTick, setImmediate } = require('../base/primordials');
const { kEnqueue, kOnFinish } = require('../base/symbols');

const { HEAD, CONNECT, INSECURE, NOTHING, RELAXED } = layout.expectFlags;
const { LAST, CLOSE, ACK } = layout.writeFlags;
/** The limit that an EXPECT without one stands for: Node's default. */
const { MAX_HEADER_SIZE } = layout.limits;

/** Bytes under way up to which a request that is written whole counts as sent. */
const TRUSTED = 48 * 1024;

/**
 * The side of one connection: nobody counts it, and each request has a scope of its own.
 * @implements {import('../base/roles').Side}
 */
class ClientSide {
  exchange = exchange;
  scope = createScope();

  inScope(fn, a, b, c, d) {
    return runInScope(this.scope, fn, a, b, c, d);
  }

  forget() {}
  attachSocket() {}
}

function finish(message) {
  if (!message.destroyed) message[kOnFinish]();
}

class ClientConnection extends Connection {
  /** @param {object} options net.connect()'s */
  constructor(options) {
    openPort();
    super(null, new ClientSide(), -1, 0, {});
    this.highWaterMark = options.highWaterMark ?? this.highWaterMark;
    this.isConnected = false;
    /** What was written while connecting: `{ message, head, chunk, encoding, flags, callback }` each. */
    this.early = [];
    this.earlyBytes = 0;
    /** The request under way, and its number. */
    this.request = null;
    this.seq = 0;
    /** Until the first request it is a plain stream, which belongs to whoever made it, as with node:http. */
    this.phase = PHASE.UPGRADED;
    this.upgradeSeq = 1;
    /** The head of the last response, until it has been dealt with. */
    this.response = null;
    /** The response to an upgrade request, until UPGRADE brings the bytes after it. */
    this.upgradeResponse = null;
    /** Options of the socket that count once there is one. */
    this.wantsNoDelay = Boolean(options.noDelay);
    this.keptAlive = Boolean(options.keepAlive);
    this.keepAliveDelay = Math.max(0, Math.trunc(options.keepAliveInitialDelay / 1000) | 0);
    /** @type {(() => void)|null} ends the attempt to connect */
    this.giveUp = null;
    /** What its socket shows as `parser` while a response is awaited. */
    this.parser = null;
    try {
      this.madeSocket = new ClientSocket(this, options);
    } catch (error) {
      // Bad options: nothing will ever close this connection.
      unrefProcess();
      throw error;
    }
  }

  get current() {
    return this.request;
  }

  get writableLength() {
    return this.earlyBytes + super.writableLength;
  }

  /** The request this connection carries from now on. */
  begin(request) {
    this.request = request;
    this.phase = PHASE.HTTP;
    this.seq++;
    this.side.scope = createScope();
    if (this.isConnected && !this.isClosed) this.expectResponse();
  }

  /** The request is over; what comes now answers nothing. */
  finishRequest() {
    this.request = null;
  }

  /** Tells the engine what the next response answers. */
  expectResponse() {
    const { method, maxHeaderSize } = this.request;
    let flags = method === 'HEAD' ? HEAD : method === 'CONNECT' ? CONNECT : 0;
    const leniency = leniencies.parserLeniency(this.request);
    if (leniency === leniencies.INSECURE) flags |= INSECURE;
    else if (leniency === leniencies.RELAXED) flags |= RELAXED;
    const size = maxHeaderSize || http.maxHeaderSize;
    write(OP.EXPECT, flags, this, this.seq, '', size === MAX_HEADER_SIZE ? null : String(size), 'latin1');
  }

  connected(index, generation, peer) {
    this.index = index;
    this.generation = generation;
    this.peer = peer;
    this.isConnected = true;
    addConnection(this);
    if (this.wantsNoDelay) this.setNoDelay(true);
    if (this.keptAlive) super.setKeepAlive(true, this.keepAliveDelay);
    if (this.request !== null) this.expectResponse();
    else command(OP.EXPECT, NOTHING, this, 0);
    this.flushEarly();
  }

  /** What was written while connecting leaves. */
  flushEarly() {
    const { early } = this;
    this.early = [];
    this.earlyBytes = 0;
    for (let i = 0; i < early.length; i++) {
      const { message, head, chunk, encoding, flags, callback } = early[i];
      const last = i === early.length - 1;
      this.hand(message, head, chunk, encoding, last ? flags | ACK : flags, callback);
      if (last && (flags & LAST) === 0) this.outflow.drain(message);
    }
  }

  /** As Connection.send(), but without CLOSE: JavaScript closes when it is time. What is written while connecting waits here. */
  send(message, head, chunk, encoding, flags, callback) {
    if (this.isUpgraded) {
      if (callback) nextTick(callback, streamDestroyed('write'));
      return true;
    }
    if (!this.isActive || message !== this.request) {
      if (callback) nextTick(callback, streamDestroyed('write'));
      return false;
    }
    flags &= ~CLOSE;
    const socket = this.madeSocket;
    if (!socket.writable) return message[kEnqueue](head, chunk, encoding, flags, callback);
    if (socket.writableLength > 0) return this.sendThroughSocket(message, head, chunk, encoding, flags, callback);
    if (!this.isConnected) {
      this.early.push({ message, head, chunk, encoding, flags, callback });
      this.earlyBytes += head.length + (chunk === null ? 0 : byteLength(chunk, encoding || 'utf8'));
      return this.earlyBytes <= this.highWaterMark;
    }
    return this.hand(message, head, chunk, encoding, flags, callback);
  }

  hand(message, head, chunk, encoding, flags, callback) {
    const { outflow } = this;
    const last = (flags & LAST) !== 0;
    // An acknowledgement costs a round of the loop: where nobody waits for one and the kernel takes so much, the end is taken for flushed.
    const underWay = outflow.underWay + (chunk === null ? 0 : chunk.length);
    const isTrusted = last && callback === undefined && underWay < TRUSTED && message.listenerCount('finish') === 0;
    if (callback !== undefined || (last && !isTrusted)) flags |= ACK;
    const full = outflow.write(OP.WRITE, flags, this.seq, head, chunk, encoding);
    if (callback !== undefined) outflow.tell(callback);
    if (isTrusted) {
      nextTick(finish, message);
    } else if (last) {
      outflow.tell((error) => {
        if (!error) finish(message);
      });
    } else if (full) {
      outflow.drain(message);
    }
    this.touch();
    return !full;
  }

  /** Connecting: nothing is there to close but the attempt. */
  close(callback) {
    if (this.isConnected || this.isClosed) {
      // Node's 'close' comes after the immediates of its round of the loop: a program that reads a response in one of them does so before.
      super.close(callback && (() => setImmediate(callback)));
      return;
    }
    this.life = LIFE.CLOSED;
    if (this.ref) unrefProcess();
    this.giveUp?.();
    const { early } = this;
    this.early = [];
    for (const entry of each(early)) if (entry.callback) nextTick(entry.callback, streamDestroyed('write'));
    if (callback) closeTick(callback);
  }

  reset(callback) {
    if (this.isConnected || this.isClosed) super.reset(callback);
    else this.close(callback);
  }

  destroy(error) {
    this.madeSocket.destroy(error);
  }

  setNoDelay(enable) {
    if (this.isConnected) super.setNoDelay(enable);
    else this.wantsNoDelay = enable;
  }

  /** An agent asks for the same whenever the connection becomes idle; only what changes reaches the system. */
  setKeepAlive(enable, seconds) {
    if (this.keptAlive === enable && (!enable || this.keepAliveDelay === seconds)) return;
    this.keptAlive = enable;
    this.keepAliveDelay = seconds;
    if (this.isConnected) super.setKeepAlive(enable, seconds);
  }

  /** From the 101 on: our bytes follow the request, or take the place of what has not been written of it. */
  upgrade() {
    this.phase = PHASE.UPGRADED;
    this.upgradeSeq = this.request.finished ? this.seq + 1 : this.seq;
    this.request = null;
  }

  onEnd(trailers) {
    const message = this.receiving;
    this.receiving = null;
    if (message === null) return;
    receiveEnd(message, exchange.cutTrailers(message.req, trailers));
    exchange.responseComplete(this);
  }

  /** Bytes of the raw stream; of an idle server, which has nothing to say. */
  onRaw(chunk) {
    if (this.isUpgraded) super.onRaw(chunk);
    else this.madeSocket.destroy();
  }

  onPeerEnd() {
    this.intake.noteEnd(INPUT.ENDED);
    if (!this.isActive) return;
    // libuv reads a FIN one round of the loop after the bytes before it, and users read responses in between.
    if (this.isUpgraded) this.madeSocket.receiveEnd();
    else setImmediate(() => this.madeSocket.receiveEnd());
  }

  /** What ends an idle connection is nobody's error. */
  onClose(errno, writing) {
    const isIdle = this.request === null && !this.isUpgraded;
    super.onClose(isIdle ? 0 : errno, writing);
  }

  /** The request and its response hear of it by their socket. */
  abortExchanges() {
    this.receiving = null;
  }
}

/**
 * @param {ClientConnection} connection
 * @param {object} options net.connect()'s
 */
function ClientSocket(connection, options) {
  Socket.call(this, connection);
  if (options.signal) addAbortSignal(options.signal, this);
  delete this.setEncoding;
  this.server = null;
  this._server = null;
  this.parser = null;
  this.allowHalfOpen = Boolean(options.allowHalfOpen);
  const typeOfService = rows.typeOfService.take(options.typeOfService);
  // Where net.Socket can tell what it is; the engine sets it as it connects.
  if (typeOfService !== undefined) this.setTypeOfService?.(typeOfService);
  if (rows.blockList.take(options.blockList)) this.blockList = options.blockList;
}
Object.setPrototypeOf(ClientSocket.prototype, Socket.prototype);
Object.setPrototypeOf(ClientSocket, Socket);
// What a user sees is a Socket.
Object.defineProperty(ClientSocket, 'name', { value: 'Socket' });

Object.defineProperty(ClientSocket.prototype, '_httpMessage', { value: null, writable: true, enumerable: true, configurable: true });
Object.defineProperty(ClientSocket.prototype, 'pending', {
  configurable: true,
  enumerable: true,
  get() {
    return this.connecting;
  },
});

ClientSocket.prototype.startConnecting = function startConnecting() {
  this._unrefTimer();
  this.connecting = true;
};

/** The engine has connected. */
ClientSocket.prototype.connected = function connected(index, generation, peer) {
  const connection = connectionOf(this);
  if (this.destroyed) {
    command(OP.CLOSE, 0, { index, generation }, 0);
    return;
  }
  this.connecting = false;
  this._unrefTimer();
  connection.connected(index, generation, peer);
  this.emit('connect');
  this.emit('ready');
};

/** While connecting 'connect' is an event like others; later see Socket.once. */
ClientSocket.prototype.once = function once(event, listener) {
  return (event === 'connect' && this.connecting ? NetSocket : Socket).prototype.once.call(this, event, listener);
};

ClientSocket.prototype._write = function _write(chunk, encoding, callback) {
  if (!this.connecting) {
    Socket.prototype._write.call(this, chunk, encoding, callback);
    return;
  }
  const onClose = () => callback(nodeError('ERR_SOCKET_CLOSED_BEFORE_CONNECTION'));
  this.once('connect', () => {
    this.off('close', onClose);
    this._write(chunk, encoding, callback);
  });
  this.once('close', onClose);
};

ClientSocket.prototype._final = function _final(callback) {
  if (this.connecting) this.once('connect', () => this._final(callback));
  else Socket.prototype._final.call(this, callback);
};

/** net.connect() on the engine. @param {object} options @return {ClientSocket} */
function connect(options) {
  rows.objectMode.take(options.objectMode);
  rows.readableObjectMode.take(options.readableObjectMode);
  rows.writableObjectMode.take(options.writableObjectMode);
  rows.keepAliveInitialDelay.take(options.keepAliveInitialDelay);
  const connection = new ClientConnection(options);
  const socket = connection.madeSocket;
  try {
    if (options.timeout) socket.setTimeout(options.timeout);
    connectSocket(socket, connection, options);
  } catch (error) {
    connection.close();
    throw error;
  }
  return socket;
}

module.exports = { ClientConnection, ClientSocket, connect };
