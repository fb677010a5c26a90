'use strict';

/**
 * Steps: a step is what runs before the next ticks and promises. A packet's messages are told of in one step, as node:http tells of them, except that
 * ticks run after each piece of a body.
 *
 * An answer that is handed over counts as sent from the next step on: node:http's has left by then, and has finished. What its program still
 * does to it reaches nobody. Its 'finish' comes when the engine says so (ended-exchanges.js). For one that somebody listens to it is exactly the
 * tick in which node:http's has finished; for others that would be a tick for each request which hardly anybody could notice.
 */

const { isInTurn } = require('../seam/binding');
const { Object, nextTick } = require('../base/primordials');
const { kEvents, kStep } = require('../base/symbols');

/** What a message has instead of the step in which it was handed over. */
const STATE = Object.freeze({
  NOT_YET: 0,
  /** Handed over, and a tick will say that it counts as sent. */
  LEAVING: -1,
  SENT: -2,
  /** Destroyed when it counted as sent. */
  ABANDONED: -3,
  /** Its connection failed before it counted as sent. */
  LOST: -4,
});

let now = 1;
/** Whether the step is a record's. Those outside of records end with the tick. */
let isRecord = false;
let isScheduled = false;

function beginStep() {
  isRecord = true;
}

function endStep() {
  isRecord = false;
  now++;
}

function endTick() {
  isScheduled = false;
  now++;
}

/** The engine has all of `message` from now on. */
function noteHandedOver(message) {
  if (message[kEvents] !== undefined) {
    message[kStep] = STATE.LEAVING;
    nextTick(noteSent, message);
    return;
  }
  message[kStep] = now;
  // Outside of a turn the flush comes with the tick.
  if (isRecord || isScheduled || !isInTurn()) return;
  isScheduled = true;
  nextTick(endTick);
}

function noteSent(message) {
  if (message[kStep] === STATE.LEAVING) message[kStep] = STATE.SENT;
}

/** Whether `message` counts as sent. */
function isSent({ [kStep]: step }) {
  return step > 0 ? step !== now : step <= STATE.SENT;
}

/** The connection of `message` has failed: an answer that does not count as sent yet is lost, as with node:http, whether it leaves or not. */
function noteFailure(message) {
  if (message.finished && !isSent(message)) message[kStep] = STATE.LOST;
}

module.exports = { STATE, beginStep, endStep, noteHandedOver, noteFailure, isSent };
