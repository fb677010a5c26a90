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

/**
 * A free connection is taken without merging all options of agent and request, which Node does each time: only those count that
 * tell connections apart. Everything else is Node's.
 */
Agent.prototype.addRequest = function addRequest(req, options, port, localAddress) {
  const socket = typeof options === 'string' || hasOwnRules(this) ? undefined : takeFree(this, options);
  if (socket === undefined) {
    http.Agent.prototype.addRequest.call(this, req, options, port, localAddress);
    return;
  }
  if (options.highWaterMark != null && socket.writableHighWaterMark !== options.highWaterMark) {
    socket._writableState.highWaterMark = options.highWaterMark;
  }
  this.reuseSocket(socket, req);
  req.onSocket(socket);
  const agentTimeout = this.options.timeout || 0;
  if (req.timeout !== undefined && req.timeout !== agentTimeout) socket.setTimeout(req.timeout);
};

/** Node looks at every property: who has changed what tells connections apart is asked in full. */
function hasOwnRules(agent) {
  return agent.getName !== http.Agent.prototype.getName || agent.options.highWaterMark != null;
}

/** @return {net.Socket|undefined} the next free connection for these options, counted among those in use */
function takeFree(agent, options) {
  // The agent's own options come before the request's, also where they say undefined.
  const of = (name) => (name in agent.options ? agent.options[name] : options[name]);
  const name = agent.getName({
    host: of('host'),
    port: of('port'),
    localAddress: of('localAddress'),
    family: of('family'),
    socketPath: of('socketPath'),
  });
  const free = agent.freeSockets[name];
  if (free === undefined) return undefined;
  while (free.length > 0 && free[0].destroyed) free.shift();
  const socket = agent.scheduling === 'fifo' ? free.shift() : free.pop();
  if (free.length === 0) delete agent.freeSockets[name];
  if (socket === undefined) return undefined;
  (agent.sockets[name] ??= []).push(socket);
  return socket;
}

/** Node keeps what it has read from `proxyEnv` under a symbol. */
function hasProxy(agent) {
  return agent.options?.proxyEnv != null && Object.getOwnPropertySymbols(agent).some((key) => key.description === 'kProxyConfig' && agent[key]);
}

/** As node:http's: connections are kept for five seconds, and go through the proxy that the process was told to use. */
const globalAgent = new Agent({ keepAlive: true, scheduling: 'lifo', timeout: 5000, proxyEnv: http.globalAgent.options.proxyEnv });

module.exports = { Agent, globalAgent, hasProxy };
