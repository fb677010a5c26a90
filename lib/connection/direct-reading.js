'use strict';

/**
 * Direct reading: what a handle of libuv's brings goes to the parser without passing the socket's stream, as node:http's parser takes such handles
 * for itself. At each read it is asked whether anybody could tell the difference: who listens to 'data' or 'readable', or has paused the socket, or
 * left bytes in it, gets all of it by way of the stream, as does its end.
 *
 * The way in is push(), which Node calls with what has been read. It is a property of the socket while HTTP is spoken on it, as on() and others
 * are with node:http.
 */

const { Readable } = require('node:stream');
const { Object } = require('../base/primordials');
const { carriedOn } = require('./carried');

const { push: pushToStream } = Readable.prototype;

/** Instead of Readable's. @this {import('net').Socket} */
function push(chunk, encoding) {
  const connection = carriedOn(this);
  if (chunk !== null && connection !== undefined && connection.dataListener !== null && isDirect(this, connection.dataListener)) {
    connection.receive(chunk, true);
    return true;
  }
  return pushToStream.call(this, chunk, encoding);
}

/** Whether `listener` is the only one who would hear of the bytes, and at once. */
function isDirect(socket, listener) {
  const { data, readable } = socket._events;
  return data === listener && readable === undefined && socket.readableFlowing === true && socket.readableLength === 0 && !socket.destroyed;
}

const direct = { configurable: true, enumerable: false, writable: true, value: push };

/**
 * @param {import('stream').Duplex} stream that carries a connection; one that has no handle of libuv's is read as streams are
 * @param {import('./connection').Connection & { dataListener: Function|null }} connection
 * @param {Function} listener the stream's listener of 'data', which gives what comes to connection.receive()
 */
function readDirectly(stream, connection, listener) {
  if (stream._handle?.isStreamBase !== true || typeof stream._unrefTimer !== 'function') return;
  if (stream.push === pushToStream) Object.defineProperty(stream, 'push', direct);
  else if (stream.push !== push) return;
  connection.dataListener = listener;
}

/** The stream is its program's. */
function stopReadingDirectly(stream) {
  if (stream.push === push) delete stream.push;
}

module.exports = { readDirectly, stopReadingDirectly };
