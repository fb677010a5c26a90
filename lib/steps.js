'use strict';

/**
 * Steps: what runs to its end before ticks and promises do. A packet's messages are told of in one step, as node:http tells of them, but that
 * ticks run behind each piece of a body.
 *
 * An answer that is handed over counts as sent from the next step on: node:http's has left by then, and has finished. What its program still
 * does to it reaches nobody. Its 'finish' comes when the engine says so (ended-exchanges.js).
 */

const { isInTurn } = require('./binding');
const { nextTick } = require('./primordials');
const { kStep } = require('./symbols');

/** Instead of a step, of a message: it has not been handed over; it was destroyed when it counted as sent; its connection failed before it did. */
const NOT_YET = 0;
const LONG_AGO = -1;
const LOST = -2;

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
  message[kStep] = now;
  // Outside of a turn the flush comes with the tick.
  if (isRecord || isScheduled || !isInTurn()) return;
  isScheduled = true;
  nextTick(endTick);
}

/** Whether `message` counts as sent. */
function isSent({ [kStep]: step }) {
  return step !== NOT_YET && step !== now;
}

/** The connection of `message` has failed: an answer that does not count as sent yet is lost, as with node:http, whether it leaves or not. */
function noteFailure(message) {
  if (message.finished && !isSent(message)) message[kStep] = LOST;
}

module.exports = { NOT_YET, LONG_AGO, LOST, noteFailure, beginStep, endStep, noteHandedOver, isSent };
