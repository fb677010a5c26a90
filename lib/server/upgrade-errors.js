'use strict';

/**
 * The option `catchUpgradeErrors`: what goes wrong on a socket that has been handed to 'upgrade' or 'connect', and that nobody listens
 * for, is told to the server as 'upgradeError' instead of ending the process. The socket is destroyed either way.
 */

const { Object } = require('../base/primordials');

/**
 * A listener of ours would be counted by those who ask whether there are any, and would go with removeAllListeners(): the stream's own
 * emit() asks instead, at the moment of the error.
 * @param {import('./server').Server} server
 * @param {import('stream').Duplex} stream what the upgrade listener gets, or what carries it
 * @param {import('../message/incoming-message').IncomingMessage} req the upgrade request
 */
function catchErrors(server, stream, req) {
  const { emit } = stream;
  Object.defineProperty(stream, 'emit', {
    configurable: true,
    writable: true,
    value: function (event, ...args) {
      if (event !== 'error' || this.listenerCount('error') > 0) return emit.call(this, event, ...args);
      return server.emit('upgradeError', args[0], stream, req);
    },
  });
}

module.exports = { catchErrors };
