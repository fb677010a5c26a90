'use strict';

/** turnout: node:http's interface on a Rust engine. See README.md. */

const http = require('./lib/base/host-http');
const { Server, createServer, connectionListener } = require('./lib/server/server');
const { IncomingMessage } = require('./lib/message/incoming-message');
const { OutgoingMessage } = require('./lib/message/outgoing-message');
const { ServerResponse } = require('./lib/server/server-response');
const agents = require('./lib/client/agent');
const { ClientRequest, request, get } = require('./lib/client/client-request');
const { websocketMask, websocketUnmask } = require('./lib/seam/websocket');
require('./lib/server/handle-passing');
require('./lib/server/transfers');

/** What is not ours (constants, settings of the process) is node:http's own. */
const face = {};
for (const name of Object.keys(http)) Object.defineProperty(face, name, Object.getOwnPropertyDescriptor(http, name));

module.exports = Object.defineProperties(face, {
  createServer: exported(createServer),
  Server: exported(Server),
  IncomingMessage: exported(IncomingMessage),
  OutgoingMessage: exported(OutgoingMessage),
  ServerResponse: exported(ServerResponse),
  ClientRequest: exported(ClientRequest),
  request: exported(request),
  get: exported(get),
  Agent: exported(agents.Agent),
  /** Requests without an agent take the one that stands here. */
  globalAgent: {
    enumerable: true,
    configurable: true,
    get: () => agents.globalAgent,
    set(agent) {
      agents.globalAgent = agent;
    },
  },
  setGlobalProxyFromEnv: exported(agents.setGlobalProxyFromEnv),
  _connectionListener: exported(connectionListener),
  websocketMask: exported(websocketMask),
  websocketUnmask: exported(websocketUnmask),
});

/** Exports stay writable: libraries that intercept HTTP replace them. */
function exported(value) {
  return { value, writable: true, enumerable: true, configurable: true };
}
