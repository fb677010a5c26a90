'use strict';

/**
 * Socket: a connection of the engine as a net.Socket. The stream machinery, idle timer and half-open rules are net.Socket's own;
 * only what would reach libuv is replaced. It is made when someone first asks for it.
 *
 * `_handle` stays null: tls.TLSSocket takes a socket with a truthy `_handle` for one of libuv's and would hand our
 * object to C++, which aborts the process; without it it runs over the stream, correctly.
 */

const { Boolean, Buffer, Math, Object, copyOf, each, nextTick } = require('../base/primordials');
const net = copyOf(require('node:net'));
const { bytesKeptBack, limitWaitForAnswers, giveUpAnswers } = require('./answers-ahead');
const { httpSocketEncoding, nodeError } = require('../base/errors');
const { isStreamWrap } = require('../base/node-internals');
const { Inflow } = require('../message/inflow');
const { HTTPParser } = require('./parser-face');
const { PHASE } = require('./states');

const kConnection = Symbol('turnout.connection');
const kEnded = Symbol('turnout.ended');
const kInflow = Symbol('turnout.inflow');
const kHttpMessage = Symbol('turnout.httpMessage');

/** @param {import('./connection').Connection} connection */
function Socket(connection) {
  const { server } = connection;
  net.Socket.call(this, { allowHalfOpen: true, highWaterMark: connection.highWaterMark });
  this[kConnection] = connection;
  this[kInflow] = new Inflow(this, connection, pushEnd);
  this[kEnded] = false;
  this[kHttpMessage] = undefined;
  this.server = server;
  this._server = server;
  if (connection.phase !== PHASE.PLAIN) dress(this, connection);
}

/** What Node's server puts on a socket on which it speaks HTTP. */
function dress(socket, connection) {
  socket._paused = false;
  socket.parser = connection.isUpgraded ? null : new HTTPParser(connection, socket);
  socket.setEncoding = refuseEncoding;
}
Object.setPrototypeOf(Socket.prototype, net.Socket.prototype);
Object.setPrototypeOf(Socket, net.Socket);

/** The parser reads bytes: text would be lost to it. Node's own socket keeps the refusal after the upgrade. */
function refuseEncoding() {
  throw httpSocketEncoding();
}

/** 'end' must come without a reader when nothing is buffered. */
function pushEnd(socket) {
  socket.push(null);
  socket.read(0);
}

Socket.prototype._read = function _read() {
  const connection = this[kConnection];
  // A plain stream that began paused is read when somebody asks for bytes.
  if (connection.phase === PHASE.PLAIN && connection.intake.isPaused) connection.intake.read();
  this[kInflow].more();
};

/** Bytes of the upgraded stream; null is its end. */
Socket.prototype.receive = function receive(chunk) {
  if (!this.destroyed) this[kInflow].push(chunk);
};

Socket.prototype.receiveEnd = function receiveEnd() {
  if (this[kEnded] || this.destroyed) return;
  this[kEnded] = true;
  this.receive(null);
  // In the HTTP phase the parser is the reader: 'end' comes whether or not anyone else reads.
  if (!this[kConnection].isUpgraded && !this[kConnection].intake.tapped) this.resume();
};

Socket.prototype._write = function _write(chunk, encoding, callback) {
  if (this.timeout) this._unrefTimer();
  this[kConnection].writeRaw(chunk, encoding, callback);
};

Socket.prototype._writev = function _writev(chunks, callback) {
  if (this.timeout) this._unrefTimer();
  this[kConnection].writeRaw(chunks, null, callback);
};

Socket.prototype._final = function _final(callback) {
  if (this.timeout) this._unrefTimer();
  this[kConnection].shutdown(callback);
};

Socket.prototype.end = function end(chunk, encoding, callback) {
  net.Socket.prototype.end.call(this, chunk, encoding, callback);
  limitWaitForAnswers(this[kConnection]);
  return this;
};

/** What has been written leaves first, as far as the kernel takes it. */
Socket.prototype.destroy = function destroy(error, callback) {
  try {
    giveUpAnswers(this[kConnection]);
  } finally {
    net.Socket.prototype.destroy.call(this, error, callback);
  }
  return this;
};

/**
 * net.Socket's own _destroy, given a stand-in for the handle while it runs: it then clears the timers, counts the server's
 * connections and emits 'close' with `hadError`, in Node's order.
 */
Socket.prototype._destroy = function _destroy(error, callback) {
  const connection = this[kConnection];
  if (error && !connection.isUpgraded) connection.fail();
  this._handle = {
    bytesRead: connection.bytesRead,
    bytesWritten: this.bytesWritten,
    close: (done) => connection.close(done),
    reset: (done) => {
      connection.reset(done);
      return 0;
    },
  };
  net.Socket.prototype._destroy.call(this, error, callback);
  this._handle = null;
};

/** The engine has closed: by the peer's fault, both ends done, or our own wish. */
Socket.prototype.engineClosed = function engineClosed(error) {
  if (this.destroyed) return;
  if (error !== null) {
    this.destroy(error);
    return;
  }
  if (!this[kEnded]) {
    this[kEnded] = true;
    this.receive(null);
  }
  if (this[kInflow].isBlocked || this.readableLength > 0) return; // what is buffered may still be read; autoDestroy ends it
  this.destroy();
};

