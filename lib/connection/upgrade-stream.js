'use strict';

/**
 * UpgradeStream: what 'upgrade' hands over when the request has a message body that is not in yet. Reading it starts the body
 * flowing; raw bytes follow the body. Only a Duplex: the net.Socket is `request.socket`.
 * Source: Node's documentation of the 'upgrade' event.
 */

const { Duplex } = require('node:stream');
const { limitWaitForAnswers } = require('./answers-ahead');
const { Inflow } = require('../message/inflow');

/** Node emits 'end' though nobody reads when nothing is buffered. */
function pushEnd(stream) {
  stream.push(null);
  if (stream.readableLength === 0) stream.resume();
}

/** By symbols, not private: a derived object inherits them. */
const kConnection = Symbol('turnout.connection');
const kRequest = Symbol('turnout.request');
const kInflow = Symbol('turnout.inflow');

class UpgradeStream extends Duplex {
  /**
   * @param {import('./connection').Connection} connection
   * @param {import('../message/incoming-message').IncomingMessage} request whose body is still coming
   */
  constructor(connection, request) {
    super({ allowHalfOpen: true });
    this[kConnection] = connection;
    this[kRequest] = request;
    this[kInflow] = new Inflow(this, connection, pushEnd);
    const { socket } = connection;
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
    this.on('close', () => socket.destroy());
  }

  /** Bytes after the body; null is the end. */
  receive(chunk) {
    if (!this.destroyed) this[kInflow].push(chunk);
  }

  receiveEnd() {
    if (!this[kConnection].isStream) this[kConnection].socket.receiveEnd();
    this.receive(null);
  }

  _read() {
    if (!this[kRequest].complete) this[kRequest].resume();
    this[kInflow].more();
  }

  _write(chunk, encoding, callback) {
    this[kConnection].socket.write(chunk, encoding, callback);
  }

  end(chunk, encoding, callback) {
    super.end(chunk, encoding, callback);
    limitWaitForAnswers(this[kConnection]);
    return this;
  }

  _final(callback) {
    this[kConnection].socket.end(callback);
  }

  _destroy(error, callback) {
    this[kConnection].socket.destroy(error);
    callback(error);
  }
}

module.exports = { UpgradeStream };
