'use strict';

/**
 * UpgradeStream: what 'upgrade' hands over when the request has a message body that is not in yet. Reading it starts the body
 * flowing; raw bytes follow the body. Only a Duplex: the net.Socket is `request.socket`.
 * Source: Node's documentation of the 'upgrade' event.
 */

const { Duplex } = require('node:stream');

class UpgradeStream extends Duplex {
  #connection;
  #request;
  #owed = 0;
  #held = [];
  #blocked = false;

  /**
   * @param {import('./connection').Connection} connection
   * @param {import('./incoming-message').IncomingMessage} request whose body is still coming
   */
  constructor(connection, request) {
    super({ allowHalfOpen: true });
    this.#connection = connection;
    this.#request = request;
    const { socket } = connection;
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
    this.on('close', () => socket.destroy());
  }

  /** Bytes behind the body. */
  receive(chunk) {
    if (this.destroyed) return;
    if (this.#blocked) {
      this.#held.push(chunk);
    } else if (chunk === null) {
      this.push(null);
      if (this.readableLength === 0) this.resume();
    } else if (this.push(chunk)) {
      this.#connection.credit(chunk.length);
    } else {
      this.#owed += chunk.length;
      this.#blocked = true;
    }
  }

  receiveEnd() {
    this.#connection.socket.receiveEnd();
    this.receive(null);
  }

  _read() {
    if (!this.#request.complete) this.#request.resume();
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#connection.credit(this.#owed);
    this.#owed = 0;
    const held = this.#held;
    this.#held = [];
    for (const chunk of held) this.receive(chunk);
  }

  _write(chunk, encoding, callback) {
    this.#connection.socket.write(chunk, encoding, callback);
  }

  _final(callback) {
    this.#connection.socket.end(callback);
  }

  _destroy(error, callback) {
    this.#connection.socket.destroy(error);
    callback(error);
  }
}

module.exports = { UpgradeStream };
