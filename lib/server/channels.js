'use strict';

/**
 * Channels to other processes, intercepted: an object that is to be sent is asked first, because our sockets and servers are sent in ways of their
 * own. That is done once in a process, by whoever comes first, for every copy of turnout and every realm that loads one. So nothing here may lead to
 * the copy it belongs to, which could otherwise never be collected: objects are found by their symbols, copies are told by weak references.
 */

const { ChildProcess } = require('node:child_process');
const fs = require('node:fs');
const { Array, Object, Set, WeakRef } = require('../base/primordials');
const { onInternalMessage } = require('./unread-bytes');

/** object[kPass](target, send, message, options, callback): what `target._send(message, object, options, callback)` does with `object`. */
const kPass = Symbol.for('turnout.pass');
/** object[kLend](): the descriptor that a child gets as one of its `stdio`, the caller's to close; or the object. */
const kLend = Symbol.for('turnout.lend');
/** Where the copies find each other: `{ exist, told, tell }`, whether there is a channel, and who is told of the first. */
const kChannels = Symbol.for('turnout.channels');

/** There is a channel. */
function announce(channels) {
  if (channels.exist) return;
  channels.exist = true;
  for (const reference of channels.told) reference.deref()?.();
  channels.told.clear();
}

/** @param {Function} send a channel's `_send` @return {Function} that asks what it is to send */
function asking(send) {
  return function _send(message, handle, options, callback) {
    const pass = handle?.[kPass];
    return pass === undefined ? send.call(this, message, handle, options, callback) : pass.call(handle, this, send, message, options, callback);
  };
}

/** @param {object} target the end of a channel that exists already */
function intercept(target, channels) {
  if (typeof target?._send !== 'function') return;
  announce(channels);
  target._send = asking(target._send);
  target.on('internalMessage', onInternalMessage);
}

/** @param {Function} spawn ChildProcess's @return {Function} that gets descriptors of our sockets */
function lending(spawn) {
  return function (options) {
    if (!Array.isArray(options?.stdio) || !options.stdio.some((each) => each?.[kLend])) return spawn.call(this, options);
    const stdio = options.stdio.map((each) => (each?.[kLend] ? each[kLend]() : each));
    try {
      return spawn.call(this, { ...options, stdio });
    } finally {
      stdio.forEach((each, i) => {
        if (each !== options.stdio[i]) fs.closeSync(each);
      });
    }
  };
}

/** A child gets its `_send` when its channel is made. @return {{exist: boolean, told: Set<WeakRef<Function>>, tell: (listener: Function) => void}} */
function interceptAll() {
  const channels = {
    exist: false,
    told: new Set(),
    /** The references are ours: one made by another copy would lead to its realm. */
    tell(listener) {
      for (const reference of channels.told) if (reference.deref() === undefined) channels.told.delete(reference);
      channels.told.add(new WeakRef(listener));
    },
  };
  // Not every runtime shows the class; there Node's channels are not, either.
  if (ChildProcess === undefined) return channels;
  Object.defineProperty(ChildProcess.prototype, kChannels, { value: channels });
  for (const target of [process, ...(process._getActiveHandles?.() ?? [])]) {
    if (target === process || target instanceof ChildProcess) intercept(target, channels);
  }
  Object.defineProperty(ChildProcess.prototype, '_send', {
    configurable: true,
    set(send) {
      announce(channels);
      Object.defineProperty(this, '_send', { configurable: true, enumerable: true, writable: true, value: asking(send) });
      this.on('internalMessage', onInternalMessage);
    },
  });
  ChildProcess.prototype.spawn = lending(ChildProcess.prototype.spawn);
  return channels;
}

/**
 * Intercepts the channels of the process, if nobody has yet.
 * @param {() => void} tell called once there is a channel, as long as the caller keeps the function
 */
function onChannels(tell) {
  const channels = ChildProcess?.prototype[kChannels] ?? interceptAll();
  if (channels.exist) tell();
  else channels.tell(tell);
}

module.exports = { kPass, kLend, onChannels };
