'use strict';

/** Symbols that more than one file uses. */

const { kOutHeaders, kUniqueHeaders } = require('./node-internals');

module.exports = {
  /** Node's own name for the header store: node:http's header methods work on our messages, and ours on its. */
  kOutHeaders,
  /**
   * The message itself, which whoever derives an object from it inherits (Object.create(), a Proxy, a wrapper whose prototype it is): what is
   * made late belongs to the message, whoever asks for it first.
   */
  kOwner: Symbol('turnout.owner'),
  /** What `_events` shows of a message; undefined until the first listener. */
  kEvents: Symbol('turnout.events'),
  /** A server's ServerSide: what its connections know of it (Side of roles.js). */
  kSide: Symbol('turnout.side'),
  /** The classes a server was told to make its messages of; null: ours. */
  kMessageClass: Symbol('turnout.messageClass'),
  kResponseClass: Symbol('turnout.responseClass'),
  /** Where a message's bytes go: a Sink of roles.js, or null. */
  kSink: Symbol('turnout.sink'),
  /** The Line of roles.js in which a message waits for its turn, until then. */
  kLine: Symbol('turnout.line'),
  /** The step in which a message was handed over: see steps.js. */
  kStep: Symbol('turnout.step'),
  /** Lower-case names of fields whose values are joined into one line: a Set or null. Node's own name: its server sets it on our messages. */
  kUniqueHeaders,
  /** The server's option: requests without body fields skip 'end'. */
  kOptimizeEmptyRequests: Symbol('turnout.optimizeEmptyRequests'),
  /** The server's option: see upgrade-errors.js. */
  kCatchUpgradeErrors: Symbol('turnout.catchUpgradeErrors'),
  /** Whether field values are checked leniently; null: not asked yet. */
  kLenient: Symbol('turnout.lenient'),
  /** Node's response by which ours is measured, if anybody observes. */
  kEntry: Symbol('turnout.entry'),
  /** message[kAttach](sink): the message's turn has come, what waited leaves. */
  kAttach: Symbol('turnout.attach'),
  /** message[kEnqueue](head, chunk, encoding, flags, callback): keeps bytes until there is somewhere to send them. */
  kEnqueue: Symbol('turnout.enqueue'),
  /** message[kOnFinish](passOn): all bytes have left; with `passOn` the message lets go of its sink and calls it. */
  kOnFinish: Symbol('turnout.onFinish'),
  /** message[kOnClose](error): nothing more will happen. */
  kOnClose: Symbol('turnout.onClose'),
  /** message[kOnDrain](): the sink takes more. */
  kOnDrain: Symbol('turnout.onDrain'),
};
