'use strict';

/**
 * Which connection is spoken on a stream that JavaScript owns: a field of the stream's while HTTP is. (A WeakMap would leave the stream alone, but
 * costs a request more than parsing its head does, in the collector too.)
 */

const { connectionOf } = require('./socket');

const kCarried = Symbol('turnout.carried');

/** @param {import('stream').Duplex} stream @param {import('./connection').Connection} connection which is spoken on it from now on */
function carry(stream, connection) {
  stream[kCarried] = connection;
}

/** HTTP is no longer spoken on it by this connection; the stream may carry another request. */
function letGoOf(stream, connection) {
  if (stream[kCarried] === connection) stream[kCarried] = undefined;
}

/** It is another protocol's from now on: nothing of ours is left on it. */
function leaveNothingOn(stream) {
  delete stream[kCarried];
}

/** @return {import('./connection').Connection|undefined} what carries HTTP on a stream of JavaScript's */
function carriedOn(stream) {
  return stream[kCarried];
}

/** @return {import('./connection').Connection|undefined} what is spoken on a stream, whoever moves its bytes */
function spokenOn(stream) {
  return stream[kCarried] ?? connectionOf(stream);
}

module.exports = { carry, letGoOf, leaveNothingOn, carriedOn, spokenOn };
