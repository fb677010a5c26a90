'use strict';

/**
 * What an upgraded stream writes before the answers to the requests ahead of the upgrade have been handed over: these must leave before the 101
 * (RFC 9112 §9.3.2). It is kept back here, in JavaScript, so that nobody is told that it has left, and the stream's own backpressure counts it.
 *
 * A program that ends or destroys the stream ends the connection, and does not wait for ever for answers that may never come: after
 * end() they have a little more time, after destroy() none. Then the stream's bytes leave without them, as node:http's do, and an answer that
 * comes later is not sent.
 */

const { setTimeout, nextTick } = require('../base/primordials');
const { PHASE } = require('./states');
const { Waiter, tellCallback, tellWaiters } = require('./waiter');

/** How long a stream that has been ended waits for the answers ahead of it, in milliseconds. */
const GRACE = 1000;

/** Whether what the stream of `connection` writes must wait. @param {import('./connection').Connection} connection */
function mustWaitForAnswers(connection) {
  if (connection.phase !== PHASE.UPGRADED) return false;
  return connection.keptBack !== null || connection.unfinished.length > connection.handedOver;
}

/**
 * Keeps what the stream wants to do until the answers have been handed over.
 * @param {import('./connection').Connection} connection
 * @param {number} bytes that wait in it
 * @param {(error?: Error) => void} act does it; with an error: it will never be done
 */
function keepBack(connection, bytes, act) {
  const at = bytesKeptBack(connection) + bytes;
  (connection.keptBack ??= []).push(new Waiter(at, tellCallback, act));
}

/** How many bytes of the stream are kept back. */
function bytesKeptBack({ keptBack }) {
  return keptBack === null ? 0 : keptBack[keptBack.length - 1].at;
}

/**
 * Answers have been handed over. If all those ahead of the upgrade have been, what was kept back goes on: in the next tick, for the caller is not
 * done with the last answer.
 */
function noteAnswersHandedOver(connection) {
  if (connection.keptBack !== null && connection.unfinished.length <= connection.handedOver) nextTick(runKeptBack, connection);
}

/** Does all that was kept back. @param {Error} [error] it will never be done: everybody is told why */
function runKeptBack(connection, error) {
  const { keptBack } = connection;
  if (keptBack === null) return;
  connection.keptBack = null;
  tellWaiters(connection, keptBack, error);
}

/** The stream has been ended: the answers ahead of it have GRACE left. */
function limitWaitForAnswers(connection) {
  if (mustWaitForAnswers(connection) && !connection.isClosed) setTimeout(() => giveUpAnswers(connection), GRACE).unref?.();
}

/** Nobody waits for the answers any longer. */
function giveUpAnswers(connection) {
  if (!mustWaitForAnswers(connection) || connection.isClosed) return;
  if (connection.unfinished.length > connection.handedOver) connection.phase = PHASE.UNANSWERED;
  runKeptBack(connection);
}

module.exports = { mustWaitForAnswers, keepBack, bytesKeptBack, runKeptBack, noteAnswersHandedOver, limitWaitForAnswers, giveUpAnswers };
