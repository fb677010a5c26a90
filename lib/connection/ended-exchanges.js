'use strict';

/**
 * Exchanges whose last byte has been handed over. 'finish' and 'close' of their responses are emitted once the code that ended them has
 * returned: listeners that are added after `res.end()` still hear them.
 */

const { scheduleFlush } = require('../seam/binding');
const { isUntouched, dropUnread } = require('../message/incoming-message');
const observability = require('../base/observability');
const { passTurn } = require('./pipeline');
const { nextTick } = require('../base/primordials');
const { ENDING } = require('./states');
const { STATE } = require('../message/steps');
const { kEvents, kOnFinish, kOnClose, kStep } = require('../base/symbols');

/** Message, its connection, the next message, its connection, and so on. */
const ended = [];
let endedAt = 0;

/** Queues the end of an exchange. */
function endExchange(connection, message) {
  ended.push(message, connection);
  scheduleFlush();
}

const hasEnded = () => endedAt < ended.length;

/**
 * Tells of those that wait. Returns after each response that somebody listens to; if a listener throws, the next call goes on after it.
 * @return {boolean} whether user code may have run
 */
function finishEnded() {
  while (endedAt < ended.length) {
    const message = ended[endedAt];
    const connection = ended[endedAt + 1];
    endedAt += 2;
    // It will not leave: its connection has closed, and has told it.
    if (connection.isClosed) continue;
    // Somebody listens by now, or the response ahead has not finished: then this one finishes when its bytes have left.
    if ((message[kEvents] !== undefined || connection.unfinished[0] !== message) && connection.awaitFlush(message)) continue;
    if (finishExchange(connection, message)) return true;
  }
  ended.length = 0;
  endedAt = 0;
  return false;
}

/** @return {boolean} whether somebody listens to the response */
function finishExchange(connection, message) {
  // Its connection has failed, and tells it.
  if (message[kStep] === STATE.LOST) return false;
  const heard = message[kEvents] !== undefined;
  observability.finished(connection, message);
  // On a stream of JavaScript's the next answer is written when this one has finished, and its ticks come after this one's.
  const closesFirst = connection.isStream;
  if (closesFirst) {
    if (message.req) dropUnread(message.req);
    nextTick(closeMessage, message, connection);
  }
  try {
    message[kOnFinish](passTurn, connection);
  } finally {
    if (message.req) {
      // What nobody has read is dumped, which makes a paused socket flow again.
      if (connection.paused && isUntouched(message.req)) connection.resumeSocket();
      dropUnread(message.req);
    }
    if ((connection.ending & ENDING.WHEN_FLUSHED) !== 0 && connection.unfinished.length === 0) connection.endIdle();
    if (heard && !closesFirst) nextTick(closeMessage, message, connection);
    else if (!closesFirst) message[kOnClose]();
  }
  return heard;
}

/** Its 'close' comes before the callbacks of what was flushed together with it. */
function closeMessage(message, connection) {
  try {
    message[kOnClose]();
  } finally {
    if (connection.outflow.isAwaited) connection.onAck(connection.outflow.acked);
  }
}

module.exports = { endExchange, finishEnded, finishExchange, hasEnded };