/**
 * A socket without `_handle` looks unconnected to tls.TLSSocket, which waits for 'connect' before it writes. This one is connected from
 * birth: a listener is called on the next tick.
 */
Socket.prototype.once = function once(event, listener) {
  if (event !== 'connect') return net.Socket.prototype.once.call(this, event, listener);
  nextTick(() => {
    if (!this.destroyed) listener.call(this);
  });
  return this;
};

/** A listener for bytes in the HTTP phase sees them before the parser, as with node:http. */
function on(event, listener) {
  const socket = net.Socket.prototype.on.call(this, event, listener);
  if (event === 'data' || event === 'readable') noteReader(this, listener);
  return socket;
}
Socket.prototype.on = on;
Socket.prototype.addListener = on;

Socket.prototype.prependListener = function prependListener(event, listener) {
  const socket = net.Socket.prototype.prependListener.call(this, event, listener);
  if (event === 'data' || event === 'readable') noteReader(this, listener);
  return socket;
};

/** Somebody listens for bytes. */
function noteReader(socket, listener) {
  const connection = socket[kConnection];
  // Another server that comes second hears nothing, as with node:http: its parser stands there by now.
  if (connection.phase !== PHASE.HTTP || !(socket.parser instanceof HTTPParser)) return;
  // To Node's C++, which TLS and HTTP/2 are, node:http loses the bytes.
  if (isStreamWrap(listener) && connection.side.letGo !== undefined) connection.side.letGo(connection);
  else connection.intake.tap();
}

/** Whether somebody else speaks on it, or listens with a protocol of its own. @param {Socket} socket */
function isTaken(socket) {
  return Boolean(socket.parser) || (socket.listenerCount('data') > 0 && socket.listeners('data').some(isStreamWrap));
}

/** net.Socket's would open a connection of libuv's under an object that stands for one of the engine's. */
Socket.prototype.connect = function connect() {
  throw nodeError('ERR_METHOD_NOT_IMPLEMENTED', 'connect()');
};

Socket.prototype.resetAndDestroy = function resetAndDestroy() {
  if (!this.destroyed) this.resetAndClosing = true;
  return this.destroy();
};

Socket.prototype.setNoDelay = function setNoDelay(enable) {
  this[kConnection].setNoDelay(enable === undefined ? true : !!enable);
  return this;
};

Socket.prototype.setKeepAlive = function setKeepAlive(enable, initialDelayMsecs) {
  this[kConnection].setKeepAlive(!!enable, Math.floor((initialDelayMsecs | 0) / 1000));
  return this;
};

Socket.prototype.ref = function ref() {
  this[kConnection].setRef(true);
  return this;
};

Socket.prototype.unref = function unref() {
  this[kConnection].setRef(false);
  return this;
};

/** @return {{address: string, family: string, port: number}|{}} the local end */
Socket.prototype.address = function address() {
  const { peer } = this[kConnection];
  if (this.destroyed || peer.family === undefined) return {};
  return { address: peer.localAddress, family: peer.family, port: peer.localPort };
};

const peerAccessor = (name) => ({
  configurable: true,
  enumerable: true,
  get() {
    return this[kConnection] ? this[kConnection].peer[name] : undefined;
  },
});

/** Our own end is forgotten with the connection, as net.Socket's. */
const localAccessor = (name) => ({
  configurable: true,
  enumerable: true,
  get() {
    return this[kConnection] && !this.destroyed ? this[kConnection].peer[name] : undefined;
  },
});

Object.defineProperties(Socket.prototype, {
  remoteAddress: peerAccessor('remoteAddress'),
  remotePort: peerAccessor('remotePort'),
  remoteFamily: peerAccessor('family'),
  localAddress: localAccessor('localAddress'),
  localPort: localAccessor('localPort'),
  localFamily: localAccessor('family'),
  bytesRead: {
    configurable: true,
    enumerable: true,
    get() {
      return this[kConnection].bytesRead;
    },
  },
  bytesWritten: {
    configurable: true,
    enumerable: true,
    get() {
      const connection = this[kConnection];
      let bytes = connection.outflow.bytesWritten + bytesKeptBack(connection);
      for (const { chunk, encoding } of each(this.writableBuffer ?? [])) {
        bytes += typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding) : chunk.length;
      }
      return bytes;
    },
  },
  _bytesDispatched: {
    configurable: true,
    enumerable: true,
    get() {
      return this[kConnection] ? this[kConnection].outflow.bytesWritten : 0;
    },
    set() {},
  },
  pending: {
    configurable: true,
    enumerable: false,
    get() {
      return this.destroyed;
    },
  },
  bufferSize: {
    configurable: true,
    enumerable: false,
    get() {
      return this.destroyed ? undefined : this.writableLength;
    },
  },
  _httpMessage: {
    configurable: true,
    get() {
      if (this[kHttpMessage] !== undefined || this[kConnection].phase === PHASE.PLAIN) return this[kHttpMessage];
      return this[kConnection].current;
    },
    set(value) {
      this[kHttpMessage] = value;
    },
  },
});

const { write, _write, _writev } = Socket.prototype;

/** Whether somebody has put a function of their own in the way of what is written. @param {Socket} socket */
function writesAreWatched(socket) {
  return socket.write !== write || socket._write !== _write || socket._writev !== _writev;
}

module.exports = { Socket, dress, isTaken, writesAreWatched, connectionOf: (socket) => socket[kConnection] };
