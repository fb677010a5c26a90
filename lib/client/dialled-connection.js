'use strict';

/**
 * DialledConnection: a client's connection that the engine makes, from the first lookup to the engine's last record, and its net.Socket.
 *
 * Life (states.js): CONNECTING → ACTIVE, a raw stream for whoever has asked for it past request() → HTTP from the first request of ours on,
 * idle between requests → upgraded (raw stream again) → CLOSED.
 */

const { Socket: NetSocket } = require('node:net');
const { addAbortSignal } = require('node:stream');
const { OP, command, openPort, unrefProcess } = require('../seam/binding');
const { ClientConnection, ClientSide, finish } = require('./client-connection');
const { closeTick } = require('../connection/closed');
const { connectSocket } = require('./client-connect');
const { nodeError, streamDestroyed } = require('../base/errors');
const { Socket, connectionOf } = require('../connection/socket');
const { INPUT, LIFE } = require('../connection/states');
const { addConnection } = require('../seam/connection-table');
const { byteLength } = require('../message/chunks');
const layout = require('../seam/layout');
const { connection: rows } = require('../seam/options');
const { Boolean, Math, Object, Reflect, each, nextTick, setImmediate } = require('../base/primordials');
const { kEnqueue } = require('../base/symbols');

const { NOTHING } = layout.expectFlags;
const { LAST, CLOSE, ACK } = layout.writeFlags;

/** Bytes under way up to which a request that is written whole counts as sent. */
const TRUSTED = 48 * 1024;

class DialledConnection extends ClientConnection {
  /** @param {object} options net.connect()'s */
  constructor(options) {
    openPort();
    super(null, new ClientSide(options.highWaterMark ?? undefined), -1, 0, {});
    this.life = LIFE.CONNECTING;
    /** What was written while connecting: `{ message, head, chunk, encoding, flags, callback }` each. */
    this.early = [];
    this.earlyBytes = 0;
    /** What the socket has been given to write after that. @type {(() => void)|null} */
    this.afterEarly = null;
    /** Options of the socket that count once there is one. */
    this.wantsNoDelay = Boolean(options.noDelay);
    this.keptAlive = Boolean(options.keepAlive);
    this.keepAliveDelay = Math.max(0, Math.trunc(options.keepAliveInitialDelay / 1000) | 0);
    /** @type {(() => void)|null} ends the attempt to connect */
    this.giveUp = null;
    try {
      this.madeSocket = new ClientSocket(this, options);
    } catch (error) {
      // Bad options: nothing will ever close this connection.
      unrefProcess();
      throw error;
    }
  }

  /** Whether a request can be sent on it: not behind an upgrade. @return {boolean} */
  get carriesRequests() {
    return !this.hasSwitched;
  }

  get isConnecting() {
    return this.life === LIFE.CONNECTING;
  }

  get writableLength() {
    return this.earlyBytes + super.writableLength;
  }

  connected(index, generation, peer) {
    this.index = index;
    this.generation = generation;
    this.peer = peer;
    this.life = LIFE.ACTIVE;
    addConnection(this);
    if (this.wantsNoDelay) this.setNoDelay(true);
    if (this.keptAlive) super.setKeepAlive(true, this.keepAliveDelay);
    if (this.request !== null) this.expectResponse();
    else command(OP.EXPECT, NOTHING, this, 0);
  }

  /** The message's bytes leave on 'connect', like those that net.Socket keeps: whoever has listened for it before may destroy the socket, or write. */
  keepEarly(entry) {
    if (this.early.length === 0) this.madeSocket.once('connect', () => this.flushEarly());
    this.early.push(entry);
  }

  /** What was written while connecting leaves. */
  flushEarly() {
    if (!this.isActive) return;
    const { early, afterEarly } = this;
    this.early = [];
    this.earlyBytes = 0;
    this.afterEarly = null;
    for (let i = 0; i < early.length; i++) {
      const { message, head, chunk, encoding, flags, callback } = early[i];
      const last = i === early.length - 1;
      this.hand(message, head, chunk, encoding, last ? flags | ACK : flags, callback);
      if (last && (flags & LAST) === 0) this.outflow.drain(message);
    }
    if (afterEarly !== null) afterEarly();
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
    if (socket.writableLength > 0 || writesAreWatched(socket)) return this.sendThroughSocket(message, head, chunk, encoding, flags, callback);
    if (this.isConnecting || this.early.length > 0) {
      this.keepEarly({ message, head, chunk, encoding, flags, callback });
      this.earlyBytes += head.length + (chunk === null ? 0 : byteLength(chunk, encoding || 'utf8'));
      return this.earlyBytes <= this.highWaterMark;
    }
    return this.hand(message, head, chunk, encoding, flags, callback);
  }

