'use strict';

/**
 * Pipeline: the responses of a connection that have not finished, in the order of their requests (RFC 9112 §9.3.2). The first of them
 * has the turn: the socket is its, and it writes to the connection. The others show no socket and keep what they are given, as
 * node:http's do, until the one before has finished.
 *
 * One thing is quicker than that and seen by nobody: an answer that is complete goes to the engine as soon as the last byte of the
 * one before has gone there, so that the answers to a packet of requests leave together. It has finished in its turn all the same.
 *
 * What the connection keeps of it: `open`, those responses; `handedOver`, how many of them the engine has all of; `saidClose`, whether
 * the last of these said that nothing follows; `queued`, the bytes that wait in the others; `goesOn`, whether the engine
 * waits for these to become fewer.
 */

const { noteAnswered } = require('./answers-ahead');
const { OP, command } = require('./binding');
const { abortMessage } = require('./incoming-message');
const { LAST } = require('./layout').writeFlags;
const { connResetException } = require('./errors');
const { Number, Object, each } = require('./primordials');
const { writesAreWatched } = require('./socket');
const { noteHandedOver } = require('./steps');
const { tellEach } = require('./tell-each');
const { kAttach, kEvents, kLine, kOnClose, kSink } = require('./symbols');

/** No exchange: most connections at most times. An array that has held something keeps room for sixteen. */
const NONE = Object.freeze([]);

/** A response to another request. @return {boolean} whether it is its turn at once */
function expectResponse(connection, response) {
  const { open } = connection;
  if (open.length > 0) {
    open.push(response);
    return false;
  }
  connection.open = [response];
  return true;
}

/** Whether the engine takes the bytes of this response now, and nobody has to see them pass. */
function mayHandOver(connection, response) {
  if (connection.open[connection.handedOver] !== response || connection.saidClose || connection.answersGivenUp || connection.closing || connection.closed) return false;
  const socket = connection.madeSocket;
  return socket === null || connection.upgraded || (socket.writable && socket.writableLength === 0 && !writesAreWatched(socket));
}

/** The engine has all of the first response that it had not: complete answers behind it follow. */
function handedLast(connection, saysClose) {
  connection.handedOver++;
  if (saysClose) connection.saidClose = true;
  noteAnswered(connection);
  if (connection.open.length <= connection.handedOver || connection.isForwarding) return;
  connection.isForwarding = true;
  try {
    for (;;) {
      const next = connection.open[connection.handedOver];
      if (next === undefined || !isWhole(next) || !mayHandOver(connection, next)) return;
      next._flushOutput(connection);
    }
  } finally {
    connection.isForwarding = false;
  }
}

/** The first response has finished: it is the next one's turn. */
function passTurn(connection, response) {
  const { open } = connection;
  if (open[0] !== response) return;
  if (connection.handedOver > 0) connection.handedOver--;
  if (open.length === 1) connection.open = NONE;
  else open.shift();
  noteAnswered(connection);
  if (response._last) {
    connection.over = true;
    // Made the last one when it had been handed over.
    if (!connection.saidClose && !connection.upgraded && !connection.closing && !connection.closed) connection.socket.destroySoon();
  } else if (connection.open.length > 0) {
    takeTurn(connection, connection.open[0]);
  } else if (connection.madeSocket !== null && connection.madeSocket.timeout && !connection.upgraded) {
    restTimer(connection);
  }
}

/** Between two requests it is keepAliveTimeout that counts, which the engine keeps, and no timeout of the request before. */
function restTimer(connection) {
  if (keepsAlive(connection.server)) connection.madeSocket.setTimeout(0);
}

/** Another request has come on an idle connection: the server's timeout counts again, whatever the request before has set. */
function wakeTimer(connection) {
  const { server } = connection;
  if (connection.requests > 0 && connection.open.length === 0 && keepsAlive(server)) connection.socket.setTimeout(server.timeout);
}

const keepsAlive = ({ keepAliveTimeout }) => Number.isFinite(keepAliveTimeout) && keepAliveTimeout > 0;

function takeTurn(connection, response) {
  const isWithEngine = connection.handedOver > 0;
  if (isWithEngine) noteHandedOver(response);
  if (isWithEngine && response[kEvents] === undefined) {
    // Nobody would hear of its turn.
    response[kSink] = connection;
    response[kLine] = null;
    return;
  }
  // It has been given up before it was ended: those behind it would wait for ever.
  if (response.destroyed && !isWithEngine && !isWhole(response)) connection.socket.destroy(response.errored ?? undefined);
  else response[kAttach](connection);
}

/** Whether the end of a response is among what waits in it. */
function isWhole({ outputData }) {
  return outputData.length > 0 && (outputData[outputData.length - 1].flags & LAST) !== 0;
}

/** Bytes that wait for their turn have become more, or fewer. */
function noteQueued(connection, delta) {
  connection.queued += delta;
  if (connection.goesOn && connection.queued < connection.highWaterMark) {
    connection.goesOn = false;
    command(OP.GO_ON, 0, connection, 0);
  }
}

/** The handlers of a burst have run. The next one is told once what waits is little: a peer gets no further with slow answers ahead. */
function goOn(connection) {
  if (connection.queued < connection.highWaterMark) command(OP.GO_ON, 0, connection, 0);
  else connection.goesOn = true;
}

/** The connection has closed. What was under way will not be: requests abort, responses close without 'finish'; in Node's order. */
function abortAll(connection) {
  const { receiving, open, madeSocket } = connection;
  if (madeSocket !== null && !connection.upgraded) madeSocket.parser = null;
  connection.receiving = null;
  connection.open = NONE;
  connection.handedOver = 0;
  if (open.length === 0 && receiving === null) return;
  const current = currentOf({ open });
  const messages = [];
  // Those that stand ahead of an upgrade are left alone: to Node the connection is no longer HTTP's.
  if (!connection.upgraded) for (const { req } of each(open)) if (req) messages.push(req);
  if (receiving !== null && !receiving.destroyed) messages.push(receiving);
  const ends = [];
  for (const response of each(open)) if (response !== current) ends.push(response);
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

/** The response being sent. Behind an answer that said close there is none. */
function currentOf({ open }) {
  return open.length > 0 && open[0][kLine] === null ? open[0] : null;
}

/** Whether the last response of a connection has been ended, told or not. */
function hasAnsweredLast(connection) {
  if (connection.over) return true;
  for (const response of each(connection.open)) if (response._last || !response.finished) return response.finished;
  return false;
}

module.exports = { NONE, expectResponse, isWhole, mayHandOver, handedLast, passTurn, noteQueued, goOn, wakeTimer, abortAll, currentOf, hasAnsweredLast };
