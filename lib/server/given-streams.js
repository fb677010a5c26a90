'use strict';

/**
 * Streams that a server is given: by `server.emit('connection', stream)`, by tls.Server for an https server, by libuv where the engine cannot have
 * the handle. Any Duplex is spoken HTTP on, with the server's listeners on it, until it closes or is upgraded.
 */

const { createScope, runInScope } = require('../base/async-scope');
const { httpSocketEncoding } = require('../base/errors');
const { carriedOn } = require('../connection/carried');
const { openSlot, overStream } = require('../connection/over-stream');
const { Connection } = require('../connection/connection');
const { finishExchange } = require('../connection/ended-exchanges');
const { HTTPParser } = require('../connection/parser-face');
const { LIFE, PHASE } = require('../connection/states');
const observability = require('../base/observability');
const { TypeError, each, nextTick } = require('../base/primordials');
const { Socket } = require('node:net');
const { socketListeners, socketOnData } = require('./exchange');

/**
 * The side of such a connection: its server's, but for the async scope, which is that of whoever gave the stream.
 * @implements {import('../base/roles').Side}
 */
class StreamSide {
  #side;
  #scope = createScope();

  /** @param {import('./server-side').ServerSide} side its server's */
  constructor(side) {
    this.#side = side;
    this.exchange = side.exchange;
  }

  inScope(fn, a, b, c, d) {
    return runInScope(this.#scope, fn, a, b, c, d);
  }

  begin() {}
  attachSocket() {}

  highWaterMarkOf(server) {
    return this.#side.highWaterMarkOf(server);
  }

  leaveHttp(connection, complete) {
    if (!complete) return;
    this.#side.leaveHttp(connection, complete);
    delete connection.madeSocket.setEncoding;
  }

  endUpgradeBody(connection) {
    this.#side.endUpgradeBody(connection);
  }

  allowsHalfOpen(connection) {
    return this.#side.allowsHalfOpen(connection);
  }

  rest(connection) {
    this.#side.rest(connection);
  }

  wake(connection) {
    this.#side.wake(connection);
  }

  forget(connection) {
    if (this.#side.connections.delete(connection)) this.#side.endStream();
  }
}

class StreamConnection extends overStream(Connection) {
  /** @param {import('stream').Duplex} stream @param {import('./server').Server} server @param {import('./server-side').ServerSide} side */
  constructor(stream, server, side) {
    super(stream, openSlot(side.beginStream()), server, new StreamSide(side));
    side.connections.add(this);
  }

  showCurrent(response) {
    this.madeSocket._httpMessage = response;
  }

  finished(message) {
    finishExchange(this, message);
  }

  /** An upgrade is accepted. Unless a body is still to come, the stream is its program's from now on. */
  endHttpPhase() {
    if (this.phase === PHASE.HTTP) {
      this.phase = PHASE.UPGRADED;
      return;
    }
    this.leaveToProgram();
    this.holdReadingIfFull();
  }

  /** Somebody else speaks HTTP on it from now on. */
  giveAway() {
    this.side.leaveHttp(this, true);
    this.phase = PHASE.UPGRADED;
    this.release();
    this.life = LIFE.CLOSED;
  }
}

/** The parser reads bytes: text would be lost to it. */
function refuseEncoding() {
  throw httpSocketEncoding();
}

function flow(connection) {
  if (connection.paused) connection.resumeSocket();
}

/** @throws {TypeError} */
function refuse(stream) {
  if (stream === undefined || stream === null) throw new TypeError('Cannot convert undefined or null to object');
  throw new TypeError('socket.on is not a function');
}

/**
 * HTTP is spoken on `stream`.
 * @param {import('./server').Server} server
 * @param {import('./server-side').ServerSide} side the server's
 * @param {import('stream').Duplex} stream
 */
function takeStream(server, side, stream) {
  // What is no stream is refused in Node's words, before anything has begun.
  if (typeof stream?.on !== 'function') refuse(stream);
  const before = carriedOn(stream);
  if (before !== undefined) {
    if (before.server === server) return;
    before.giveAway();
  }
  // Its 'close' has been, so nothing would ever end the connection.
  if (stream.closed) return;
  observability.debug('SERVER new http connection');
  const connection = new StreamConnection(stream, server, side);
  stream.server = server;
  if (server.timeout && typeof stream.setTimeout === 'function') stream.setTimeout(server.timeout);
  stream.parser = new HTTPParser(connection, stream);
  const mayFlow = stream.readableFlowing !== false;
  for (const entry of each(socketListeners)) stream.on(entry[0], entry[1]);
  stream.setEncoding = refuseEncoding;
  stream._paused = false;
  connection.readDirectly(socketOnData);
  // Node's parser reads a socket by itself, whatever a listener that comes after it has said in the meantime.
  if (mayFlow && stream instanceof Socket) nextTick(flow, connection);
}

module.exports = { takeStream };
