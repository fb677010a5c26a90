'use strict';

/**
 * GivenConnection: a client's connection over a stream of JavaScript's, for one request: what an agent of any kind, createConnection, a proxy's
 * tunnel or an upgraded connection brings. When the response is in, nothing of it is left on the stream, which the agent may keep for the next.
 */

const { openSlot, overStream } = require('../connection/over-stream');
const { streamDestroyed } = require('../base/errors');
const { Math, nextTick } = require('../base/primordials');
const { OP, command } = require('../seam/binding');
const { removeConnection } = require('../seam/connection-table');
const { CLOSE } = require('../seam/layout').writeFlags;
const { ClientConnection, ClientSide, finish } = require('./client-connection');
const exchange = require('./client-exchange');

/** More than the engine ever waits for. */
const MOST_CREDIT = 0x7fffffff;

/** The end of a stream in the midst of a response is told by its socket. @type {import('../base/roles').Exchange} */
const givenExchange = {
  ...exchange,
  onError(connection, error) {
    if (!connection.isFinishing) exchange.onError(connection, error);
  },
};

/**
 * The engine's places of connections whose exchange has ended as it should, ready for another: an agent's sockets need one for each request, and to
 * open and close it would cost as much as to parse the response.
 */
const places = [];
const MOST_PLACES = 16;

class GivenConnection extends overStream(ClientConnection) {
  /** @param {import('stream').Duplex} stream */
  constructor(stream) {
    const side = new ClientSide();
    side.exchange = givenExchange;
    super(stream, places.pop() ?? openSlot(), null, side);
    /** The stream has ended. */
    this.isFinishing = false;
    this.endsWell = false;
  }

  send(message, head, chunk, encoding, flags, callback) {
    if (message === this.request) return super.send(message, head, chunk, encoding, flags & ~CLOSE, callback);
    if (callback) nextTick(callback, streamDestroyed('write'));
    return this.isUpgraded;
  }

  sent(message, error, callback) {
    callback?.(error);
    finish(message, error);
  }

  /** The stream has ended: so has a response that nothing else delimits. */
  finish() {
    this.isFinishing = true;
    this.receive(null);
  }

  /** The socket's own 'end' tells of it. */
  onPeerEnd() {}

  finishRequest() {
    super.finishRequest();
    // What came after a response, or broke the protocol, has made somebody destroy the stream.
    this.endsWell = !this.isFinishing && !this.isWalking && this.pauses === 0 && !this.madeSocket.destroyed;
    this.release();
  }

  giveSlotBack() {
    if (!this.endsWell || places.length >= MOST_PLACES) {
      super.giveSlotBack();
      return;
    }
    // What has been told of it is consumed, or will be by others.
    if (this.bytesRead > 0) command(OP.CREDIT, 0, this, Math.min(this.bytesRead, MOST_CREDIT));
    removeConnection(this.index);
    places.push({ index: this.index, generation: this.generation });
  }

  upgrade() {
    super.upgrade();
    this.leaveToProgram();
  }
}

module.exports = { GivenConnection };
