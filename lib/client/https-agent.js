'use strict';

/**
 * https' Agent: node:https's, whose sessions, names and TLS connections are Node's, with what ours has besides on every Node: the options
 * `agentKeepAliveTimeoutBuffer`, `defaultPort` and `protocol`.
 */

const agents = require('./agent');
const https = require('../base/host-https');
const { perRequestCheckOf } = require('../base/node-internals');
const { Object } = require('../base/primordials');

const STANDARD_PORT = 443;
const SCHEME = 'https:';

/** Marks a request whose server is verified in a way of its own, and its socket, which nobody else may use; undefined on Nodes that do not tell them. */
const kPerRequestCheck = perRequestCheckOf(https.Agent);

/** @param {object} [options] node:https's */
function Agent(options) {
  if (!(this instanceof Agent)) return new Agent(options);
  https.Agent.call(this, options);
  agents.takeOptions(this, STANDARD_PORT, SCHEME);
}
Object.setPrototypeOf(Agent.prototype, https.Agent.prototype);
Object.setPrototypeOf(Agent, https.Agent);
Object.defineProperty(Agent.prototype, agents.kIsAgent, { value: true });

/** Prepares a connection for idle time. @param {tls.TLSSocket} socket @return {boolean} false: it must not be used again */
Agent.prototype.keepSocketAlive = function keepSocketAlive(socket) {
  if (kPerRequestCheck !== undefined && socket[kPerRequestCheck]) return false;
  return agents.Agent.prototype.keepSocketAlive.call(this, socket);
};

module.exports = { Agent, kPerRequestCheck };
agents.holdGlobalAgent(module.exports, https, Agent);
