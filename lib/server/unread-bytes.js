'use strict';

/**
 * Unread bytes: what a process has read, and not used, of a connection that it sends to another process. They go ahead of the handle in an internal
 * message, of which a program sees nothing, and turnout in the other process puts them before what that reads itself. A process without turnout
 * does not hear of them.
 */

const { INTERNAL_PREFIX, NODE_HANDLE, SOCKET_TYPE, ownerOfHandle } = require('../base/node-internals');
const { Buffer, String } = require('../base/primordials');

const UNREAD = `${INTERNAL_PREFIX}TURNOUT_UNREAD`;

/** By the channel's end: what waits for the handle it belongs to. @type {WeakMap<object, Buffer>} */
const waiting = new WeakMap();

/**
 * @param {Function} send the channel's own `_send`
 * @param {object} target the channel's end: a ChildProcess, or process
 * @param {Buffer} bytes of the connection whose handle comes next; empty: what was said before is not so
 */
function tellUnread(send, target, bytes) {
  send.call(target, { cmd: UNREAD, bytes: bytes.toString('base64') }, undefined, { swallowErrors: true });
}

/** Listener of 'internalMessage', called after Node's own, which has made a socket of the handle. @this {object} the channel's end */
function onInternalMessage(message, handle) {
  if (message.cmd === UNREAD) {
    if (message.bytes) waiting.set(this, Buffer.from(String(message.bytes), 'base64'));
    else waiting.delete(this);
    return;
  }
  if (message.cmd !== NODE_HANDLE || message.type !== SOCKET_TYPE || !handle) return;
  const bytes = waiting.get(this);
  if (bytes === undefined) return;
  waiting.delete(this);
  ownerOfHandle(handle)?.unshift(bytes);
}

module.exports = { tellUnread, onInternalMessage };
