'use strict';

/**
 * ClientConnection: what a client's connections have in common, whoever moves their bytes: it is the sink of one request after the other, and what
 * comes back goes to client-exchange.js. DialledConnection is one that the engine makes, GivenConnection one over a stream of JavaScript's.
 */

const http = require('../base/host-http');
const { OP, write } = require('../seam/binding');
const { createScope, runInScope } = require('../base/async-scope');
const { Connection } = require('../connection/connection');
const exchange = require('./client-exchange');
const { PHASE } = require('../connection/states');
const { receiveEnd } = require('../message/incoming-message');
const layout = require('../seam/layout');
const leniencies = require('../seam/leniency');
const { connection: rows } = require('../seam/options');
const { String } = require('../base/primordials');
const { kOnFinish } = require('../base/symbols');

const { HEAD, CONNECT, INSECURE, RELAXED } = layout.expectFlags;
/** The limit that an EXPECT without one stands for: Node's default. */
const { MAX_HEADER_SIZE } = layout.limits;

/**
 * The side of one connection: nobody counts it, and each request has a scope of its own.
 * @implements {import('../base/roles').Side}
 */
class ClientSide {
  exchange = exchange;
  #scope = null;
  #highWaterMark;

  /** @param {number} [highWaterMark] */
  constructor(highWaterMark = rows.highWaterMark.fallback) {
    this.#highWaterMark = highWaterMark;
  }

  /** A request begins, whose events are those of its own scope. */
  begin() {
    this.#scope = createScope();
  }

  inScope(fn, a, b, c, d) {
    return runInScope((this.#scope ??= createScope()), fn, a, b, c, d);
  }

  highWaterMarkOf() {
    return this.#highWaterMark;
  }

  forget() {}
  attachSocket() {}
}

/** The last byte of a request has left, or never will. */
function finish(message, error) {
  if (!message.destroyed) message[kOnFinish](undefined, undefined, error);
}

class ClientConnection extends Connection {
  /** See Connection. */
  constructor(server, side, index, generation, peer) {
    super(server, side, index, generation, peer);
    /** The request under way, and its number. */
    this.request = null;
    this.seq = 0;
    /** Until the first request it is a plain stream, which belongs to whoever made it, as with node:http. */
    this.phase = PHASE.UPGRADED;
    this.upgradeSeq = 1;
    /** Whether a response has made it another protocol's. */
    this.hasSwitched = false;
    /** The head of the last response, until it has been dealt with. */
    this.response = null;
    /** The response to an upgrade request, until UPGRADE brings the bytes after it. */
    this.upgradeResponse = null;
    /** Its stream has ended. */
    this.isFinishing = false;
    /** What its socket shows as `parser` while a response is awaited. */
    this.parser = null;
  }

  get isConnecting() {
    return false;
  }

  get current() {
    return this.request;
  }

  /** The request this connection carries from now on. */
  begin(request) {
    this.request = request;
    this.phase = PHASE.HTTP;
    this.seq++;
    this.side.begin();
    if (!this.isConnecting && !this.isClosed) this.expectResponse();
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

  /** From the 101 on: our bytes follow the request, or take the place of what has not been written of it. */
  upgrade() {
    this.phase = PHASE.UPGRADED;
    this.hasSwitched = true;
    this.upgradeSeq = this.request.finished ? this.seq + 1 : this.seq;
    this.request = null;
  }

  onEnd(trailers) {
    const message = this.receiving;
    this.receiving = null;
    if (message === null) return;
    receiveEnd(message, exchange.cutTrailers(message.req, trailers));
    // What brings the end is not taken off the socket, as with node:http.
    if (!this.isFinishing) exchange.responseComplete(this);
  }

  /** Bytes of the raw stream; of an idle server, which has nothing to say. */
  onRaw(chunk) {
    if (this.isUpgraded) super.onRaw(chunk);
    else this.madeSocket.destroy();
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

module.exports = { ClientConnection, ClientSide, finish };
