'use strict';

/** turnout: node:http's interface on a Rust engine. See README.md. */

const http = require('./lib/host-http');
const { Server, createServer, connectionListener } = require('./lib/server');
const { IncomingMessage } = require('./lib/incoming-message');
const { OutgoingMessage } = require('./lib/outgoing-message');
const { ServerResponse } = require('./lib/server-response');
const { websocketMask, websocketUnmask } = require('./lib/websocket');

/** What is not ours yet (the client, its Agent, constants) is node:http's own. */
const face = {};
for (const name of Object.keys(http)) Object.defineProperty(face, name, Object.getOwnPropertyDescriptor(http, name));

module.exports = Object.defineProperties(face, {
  createServer: exported(createServer),
  Server: exported(Server),
  IncomingMessage: exported(IncomingMessage),
  OutgoingMessage: exported(OutgoingMessage),
  ServerResponse: exported(ServerResponse),
  _connectionListener: exported(connectionListener),
  websocketMask: exported(websocketMask),
  websocketUnmask: exported(websocketUnmask),
});

/** Exports stay writable: libraries that intercept HTTP replace them. */
function exported(value) {
  return { value, writable: true, enumerable: true, configurable: true };
}
