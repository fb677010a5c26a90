'use strict';

/**
 * Handle passing: `child.send(message, socket)`, `process.send()`, `worker.send()` with a connection of the engine's or a server of ours. Node takes
 * libuv's handle from the object. For a connection of ours one is made of a copy of its descriptor, and Node's code gets an object that has it in the
 * socket's place (standIn()). The engine then forgets the connection, and the object the program has becomes what Node leaves behind, a net.Socket
 * without a handle.
 *
 * Nothing is lost on the way: what has been written leaves first, and if the kernel does not take it yet the message waits, with all that is
 * sent after it; what has been read and not been used goes along (unread-bytes.js). A message that cannot be sent leaves the connection as it was.
 *
 * Sending is intercepted at the channel's `_send`, to which Node itself comes back with what it has queued. One function does it for all
 * turnouts of a process: it asks the object, which knows.
 */

const fs = require('node:fs');
const net = require('node:net');
const { giveUpAnswers } = require('../connection/answers-ahead');
const { OP, READ, canCopyDescriptors, command, copyDescriptor, shareLoop, unrefProcess } = require('../seam/binding');
const { kLend, kPass, onChannels } = require('./channels');
const { nodeError, connResetException } = require('../base/errors');
const { abortMessage } = require('../message/incoming-message');
const { Boolean, Buffer, Object, nextTick } = require('../base/primordials');
const { Server } = require('./server');
const { Socket, connectionOf } = require('../connection/socket');
const { HOLD, LIFE } = require('../connection/states');
const { uncorkFully } = require('../message/socket-sink');
const { hasStreamBytes } = require('../connection/turn');
const { tellUnread } = require('./unread-bytes');

/** What Node refuses it must refuse before a connection has been touched. */
const SENDABLE = ['string', 'object', 'number', 'boolean'];

/** A connection of the engine's goes over a channel. @this {Socket} */
function passSocket(target, send, message, options, callback) {
  // While a handle waits to be acknowledged Node queues this one, and comes here again.
  if (target._handleQueue) return send.call(target, message, this, options, callback);
  const connection = connectionOf(this);
  // The text alone, as from a socket of Node's that has no handle any more.
  if (this.destroyed || !connection.isActive || !SENDABLE.includes(typeof message)) {
    return send.call(target, message, undefined, options, callback);
  }
  const stays = Boolean(options?.keepOpen);
  const copied = copyHandle(this, stays);
  if (copied === null) {
    defer(this, target, message, options, callback);
    return true;
  }
  if (stays) return lend(this, copied.handle, target, send, message, options, callback);
  return give(this, connection, copied, target, send, message, options, callback);
}

/**
 * A handle of libuv's for a connection of the engine's, which is read no more unless it stays here, too: depart() or readAgain() is to follow.
 * @param {Socket} socket
 * @param {boolean} [stays] here as well
 * @return {{handle: object, untold: Buffer, bytesRead: number}|null} null: not now
 * @throws {TypeError} ERR_INVALID_HANDLE_TYPE where it cannot be
 */
function copyHandle(socket, stays = false) {
  const connection = connectionOf(socket);
  if (!canCopyDescriptors()) throw nodeError('ERR_INVALID_HANDLE_TYPE');
  const copied = isSettled(socket, connection) ? copyOf(connection, stays) : null;
  if (copied === null) return null;
  try {
    return { handle: handleOf(copied.fd), untold: copied.untold, bytesRead: copied.bytesRead };
  } catch (error) {
    readAgain(connection);
    throw error;
  }
}

/**
 * Sockets whose stream counts bytes that nobody writes any more: of memory that was given away while it waited, which Node's Writable then counts as
 * none; of a `_write()` that a program has put there.
 */
const kStuck = Symbol('turnout.stuck');

/** Whether all that the socket was told to write is the engine's, and one driver has the connection. */
function isSettled(socket, connection) {
  if (socket.connecting || connection.intake.isMoving) return false;
  uncorkFully(socket);
  return socket.writableLength === 0 || socket[kStuck] === true;
}

