'use strict';

/**
 * Exchanges whose last byte has been handed over. 'finish' and 'close' of their responses are emitted once the code that ended them has
 * returned: listeners added behind `res.end()` still hear them.
 */

const { scheduleFlush } = require('./binding');
const { releaseMessage } = require('./incoming-message');
const observability = require('./observability');
const { nextTick } = require('./primordials');
const { kEvents, kSink, kOnFinish, kOnClose } = require('./symbols');

/** Message and connection in turn. */
const ended = [];
let endedAt = 0;

/** Queues the end of an exchange. */
function endExchange(connection, message) {
  ended.push(message, connection);
  scheduleFlush();
}

const hasEnded = () => endedAt < ended.length;

/**
 * Tells of those that wait. Returns behind each response that somebody listens to; if a listener throws, the next call goes on behind it.
 * @return {boolean} whether user code may have run
 */
function finishEnded() {
  while (endedAt < ended.length) {
    const message = ended[endedAt];
    const connection = ended[endedAt + 1];
    endedAt += 2;
    if (finishExchange(connection, message)) return true;
  }
  ended.length = 0;
  endedAt = 0;
  return false;
}

/** @return {boolean} whether somebody listens to the response */
function finishExchange(connection, message) {
  connection.answered(message);
  if (message._last) connection.over = true;
  const heard = message[kEvents] !== undefined;
  observability.finished(connection, message);
  try {
    message[kOnFinish]();
  } finally {
    message[kSink] = null;
    if (message.req) releaseMessage(message.req);
    if (connection.leaving && connection.open.length === 0) connection.endIdle();
    if (heard) nextTick(closeMessage, message);
    else message[kOnClose]();
  }
  return heard;
}

function closeMessage(message) {
  message[kOnClose]();
}

module.exports = { endExchange, finishEnded, finishExchange, hasEnded };
