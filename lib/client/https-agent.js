'use strict';

/**
 * https' Agent: node:https's, whose sessions, names and TLS connections are Node's, with what ours has besides on every Node: the options
 * `agentKeepAliveTimeoutBuffer`, `defaultPort`, `protocol` and `proxyEnv`.
 */

const agents = require('./agent');
const https = require('../base/host-https');
const { perRequestCheckOf } = require('../base/node-internals');
const { Original } = require('../base/originals');
const { Object } = require('../base/primordials');
const { connectThroughProxy } = require('./proxy-tunnel');

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

const hostConnection = new Original(https.Agent.prototype, 'createConnection', "debug('createConnection', options)");

/**
 * tls.connect()'s arguments, or port, host and options. Through a proxy it returns nothing, and the callback hears of the connection.
 * @return {tls.TLSSocket|undefined}
 */
Agent.prototype.createConnection = function createConnection(...args) {
  if (hostConnection.isThere) {
    const options = optionsOf(args);
    const done = typeof args[args.length - 1] === 'function' ? args[args.length - 1] : null;
    const isProxied = connectThroughProxy(this, options, (error, socket) => {
      if (socket && kPerRequestCheck !== undefined && options[kPerRequestCheck]) socket[kPerRequestCheck] = true;
      done?.(error, socket);
    });
    if (isProxied) return undefined;
  }
  return https.Agent.prototype.createConnection.apply(this, args);
};

// As many as Node's say they are.
Object.defineProperty(Agent.prototype.createConnection, 'length', { value: https.Agent.prototype.createConnection.length });

/** What the forms of createConnection()'s arguments say. */
function optionsOf([port, host, options]) {
  if (port !== null && typeof port === 'object') return port;
  const more = host !== null && typeof host === 'object' ? host : options;
  return { ...(typeof more === 'object' ? more : null), ...(typeof port === 'number' && { port }), ...(typeof host === 'string' && { host }) };
}

/** Prepares a connection for idle time. @param {tls.TLSSocket} socket @return {boolean} false: it must not be used again */
Agent.prototype.keepSocketAlive = function keepSocketAlive(socket) {
  if (kPerRequestCheck !== undefined && socket[kPerRequestCheck]) return false;
  return agents.Agent.prototype.keepSocketAlive.call(this, socket);
};

module.exports = { Agent, kPerRequestCheck };
agents.holdGlobalAgent(module.exports, https, Agent);