  seqOf() {
    return this.seq;
  }

  /** An acknowledgement costs a round of the loop: where nobody waits for one and the kernel takes so much, the end is taken for flushed. */
  finishesFlushed(message, chunk) {
    const underWay = this.outflow.underWay + (chunk === null ? 0 : chunk.length);
    return underWay >= TRUSTED || message.listenerCount('finish') > 0;
  }

  endMessage(message, flags, finishesFlushed) {
    if (!finishesFlushed) nextTick(finish, message);
    else this.outflow.tell((error) => { if (!error) finish(message); });
  }

  dropEarly() {
    const { early } = this;
    this.early = [];
    this.earlyBytes = 0;
    for (const entry of each(early)) if (entry.callback) nextTick(entry.callback, streamDestroyed('write'));
  }

  /** Connecting: nothing is there to close but the attempt. */
  close(callback) {
    if (!this.isConnecting) {
      this.dropEarly();
      // Node's 'close' comes after the immediates of its round of the loop: a program that reads a response in one of them does so before.
      super.close(callback && (() => setImmediate(callback)));
      return;
    }
    this.life = LIFE.CLOSED;
    if (this.ref) unrefProcess();
    this.giveUp?.();
    this.dropEarly();
    if (callback) closeTick(callback);
  }

  reset(callback) {
    if (this.isConnecting) this.close(callback);
    else super.reset(callback);
  }

  destroy(error) {
    this.madeSocket.destroy(error);
  }

  setNoDelay(enable) {
    if (this.isConnecting) this.wantsNoDelay = enable;
    else super.setNoDelay(enable);
  }

  /** An agent asks for the same whenever the connection becomes idle; only what changes reaches the system. */
  setKeepAlive(enable, seconds) {
    if (this.keptAlive === enable && (!enable || this.keepAliveDelay === seconds)) return;
    this.keptAlive = enable;
    this.keepAliveDelay = seconds;
    if (!this.isConnecting) super.setKeepAlive(enable, seconds);
  }

  onPeerEnd() {
    this.intake.noteEnd(INPUT.ENDED);
    if (!this.isActive) return;
    // libuv reads a FIN one round of the loop after the bytes before it, and users read responses in between.
    if (this.isUpgraded) this.madeSocket.receiveEnd();
    else setImmediate(() => this.madeSocket.receiveEnd());
  }

}

/**
 * @param {DialledConnection} connection
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
const { get: bytesWritten } = Object.getOwnPropertyDescriptor(Socket.prototype, 'bytesWritten');
Object.defineProperty(ClientSocket.prototype, 'bytesWritten', {
  configurable: true,
  enumerable: true,
  get() {
    return Reflect.apply(bytesWritten, this, []) + connectionOf(this).earlyBytes;
  },
});
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
  if (this.connecting) whenConnected(this, callback, () => this._write(chunk, encoding, callback));
  else afterEarly(this, () => Socket.prototype._write.call(this, chunk, encoding, callback));
};

ClientSocket.prototype._writev = function _writev(chunks, callback) {
  if (this.connecting) whenConnected(this, callback, () => this._writev(chunks, callback));
  else afterEarly(this, () => Socket.prototype._writev.call(this, chunks, callback));
};

ClientSocket.prototype._final = function _final(callback) {
  if (this.connecting) this.once('connect', () => this._final(callback));
  else afterEarly(this, () => Socket.prototype._final.call(this, callback));
};

const { write, _write, _writev } = ClientSocket.prototype;

/** Whether somebody has put a function of their own in the way of what is written. @param {ClientSocket} socket */
function writesAreWatched(socket) {
  return socket.write !== write || socket._write !== _write || socket._writev !== _writev;
}

function whenConnected(socket, callback, act) {
  const onClose = () => callback(nodeError('ERR_SOCKET_CLOSED_BEFORE_CONNECTION'));
  socket.once('connect', () => {
    socket.off('close', onClose);
    act();
  });
  socket.once('close', onClose);
}

/** On 'connect', who hears of it first: what has been written before comes first all the same. */
function afterEarly(socket, act) {
  const connection = connectionOf(socket);
  if (connection.early.length === 0) act();
  else connection.afterEarly = act;
}

/** net.connect() on the engine. @param {object} options @return {ClientSocket} */
function connect(options) {
  rows.objectMode.take(options.objectMode);
  rows.readableObjectMode.take(options.readableObjectMode);
  rows.writableObjectMode.take(options.writableObjectMode);
  rows.keepAliveInitialDelay.take(options.keepAliveInitialDelay);
  const connection = new DialledConnection(options);
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

module.exports = { ClientSocket, connect };
