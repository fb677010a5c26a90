'use strict';

/**
 * Waiters: who is told when bytes of a connection have been flushed. Each is `{ at, callback, message, drain, fin }`: `at` counts the bytes
 * handed over until then, and one of the others says who it is: a callback, a response that has then finished, a message that drains, or
 * (with `fin`) the callback of a FIN, which does not care how it ended.
 */

const { finishExchange } = require('./ended-exchanges');
const { NONE } = require('./pipeline');
const { nextTick } = require('../base/primordials');
const { tellEach } = require('../base/tell-each');
const { kOnDrain } = require('../base/symbols');

/** `waiter` is told once the bytes up to `waiter.at` have been flushed. @param {import('./connection').Connection} connection */
function addWaiter(connection, waiter) {
  if (connection.waiters.length === 0) connection.waiters = [waiter];
  else connection.waiters.push(waiter);
}

/** Tells those whose bytes have been flushed. After a response that somebody listens to it stops, and goes on after the 'close' of that: see ended-exchanges.js. */
function settleFlushed(connection) {
  while (connection.waiters.length > 0 && connection.waiters[0].at <= connection.acked) {
    const waiter = connection.waiters[0];
    if (connection.waiters.length === 1) connection.waiters = NONE;
    else connection.waiters.shift();
    let hasThrown = true;
    let mayGoOn;
    try {
      // One by one: a listener may throw, or add another.
      mayGoOn = settle(connection, waiter, undefined);
      hasThrown = false;
    } finally {
      if (hasThrown && connection.waiters.length > 0) nextTick(settleFlushed, connection);
    }
    if (!mayGoOn) return;
  }
}

/** Nothing more will be flushed. @param {Error} reason */
function failWaiters(connection, reason) {
  const { waiters } = connection;
  connection.waiters = NONE;
  tellEach(waiters, (waiter) => settle(connection, waiter, reason));
}

/** @return {boolean} whether the next one may be told at once: not when the 'close' of a response comes first */
function settle(connection, { message, drain, fin, callback }, error) {
  if (message) return error !== undefined || !finishExchange(connection, message);
  if (drain) {
    // A message that went on writing drains with its last write.
    if (error === undefined && connection.acked >= connection.handed) drain[kOnDrain]();
  } else if (fin) {
    callback();
  } else {
    callback(error);
  }
  return true;
}

/** @return {object|undefined} the last waiter that is a response */
function lastResponseOf({ waiters }) {
  for (let i = waiters.length - 1; i >= 0; i--) if (waiters[i].message) return waiters[i];
  return undefined;
}

module.exports = { addWaiter, settleFlushed, failWaiters, lastResponseOf };
