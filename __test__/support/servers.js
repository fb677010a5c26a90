'use strict';

/** Opening, closing, and waiting for what has no event. */

const { once } = require('node:events');

/** Milliseconds after which what has not come will not. */
const PATIENCE = 10_000;

/**
 * @param {net.Server} server of anybody's
 * @param {...*} where as for listen(); a port of the system's choice unless it is given
 * @return {Promise<number|undefined>} its port, where it has one
 */
async function listening(server, ...where) {
  server.listen(...(where.length > 0 ? where : [0, '127.0.0.1']));
  await once(server, 'listening');
  return server.address()?.port;
}

/** @return {Promise<Error|undefined>} when the server has closed: what close() told */
const closed = (server) => new Promise((resolve) => server.close(resolve));

/** @return {Promise<void>} when `test()` is true, which is looked at in every round of the loop */
async function until(test) {
  const started = Date.now();
  while (!test()) {
    if (Date.now() - started > PATIENCE) throw new Error(`never: ${test}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** @return {Promise<void>} after so many rounds of the loop that what is on its way between sockets of this process has come, and would be told */
async function quiet() {
  for (let round = 0; round < 50; round++) await new Promise((resolve) => setImmediate(resolve));
}

module.exports = { listening, closed, quiet, until };