/**
 * @return {{fd: number, untold: Buffer, bytesRead: number}|null} null: not now
 * @throws {TypeError} ERR_INVALID_HANDLE_TYPE where it cannot be, and the connection stays as it was
 */
function copyOf(connection, stays) {
  if (!stays && hasStreamBytes(connection.index)) return null;
  const copied = copyDescriptor(connection, stays);
  if (copied === 0) return null;
  if (typeof copied === 'number') throw nodeError('ERR_INVALID_HANDLE_TYPE');
  if (!stays) connection.intake.readBy = READ.NOBODY;
  return copied;
}

/** @param {number} fd of a connection, which is the handle's from then on @return {object} libuv's handle */
function handleOf(fd) {
  let socket;
  try {
    socket = new net.Socket({ fd, manualStart: true });
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
  const handle = socket._handle;
  socket._handle = null;
  return handle;
}

/** What Node's code asks of the socket it takes a handle from. */
function standIn(socket, handle) {
  return Object.create(net.Socket.prototype, {
    _handle: { value: handle, writable: true },
    server: { value: socket.server },
    setTimeout: { value: (msecs) => socket.setTimeout(msecs) },
  });
}

/** Sends it for good. */
function give(socket, connection, { handle, untold }, target, send, message, options, callback) {
  const buffered = takeBuffered(socket);
  // Whoever reads in JavaScript has seen what the parser has.
  const unread = connection.intake.tapped ? buffered : Buffer.concat([buffered, untold]);
  if (unread.length > 0) tellUnread(send, target, unread);
  let sent;
  try {
    sent = send.call(target, message, standIn(socket, handle), options, callback);
  } catch (error) {
    handle.close();
    if (unread.length > 0) tellUnread(send, target, Buffer.alloc(0));
    if (buffered.length > 0) socket.unshift(buffered);
    readAgain(connection);
    throw error;
  }
  depart(socket, connection);
  socket._server = null;
  if (socket.server instanceof Server) awaitChild(socket.server, target);
  return sent;
}

/** Both processes have it; the copy is closed when the message has left. */
function lend(socket, handle, target, send, message, options, callback) {
  const sent = (error) => {
    handle.close();
    if (typeof callback === 'function') callback(error);
    else if (error) target.emit('error', error);
  };
  try {
    return send.call(target, message, standIn(socket, handle), options, sent);
  } catch (error) {
    handle.close();
    throw error;
  }
}

/** Takes out what the socket has and nobody has read. */
function takeBuffered(socket) {
  const chunks = [];
  const own = Object.getOwnPropertyDescriptor(socket, 'emit');
  // read() tells of what it returns.
  Object.defineProperty(socket, 'emit', { configurable: true, value: () => false });
  try {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
      chunks.push(typeof chunk === 'string' ? Buffer.from(chunk, socket.readableEncoding) : chunk);
    }
  } finally {
    if (own) Object.defineProperty(socket, 'emit', own);
    else delete socket.emit;
  }
  return Buffer.concat(chunks);
}

/** It is read again as before. */
function readAgain(connection) {
  connection.intake.setHold(HOLD.DEPARTING, false);
  connection.intake.tellReader();
}

/** The connection is another process's. The object is left as Node leaves it: not destroyed, without a handle. */
function depart(socket, connection) {
  const { current } = connection;
  command(OP.RELEASE, 0, connection, 0);
  connection.life = LIFE.CLOSED;
  if (connection.ref) unrefProcess();
  connection.side.forget(connection);
  // Everything has left. Callbacks that waited for that must not run inside send().
  nextTick(() => connection.onAck(connection.outflow.handed));
  current?.detachSocket?.(socket);
  abortWith(socket, connection);
  socket.parser = null;
  Object.setPrototypeOf(socket, net.Socket.prototype);
  socket._httpMessage = null;
}

