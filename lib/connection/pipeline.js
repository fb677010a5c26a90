'use strict';

/**
 * Pipeline: the responses of a connection that have not finished, in the order of their requests (RFC 9112 §9.3.2). The first of them
 * has the turn: the socket is its, and it writes to the connection. The others show no socket and keep what they are given, as
 * node:http's do, until the one before has finished.
 *
 * One shortcut, which no program can observe: an answer that is whole is handed over as soon as the one before has been, so that the
 * answers to a packet of requests leave together. It finishes in its turn all the same.
 *
 * What the connection keeps of it: `unfinished`, those responses; `handedOver`, how many of them have been handed over whole; `queued`, the bytes
 * that wait in the others; `owesGoOn`, whether the engine waits for these to become fewer; and of `ending` the bits SAID and OVER (states.js).
 */

const { noteAnswersHandedOver } = require('./answers-ahead');
const { OP, command } = require('../seam/binding');
const { abortMessage } = require('../message/incoming-message');
const { connResetException } = require('../base/errors');
const { isWhole } = require('../message/outgoing-queue');
const { Object, each } = require('../base/primordials');
const { ENDING, LIFE, PHASE } = require('./states');
const { writesAreWatched } = require('./socket');
const { noteHandedOver } = require('../message/steps');
const { tellEach } = require('../base/tell-each');
const { kAttach, kEvents, kLine, kOnClose, kSink } = require('../base/symbols');

/** No exchange: most connections at most times. An array that has had an element keeps memory for sixteen. */
const NONE = Object.freeze([]);

/** A response to another request. @return {boolean} whether it is its turn at once */
function lineUpResponse(connection, response) {
  const { unfinished } = connection;
  if (unfinished.length > 0) {
    unfinished.push(response);
    return false;
  }
  connection.unfinished = [response];
  connection.showCurrent(response);
  return true;
}

/** Whether this response may be handed over now: it is next, nothing waits in the socket, and nobody has replaced the socket's write(). */
function mayHandOver(connection, response) {
  if (connection.unfinished[connection.handedOver] !== response || (connection.ending & ENDING.SAID) !== 0) return false;
  if (connection.phase === PHASE.UNANSWERED || !connection.isActive) return false;
  const socket = connection.madeSocket;
  return socket === null || connection.isUpgraded || (socket.writable && socket.writableLength === 0 && !writesAreWatched(socket));
}

/** The first response that the engine had not got whole has been handed over: whole answers after it follow. */
function handedLast(connection, saysClose) {
  connection.handedOver++;
  if (saysClose) connection.ending |= ENDING.SAID;
  noteAnswersHandedOver(connection);
  if (connection.unfinished.length <= connection.handedOver || connection.isForwarding) return;
  connection.isForwarding = true;
  try {
    for (;;) {
      const next = connection.unfinished[connection.handedOver];
      if (next === undefined || !isWhole(next) || !mayHandOver(connection, next)) return;
      next._flushOutput(connection);
    }
  } finally {
    connection.isForwarding = false;
  }
}

/** The first response has finished: it is the next one's turn. */
function passTurn(connection, response) {
  const { unfinished } = connection;
  if (unfinished[0] !== response) return;
  if (connection.handedOver > 0) connection.handedOver--;
  if (unfinished.length === 1) connection.unfinished = NONE;
  else unfinished.shift();
  connection.showCurrent(connection.unfinished[0] ?? null);
  noteAnswersHandedOver(connection);
  if (response._last) {
    connection.ending |= ENDING.OVER;
    if (connection.isUpgraded || !connection.isActive) return;
    // It was made the last one only when it had been handed over, without CLOSE: then the socket closes the connection, not the engine.
    if ((connection.ending & ENDING.SAID) === 0) connection.destroySoon();
    else if (connection.madeSocket !== null) leaveSocket(connection);
  } else if (connection.unfinished.length > 0) {
    takeTurn(connection, connection.unfinished[0]);
  } else if (connection.madeSocket !== null && connection.madeSocket.timeout && !connection.isUpgraded) {
    connection.side.rest(connection);
  }
}

