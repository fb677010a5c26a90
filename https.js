'use strict';

/** turnout/https: node:https's interface, TLS by Node, HTTP by turnout. See README.md. */

const { Server, createServer } = require('./lib/server/https-server');
const agents = require('./lib/client/https-agent');
const { request, get } = require('./lib/client/https-request');
require('./index');

module.exports = {
  Agent: agents.Agent,
  /** Requests without an agent take the one that stands here. */
  get globalAgent() {
    return agents.globalAgent;
  },
  set globalAgent(agent) {
    agents.globalAgent = agent;
  },
  Server,
  createServer,
  get,
  request,
};
