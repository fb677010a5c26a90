'use strict';

/**
 * The peer's FIN. libuv reads it one round of the loop after the bytes before it, so that with node:http what a handler of these answers in
 * setImmediate() is still sent, and has finished. Here both may come in one turn: in the HTTP phase the FIN waits for as much.
 */

const { OP, command } = require('../seam/binding');
const { connResetException } = require('../base/errors');
const { cutMessage } = require('../message/incoming-message');
const { setImmediate } = require('../base/primordials');
const { INPUT } = require('./states');

/**
 * @param {import('./connection').Connection} connection
 * @param {(connection: import('./connection').Connection) => void} act not called once the connection is closed or about to be
 */
function afterThisRound(connection, act) {
  // A stream of JavaScript's tells of its end in its own time.
  if (connection.isStream) {
    settle();
    return;
  }
  setImmediate(() => {
    if (!connection.outflow.tellWithLastAnswer(settle)) settle();
  });
  function settle() {
    if (connection.isActive) act(connection);
  }
}

/** The FIN has come, and whoever reads in JavaScript has come to it, too. */
function peerEnded(connection) {
  connection.intake.noteEnd(INPUT.ENDED);
  if (!connection.isActive) return;
  if (connection.upgradeStream !== null) endUpgradeStream(connection);
  else if (connection.isUpgraded) connection.socket.receiveEnd();
  else if (connection.unfinished.length > 0) afterThisRound(connection, endHttp);
  else endHttp(connection);
}

/** In mid-body of an accepted upgrade: the request is not whole and never will be. Its end is told, then the connection goes, as node:http's does. */
function endUpgradeStream(connection) {
  const message = connection.receiving;
  connection.receiving = null;
  connection.upgradeStream.receiveEnd();
  if (message === null) return;
  cutMessage(message, connResetException('aborted'));
  setImmediate(() => connection.socket.destroy());
}

/** In the HTTP phase: unless half-open is allowed, answers that come later are not sent. */
function endHttp(connection) {
  const { unfinished, madeSocket } = connection;
  if (madeSocket !== null && !connection.isStream) madeSocket.receiveEnd();
  if (connection.intake.end === INPUT.CUT) return;
  if (unfinished.length > 0 && connection.side.allowsHalfOpen(connection)) unfinished[unfinished.length - 1]._last = true;
  else if (unfinished.length > 0 || madeSocket !== null) connection.socket.end();
  else command(OP.SHUTDOWN, 0, connection, 0);
}

module.exports = { afterThisRound, peerEnded };
