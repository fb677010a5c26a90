'use strict';

/** What is done when the engine has closed a connection, in Node's order. Listeners run in most of it, and may throw: the rest is done all the same. */

const { runKeptBack } = require('./answers-ahead');
const { streamDestroyed } = require('../base/errors');
const { nextTick } = require('../base/primordials');
const { ENDING } = require('./states');
const { tellEach } = require('../base/tell-each');

const WITHOUT_SOCKET = [failAll, countDown, abort, hearClosed];
/** The socket has been destroyed: its 'close' is on its way. */
const WITH_SOCKET_GONE = [failAll, abort, hearClosed];
const WITH_SOCKET = [failAll, closeSocket, abortUnlessDestroyed, hearClosed];

/** @param {import('./connection').Connection} connection whose `closeError` says why */
function tellAll(connection) {
  const socket = connection.madeSocket;
  const steps = socket === null ? WITHOUT_SOCKET : socket.destroyed ? WITH_SOCKET_GONE : WITH_SOCKET;
  tellEach(steps, step, connection);
}

/** The socket hears that the engine has closed. Its 'error' comes before what the messages hear, its 'close' after that. */
function tellClosed(connection, callback) {
  closeTick(() => tellEach([abort, () => callback()], step, connection));
}

function step(act, connection) {
  act(connection);
}

function failAll(connection) {
  if (connection.keptBack !== null) runKeptBack(connection, connection.closeError ?? streamDestroyed('write'));
  if (connection.outflow.isAwaited) connection.outflow.fail(connection.closeError ?? streamDestroyed('write'));
}

function countDown(connection) {
  if (connection.admitted) connection.side.connectionGone(connection);
}

function abort(connection) {
  connection.abortExchanges();
}

function closeSocket(connection) {
  if (connection.isStream) connection.madeSocket.destroy(connection.closeError ?? undefined);
  else if ((connection.ending & ENDING.IF_IDLE) !== 0 && connection.closeError === null) connection.madeSocket.destroy();
  else connection.madeSocket.engineClosed(connection.closeError);
}

/** If the socket has been destroyed, its 'close' brings the abort. */
function abortUnlessDestroyed(connection) {
  if (!connection.madeSocket.destroyed) connection.abortExchanges();
}

function hearClosed(connection) {
  const { onClosed } = connection;
  connection.onClosed = null;
  try {
    if (onClosed !== null) onClosed();
  } finally {
    connection.intake.moved();
  }
}

/** 'close' comes after the 'error' that destroy() emits on the next tick. */
function closeTick(callback) {
  nextTick(nextTick, callback);
}

module.exports = { tellAll, tellClosed, closeTick };