/** As destroySoon(), but the engine closes. A program that writes to the socket after its end must not be told that this has left. */
function leaveSocket(connection) {
  const { madeSocket } = connection;
  madeSocket.end(() => {
    if (madeSocket.destroyed || !connection.isActive) return;
    // The last answer has left, and FIN with it: the engine closes by itself when the peer has read them.
    connection.life = LIFE.CLOSING;
    madeSocket.destroy();
  });
}

function takeTurn(connection, response) {
  const isWithEngine = connection.handedOver > 0;
  if (isWithEngine) noteHandedOver(response);
  if (isWithEngine && response[kEvents] === undefined) {
    // Nobody listens: its turn need not be told.
    response[kSink] = connection;
    response[kLine] = null;
    return;
  }
  // It has been given up before it was ended: those after it would wait for ever.
  if (response.destroyed && !isWithEngine && !isWhole(response)) connection.socket.destroy(response.errored ?? undefined);
  else response[kAttach](connection);
}

/** Bytes that wait for their turn have become more, or fewer. */
function noteQueued(connection, delta) {
  connection.queued += delta;
  if (connection.owesGoOn && connection.queued < connection.highWaterMark) {
    connection.owesGoOn = false;
    command(OP.GO_ON, 0, connection, 0);
  }
}

/** The handlers of a burst have run. The engine may go on to the next one while few bytes wait for their turn: a slow answer must not make many others pile up. */
function goOn(connection) {
  if (connection.queued < connection.highWaterMark) command(OP.GO_ON, 0, connection, 0);
  else connection.owesGoOn = true;
}

/** The connection has closed. What was under way will not be: requests abort, responses close without 'finish'; in Node's order. */
function abortAll(connection) {
  const { receiving, unfinished, madeSocket } = connection;
  if (madeSocket !== null && !connection.isUpgraded) madeSocket.parser = null;
  connection.receiving = null;
  connection.unfinished = NONE;
  connection.handedOver = 0;
  if (unfinished.length === 0 && receiving === null) return;
  const current = currentOf({ unfinished });
  const messages = [];
  // Those that stand ahead of an upgrade are left alone: to Node the connection is no longer HTTP's.
  if (!connection.isUpgraded) for (const { req } of each(unfinished)) if (req) messages.push(req);
  if (receiving !== null && !receiving.destroyed) messages.push(receiving);
  const ends = [];
  for (const response of each(unfinished)) if (response !== current) ends.push(response);
  if (current !== null) ends.push(current);
  tellEach([[messages, abortOne], [ends, endOne]], ([list, tell]) => tellEach(list, tell, current));
}

function abortOne(message) {
  abortMessage(message, connResetException('aborted'));
}

function endOne(response, current) {
  if (response !== current) response[kLine] = null;
  if (response === current || response.closed) response[kOnClose]();
  else response.destroy(connResetException('aborted'));
}

/** The response being sent. After an answer that said close there is none. */
function currentOf({ unfinished }) {
  return unfinished.length > 0 && unfinished[0][kLine] === null ? unfinished[0] : null;
}

/** Whether the last response of a connection has finished: what the peer still says goes to nobody. */
function isOver({ ending }) {
  return (ending & ENDING.OVER) !== 0;
}

/** Whether the request of a connection's last response is answered, whether or not the response has finished. */
function hasAnsweredLast(connection) {
  if (isOver(connection)) return true;
  for (const response of each(connection.unfinished)) if (response._last || !response.finished) return response.finished;
  return false;
}

module.exports = { NONE, lineUpResponse, mayHandOver, handedLast, passTurn, noteQueued, goOn, abortAll, currentOf, hasAnsweredLast, isOver };