/** Requests that are not over end with the object, if that is destroyed. */
function abortWith(socket, connection) {
  const requests = connection.unfinished.map(({ req }) => req);
  if (connection.receiving !== null) requests.push(connection.receiving);
  connection.unfinished = [];
  if (requests.length === 0) return;
  socket.once('close', () => {
    for (const req of requests) if (req && !req.destroyed) abortMessage(req, connResetException('aborted'));
  });
}

/** A closed server waits for the connections of its children, too; Node asks those alone that have had any when it is closed. */
function awaitChild(server, target) {
  if (server._handle) return;
  const list = server._workers.find(({ child }) => child === target);
  if (list === undefined) return;
  server._connections++;
  list.close(() => {
    server._connections--;
    server._emitCloseIfDrained();
  });
}

/**
 * The message goes when it can, and before all that is sent from now on: the channel behaves as if a handle had to be acknowledged.
 */
function defer(socket, target, message, options, callback) {
  const connection = connectionOf(socket);
  connection.intake.setHold(HOLD.DEPARTING, !options?.keepOpen);
  connection.intake.tellReader();
  target._handleQueue = [];
  whenSent(socket, connection, () => {
    const queue = target._handleQueue;
    target._handleQueue = null;
    connection.intake.setHold(HOLD.DEPARTING, false);
    try {
      if (target.channel) target._send(message, socket, options, callback);
      else fail(target, options, callback, nodeError('ERR_IPC_CHANNEL_CLOSED'));
    } catch (error) {
      fail(target, options, callback, error);
    }
    connection.intake.tellReader();
    for (const item of queue) if (target.channel) target._send(item.message, item.handle, item.options, item.callback);
    if (!target.connected && target.channel && !target._handleQueue) target._disconnect();
  });
}

/** Calls back when what has been written has left, or the connection is over. */
function whenSent(socket, connection, callback) {
  if (connection.intake.isMoving) {
    connection.intake.onMoved = callback;
    return;
  }
  // A program that sends the socket away wants no answers on it.
  giveUpAnswers(connection);
  if (!socket.connecting) {
    const { writableLength } = socket;
    connection.fence(() => {
      if (writableLength > 0 && socket.writableLength >= writableLength) socket[kStuck] = true;
      callback();
    });
    return;
  }
  const heard = () => {
    socket.removeListener('connect', heard);
    socket.removeListener('close', heard);
    callback();
  };
  socket.on('connect', heard);
  socket.on('close', heard);
}

/** As Node tells of a message that was not sent. */
function fail(target, options, callback, error) {
  if (typeof callback === 'function') nextTick(callback, error);
  else if (!options?.swallowErrors) nextTick(() => target.emit('error', error));
}

/** A server of ours goes over a channel, if it has a handle of libuv's: C++ would take anything else for one. @this {Server} */
function passServer(target, send, message, options, callback) {
  if (this._handle && typeof this._handle.getAsyncId !== 'function') throw nodeError('ERR_INVALID_HANDLE_TYPE');
  return send.call(target, message, this, options, callback);
}

Object.defineProperty(Socket.prototype, kPass, { value: passSocket });
Object.defineProperty(Socket.prototype, kLend, { value: lendDescriptor });
Object.defineProperty(Server.prototype, kPass, { value: passServer });

/**
 * `stdio: [socket]` of spawn(). As Node's the socket is paused, and reads nothing that is the child's until somebody resumes it.
 * @this {Socket}
 * @return {number|Socket} itself, which spawn() refuses, when there is no descriptor
 */
function lendDescriptor() {
  const connection = connectionOf(this);
  if (!connection.isActive || !canCopyDescriptors() || !isSettled(this, connection)) return this;
  connection.intake.setHold(HOLD.DEPARTING, true);
  connection.intake.tellReader();
  const copied = copyOf(connection, true);
  if (copied === null) {
    readAgain(connection);
    return this;
  }
  this.pause();
  this._readableState.reading = false;
  this._read = (size) => {
    delete this._read;
    readAgain(connection);
    this._read(size);
  };
  return copied.fd;
}

onChannels(shareLoop);

module.exports = { copyHandle, depart, readAgain };
