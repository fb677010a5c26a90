'use strict';

/**
 * Transfers to worker threads: `postMessage(socket, [socket])` and `postMessage(server, [server])`, on the Nodes that can. Node asks the object for
 * libuv's handle, and then for the data from which the other thread makes its own object. A connection of the engine's gets a handle as one that goes to another process does
 * (handle-passing.js), and like Node's it must be fresh.
 */

const net = require('node:net');
const { canCopyDescriptors } = require('../seam/binding');
const { copyHandle, depart, readAgain } = require('./handle-passing');
const { listenerOf } = require('./listen-handle');
const { kTransfer, kTransferList } = require('../base/node-internals');
const { Object, nextTick } = require('../base/primordials');
const { Server } = require('./server');
const { Socket, connectionOf } = require('../connection/socket');

/** The handle that was told of and has not been asked for. */
const kHandle = Symbol('turnout.transferredHandle');

/** If postMessage() has not taken the handle, something else in the message could not be sent: the connection stays here. */
function takeBack(socket) {
  const handle = socket[kHandle];
  if (!handle) return;
  socket[kHandle] = null;
  handle.close();
  readAgain(connectionOf(socket));
}

/** What a transferred socket must be: TCP, connected, nothing read, nothing written. */
function isFresh(socket) {
  const { peer, isActive } = connectionOf(socket);
  return isActive && !socket.destroyed && !socket.connecting && peer.family !== undefined && socket.bytesRead + socket.bytesWritten === 0;
}

/** @this {Socket} @return {object[]} its handle @throws {Error} ERR_WORKER_HANDLE_NOT_TRANSFERABLE */
function transferList() {
  if (!this[kHandle] && isFresh(this) && canCopyDescriptors()) {
    const copied = copyHandle(this);
    if (copied !== null && copied.bytesRead === 0) {
      this[kHandle] = copied.handle;
      nextTick(takeBack, this);
    } else if (copied !== null) {
      copied.handle.close();
      readAgain(connectionOf(this));
    }
  }
  return this[kHandle] ? [this[kHandle]] : net.Socket.prototype[kTransferList].call(this);
}

/** @this {Socket} */
function transfer() {
  const handle = this[kHandle];
  if (!handle) return net.Socket.prototype[kTransfer].call(this);
  this[kHandle] = null;
  depart(this, connectionOf(this));
  this._handle = handle;
  return net.Socket.prototype[kTransfer].call(this);
}

/** The engine accepts no more for a server that goes. @this {Server} */
function transferServer() {
  const listener = listenerOf(this._handle);
  const data = net.Server.prototype[kTransfer].call(this);
  listener?.stop();
  return data;
}

// Nodes before 24 do not ask.
if (kTransfer !== undefined) {
  Object.defineProperty(Socket.prototype, kTransferList, { configurable: true, writable: true, value: transferList });
  Object.defineProperty(Socket.prototype, kTransfer, { configurable: true, writable: true, value: transfer });
  Object.defineProperty(Server.prototype, kTransfer, { configurable: true, writable: true, value: transferServer });
}
