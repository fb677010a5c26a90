'use strict';

/**
 * HTTPParser: what `socket.parser` shows while HTTP is spoken. The parser is in the engine; programs that look at Node's, call it or write to
 * it find the members they look for, and can break nothing: there is nothing here to free.
 */

const { nodeError } = require('../base/errors');
const { Buffer } = require('../base/primordials');
const { types } = require('node:util');

/** Node's default of server.maxHeadersCount is 1,000 fields, which its parser counts in names and values. */
const MAX_HEADER_PAIRS = 2000;

function noop() {}

class HTTPParser {
  #connection;
  #incoming = undefined;

  /**
   * @param {import('./connection').Connection} connection
   * @param {import('./socket').Socket} socket
   */
  constructor(connection, socket) {
    this.#connection = connection;
    this._headers = [];
    this._url = '';
    this.socket = socket;
    this.outgoing = null;
    this.maxHeaderPairs = MAX_HEADER_PAIRS;
    this._consumed = true;
    this.onIncoming = noop;
    this.joinDuplicateHeaders = null;
  }

  /** The message being received, else the request that came last, if its response has not finished. */
  get incoming() {
    if (this.#incoming !== undefined) return this.#incoming;
    const { receiving, unfinished } = this.#connection;
    return receiving ?? unfinished[unfinished.length - 1]?.req ?? null;
  }

  set incoming(message) {
    this.#incoming = message;
  }

  /** @param {Uint8Array} bytes parsed as if they had come from the peer @return {number|undefined} how many */
  execute(bytes) {
    if (!types.isUint8Array(bytes)) throw nodeError('ERR_INVALID_ARG_TYPE', 'bytes', 'must be an instance of Buffer or Uint8Array', bytes);
    if (this.socket.parser !== this) return undefined;
    this.#connection.intake.feed(bytes);
    return bytes.length;
  }

  /** Nothing is read until resume(). */
  pause() {
    this.#connection.intake.setPaused(true);
  }

  resume() {
    this.#connection.intake.setPaused(false);
  }

  /** @return {Buffer} what is being parsed: nothing, while JavaScript runs */
  getCurrentBuffer() {
    return Buffer.alloc(0);
  }

  /** The engine reads by itself, and sees an end by itself. */
  initialize() {}
  finish() {}
  consume() {}
  unconsume() {}
  remove() {}
  free() {}
  close() {}
}

module.exports = { HTTPParser };
