'use strict';

/**
 * Waiter: who is told when bytes of a connection have come so far, or never will. Those in `outflow.waiters` wait for bytes to be flushed, those in
 * `connection.keptBack` for the answers ahead of theirs.
 *
 * What else waits has no such shape, since there are no bytes to wait for or nobody to tell. `ClientConnection.early` are pieces of a message, which
 * are written when it has connected. `connection.onClosed` and `intake.onMoved` are at most one function each. The ended exchanges of a turn
 * (ended-exchanges.js) stand in a flat list, and all are told: there is one for nearly every request, which then costs no object.
 */

const { tellEach } = require('../base/tell-each');

class Waiter {
  /**
   * @param {number} at how far bytes must have come, counted from where those who keep the list begin
   * @param {(connection: object, who: *, error?: Error) => boolean} act tells; `error`: they never will. Returns whether the next one may be told at once
   * @param {*} who is told
   */
  constructor(at, act, who) {
    this.at = at;
    this.act = act;
    this.who = who;
  }
}

/** `who` is a callback, which hears why if the bytes will not come so far. */
function tellCallback(connection, callback, error) {
  callback(error);
  return true;
}

/** Tells all. @param {Waiter[]} waiters @param {Error} [error] */
function tellWaiters(connection, waiters, error) {
  tellEach(waiters, (waiter) => waiter.act(connection, waiter.who, error));
}

module.exports = { Waiter, tellCallback, tellWaiters };
