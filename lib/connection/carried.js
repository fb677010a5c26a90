'use strict';

/**
 * Which connection is spoken on a stream. Of the engine's sockets that is known by a field of theirs; streams that JavaScript owns, whoever
 * made them, stand in a table while HTTP is spoken on them: nothing of ours may be left on them.
 */

const { WeakMap } = require('../base/primordials');
const { HTTPParser } = require('./parser-face');
const { connectionOf } = require('./socket');

const connections = new WeakMap();
/** How many stand in it: most programs have none, and ask for their sockets' connections all the time. */
let count = 0;

/** @param {import('stream').Duplex} stream @param {import('./connection').Connection} connection which is spoken on it from now on */
function carry(stream, connection) {
  if (!connections.has(stream)) count++;
  connections.set(stream, connection);
}

/** HTTP is no longer spoken on it, or no longer by this connection. */
function letGoOf(stream, connection) {
  if (connections.get(stream) === connection && connections.delete(stream)) count--;
}

/** @return {import('./connection').Connection|undefined} what carries HTTP on a stream of JavaScript's */
function carriedOn(stream) {
  return count === 0 ? undefined : connections.get(stream);
}

/**
 * What is spoken on a stream, whoever moves its bytes; also on what was derived from it (Object.create(), a Proxy, a wrapper), which is `this` of
 * listeners when its methods are called, and shows the stream's parser.
 * @return {import('./connection').Connection|undefined}
 */
function spokenOn(stream) {
  return carriedOn(stream) ?? connectionOf(stream) ?? HTTPParser.connectionOf(stream.parser);
}

module.exports = { carry, letGoOf, carriedOn, spokenOn };
