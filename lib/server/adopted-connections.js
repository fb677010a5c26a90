'use strict';

/**
 * Connections that libuv accepts for us: of `listen({ fd })`, of handles that somebody gives to listen(), and of cluster workers, whether
 * they share the listening socket or get each connection from the primary. The engine takes a copy of the descriptor and Node's handle
 * is closed, before anything has been read.
 */

const { openPort } = require('../seam/binding');
const { addServer, removeServer } = require('../connection/turn');

/**
 * From now on the engine takes the connections that libuv accepts for `server._handle`. Those it cannot take stay with net.Server.
 * @param {import('./server').Server} server that has just begun to listen
 * @param {object} config for the engine
 * @param {number} threads 0: inline
 */
function adoptConnections(server, config, threads) {
  const port = openPort();
  const handle = server._handle;
  if (port.adopt === undefined) return;
  const id = port.serve(config, threads);
  if (id < 0) return;
  addServer(id, server);
  const { onconnection, close } = handle;
  handle.onconnection = function (error, accepted) {
    const fd = error ? undefined : accepted.fd;
    if (!(fd >= 0) || port.adopt(id, fd, threads) < 0) return onconnection.call(this, error, accepted);
    accepted.close();
    return undefined;
  };
  handle.configure = (changed) => port.configure(id, changed);
  handle.close = function (...args) {
    port.closeListener(id);
    removeServer(id);
    return close.apply(this, args);
  };
}

module.exports = { adoptConnections };
