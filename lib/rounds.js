'use strict';

/**
 * When a peer's FIN takes effect. libuv reads it one round of the loop after the bytes before it, so that with node:http what a handler of
 * these answers in setImmediate() is still sent, and has finished. Here both may come in one turn: the FIN waits for as much.
 */

/** As it was when we were loaded: programs replace timers. */
const { setImmediate } = globalThis;

/**
 * @param {import('./connection').Connection} connection
 * @param {(connection: import('./connection').Connection) => void} act not called once the connection is closed or about to be
 */
function behindThisRound(connection, act) {
  setImmediate(() => {
    const last = connection.waiters.findLast((waiter) => waiter.message);
    if (last === undefined) settle();
    else connection.wait({ at: last.at, callback: settle });
  });
  function settle() {
    if (!connection.closed && !connection.closing) act(connection);
  }
}

module.exports = { behindThisRound };
