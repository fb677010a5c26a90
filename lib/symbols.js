'use strict';

/** Symbols that more than one file uses. */

const http = require('node:http');

/** Node's own name for the header store: node:http's header methods work on our messages, and its on ours. */
const kOutHeaders =
  Object.getOwnPropertySymbols(new http.OutgoingMessage()).find((symbol) => symbol.description === 'kOutHeaders') ??
  Symbol('turnout.outHeaders');

module.exports = {
  kOutHeaders,
  /** Where a message's bytes go: a Connection, a SocketSink, or null. */
  kSink: Symbol('turnout.sink'),
  kUniqueHeaders: Symbol('turnout.uniqueHeaders'),
  kOptimizeEmptyRequests: Symbol('turnout.optimizeEmptyRequests'),
  /** message[kOnFinish](): all bytes have been handed over. */
  kOnFinish: Symbol('turnout.onFinish'),
  /** message[kOnClose](error): nothing more will happen. */
  kOnClose: Symbol('turnout.onClose'),
  /** message[kOnDrain](): the sink takes more. */
  kOnDrain: Symbol('turnout.onDrain'),
};
