'use strict';

/**
 * Agent: node:http's pool, whose logic is JavaScript over sockets, with connections of the engine in it. A subclass that makes its
 * connections by itself keeps them; so does an agent that goes through a proxy.
 */

const http = require('./host-http');
const net = require('node:net');

/** @param {object} [options] node:http's */
function Agent(options) {
  if (!(this instanceof Agent)) return new Agent(options);
  http.Agent.call(this, options);
}
Object.setPrototypeOf(Agent.prototype, http.Agent.prototype);
Object.setPrototypeOf(Agent, http.Agent);

/** net.connect()'s arguments. @return {net.Socket} */
Agent.prototype.createConnection = function createConnection(...args) {
  if (hasProxy(this)) return http.Agent.prototype.createConnection.apply(this, args);
  const [options, callback] = net._normalizeArgs(args);
  // Required here: most programs of a server never connect anywhere.
  const socket = require('./client-connection').connect(options);
  if (callback !== null) socket.once('connect', callback);
  return socket;
};

/** Node keeps what it has read from `proxyEnv` under a symbol. */
function hasProxy(agent) {
  return agent.options?.proxyEnv != null && Object.getOwnPropertySymbols(agent).some((key) => key.description === 'kProxyConfig' && agent[key]);
}

/** As node:http's: connections are kept for five seconds, and go through the proxy that the process was told to use. */
const globalAgent = new Agent({ keepAlive: true, scheduling: 'lifo', timeout: 5000, proxyEnv: http.globalAgent.options.proxyEnv });

module.exports = { Agent, globalAgent, hasProxy };
