'use strict';

/**
 * Agent: node:http's pool, whose logic is JavaScript over sockets, with connections of the engine in it. A subclass that makes its
 * connections by itself keeps them; so does an agent that goes through a proxy.
 *
 * What happens with every request (a free connection is taken, and given back while nobody waits for it) is done here, over Node's own
 * tables and with the same calls of methods that may be overridden; everything rarer is Node's.
 */

const net = require('node:net');
const tls = require('node:tls');
const { connect } = require('./dialled-connection');
const http = require('../base/host-http');
const { normalizeConnectArgs, setHighWaterMark } = require('../base/node-internals');
const { netIsOriginal, ofAgent } = require('../base/originals');
const { Boolean, Number, Object, each, indexOf, splice } = require('../base/primordials');
const { connectionOf } = require('../connection/socket');
const { mayHave } = require('../message/incoming-message');
const { debug } = require('./client-observability');
const { namesProxy, proxyFor, proxyUrl, takeProxy } = require('./proxy');
const { agent: rows } = require('../seam/options');
const { listen, unlisten } = require('../base/own-listeners');
const { validateObject } = require('../base/validators');

const HostAgent = http.Agent.prototype;
/** Keep-Alive is convention, not RFC 9112: seconds after which the server closes an idle connection. */
const TIMEOUT_HINT = /^timeout=(\d+)/;
const KEEP_ALIVE_FIELD = /(?:^|\0)keep-alive\0timeout/i;

const kLastName = Symbol('turnout.lastName');
/** On the prototype of https' Agent. */
const kIsAgent = Symbol('turnout.isAgent');
const { [Symbol.hasInstance]: isInstance } = Function.prototype;

/** @param {object} [options] node:http's */
function Agent(options) {
  if (!(this instanceof Agent)) return new Agent(options);
  http.Agent.call(this, options);
  takeOptions(this, rows.defaultPort.fallback, rows.protocol.fallback);
  const hostListener = this.listeners('free')[0];
  this.removeListener('free', hostListener);
  this.on('free', (socket, socketOptions) => {
    if (!giveBack(this, socket, socketOptions)) hostListener.call(this, socket, socketOptions);
  });
  this[kLastName] = null;
}
Object.setPrototypeOf(Agent.prototype, http.Agent.prototype);
Object.setPrototypeOf(Agent, http.Agent);
/** What inherits from node:https's Agent cannot inherit from this one, too; it is one all the same, as in Node. See https-agent.js. */
Object.defineProperty(Agent, Symbol.hasInstance, {
  value(object) {
    return isInstance.call(this, object) || (this === Agent && Boolean(object?.[kIsAgent]));
  },
});

/** Options that Node 20 and 22 do not know, or not as Node 26 does. */
function takeOptions(agent, standardPort, scheme) {
  const { agentKeepAliveTimeoutBuffer: buffer, defaultPort, protocol } = agent.options;
  agent.defaultPort = defaultPort || standardPort;
  agent.protocol = protocol || scheme;
  const isDuration = typeof buffer === 'number' && buffer >= 0 && Number.isFinite(buffer);
  agent.agentKeepAliveTimeoutBuffer = isDuration ? buffer : rows.agentKeepAliveTimeoutBuffer.fallback;
  takeProxy(agent);
}

/**
 * net.connect()'s arguments. The engine connects, unless a program has put itself where Node would pass by: then its functions are called as Node
 * calls them.
 * @return {net.Socket|tls.TLSSocket}
 */
Agent.prototype.createConnection = function createConnection(...args) {
  if (!ofAgent.createConnection.isThere) return HostAgent.createConnection.apply(this, args);
  const normalized = normalizeConnectArgs(args);
  const options = normalized[0];
  const callback = normalized[1];
  const proxy = proxyFor(this, options);
  if (proxy !== null) {
    const where = { ...proxy.proxyConnectionOptions };
    if (proxy.protocol === 'https:') return tls.connect(where, callback);
    return netIsOriginal() ? dial(where, callback) : net.connect(where, callback);
  }
  return netIsOriginal() ? dial(options, callback) : net.createConnection(...args);
};

function dial(options, callback) {
  const socket = connect(options);
  if (callback) socket.once('connect', callback);
  return socket;
}

// ---- a free connection is taken ----------------------------------------------------------------------------------------

/**
 * A free connection is taken without merging all options of agent and request, which Node does each time: only those count that
 * tell connections apart.
 */
Agent.prototype.addRequest = function addRequest(req, options, port, localAddress) {
  const socket = typeof options === 'string' || hasOwnRules(this) ? undefined : takeFree(this, options);
  if (socket === undefined) {
    HostAgent.addRequest.call(this, req, options, port, localAddress);
    return;
  }
  if (options.highWaterMark != null && socket.writableHighWaterMark !== options.highWaterMark) {
    setHighWaterMark(socket, options.highWaterMark);
  }
  this.reuseSocket(socket, req);
  req.onSocket(socket);
  const agentTimeout = this.options.timeout || 0;
  if (req.timeout !== undefined && req.timeout !== agentTimeout) socket.setTimeout(req.timeout);
};

/** Node looks at every property, and calls methods: who has changed what tells connections apart, or how they are taken, is asked in full. */
function hasOwnRules(agent) {
  return agent.getName !== HostAgent.getName || !ofAgent.getName.isThere || !ofAgent.addRequest.isThere || agent.options.highWaterMark != null;
}

/** Where a request goes, as far as it tells connections apart, with its name: the next request's is mostly the same. */
class Destination {
  constructor(agent, host, port, localAddress, family, socketPath) {
    this.host = host;
    this.port = port;
    this.localAddress = localAddress;
    this.family = family;
    this.socketPath = socketPath;
    this.name = agent.getName(this);
  }
}

/** @return {string} getName() of what the agent says and of what the request says where the agent says nothing, undefined included */
function nameOf(agent, options) {
  const own = agent.options;
  const host = 'host' in own ? own.host : options.host;
  const port = 'port' in own ? own.port : options.port;
  const localAddress = 'localAddress' in own ? own.localAddress : options.localAddress;
  const family = 'family' in own ? own.family : options.family;
  const socketPath = 'socketPath' in own ? own.socketPath : options.socketPath;
  const last = agent[kLastName];
  const isSame =
    last !== null &&
    last.host === host &&
    last.port === port &&
    last.localAddress === localAddress &&
    last.family === family &&
    last.socketPath === socketPath;
  if (!isSame) agent[kLastName] = new Destination(agent, host, port, localAddress, family, socketPath);
  return agent[kLastName].name;
}

/** @return {net.Socket|undefined} the next free connection for these options, counted among those in use */
function takeFree(agent, options) {
  const name = nameOf(agent, options);
  const free = agent.freeSockets[name];
  if (free === undefined) return undefined;
  while (free.length > 0 && free[0].destroyed) free.shift();
  const socket = agent.scheduling === 'fifo' ? free.shift() : free.pop();
  if (free.length === 0) delete agent.freeSockets[name];
  if (socket === undefined) return undefined;
  (agent.sockets[name] ??= []).push(socket);
  return socket;
}

/** A free connection carries the next request. @param {net.Socket} socket @param {http.ClientRequest} req */
Agent.prototype.reuseSocket = function reuseSocket(socket, req) {
  unlisten(socket, 'error', freeSocketErrorListener);
  HostAgent.reuseSocket.call(this, socket, req);
};

// ---- and given back ----------------------------------------------------------------------------------------------------

/** An idle connection that fails is nobody's error. */
function freeSocketErrorListener() {
  this.destroy();
  this.emit('agentRemove');
}

/**
 * The usual case of 'free': a connection of the engine, whole and idle, that no request waits for and that may be kept.
 * @return {boolean} false: it is another case, and nothing has been done
 */
function giveBack(agent, socket, options) {
  const req = socket._httpMessage;
  if (!req?.shouldKeepAlive || !agent.keepAlive || !socket.writable || socket.connecting) return false;
  if (connectionOf(socket) === undefined || socket.readableLength > 0 || hasWaiting(agent) || agent.totalSocketCount > agent.maxTotalSockets) return false;
  const name = keyOf(agent, options);
  const free = agent.freeSockets[name];
  const used = agent.sockets[name];
  const kept = free === undefined ? 0 : free.length;
  if (kept >= agent.maxFreeSockets || kept + (used === undefined ? 0 : used.length) > agent.maxSockets) return false;
  debug('agent.on(free)', name);
  if (!agent.keepSocketAlive(socket)) {
    socket.destroy();
    return true;
  }
  socket._httpMessage = null;
  agent.removeSocket(socket, options);
  listen(socket, 'error', freeSocketErrorListener);
  // Whoever overrides these methods may have freed another one meanwhile.
  (agent.freeSockets[name] ??= []).push(socket);
  return true;
}

function hasWaiting(agent) {
  for (const name in agent.requests) if (agent.requests[name].length > 0) return true;
  return false;
}

/** The name under which `agent` keeps a connection made with `options`; Node has left it there. */
function keyOf(agent, options) {
  return agent.getName === HostAgent.getName && typeof options._agentKey === 'string' ? options._agentKey : agent.getName(options);
}

/** Lets go of a connection; a request that has waited gets a new one. @param {net.Socket} socket @param {object} options it was made with */
Agent.prototype.removeSocket = function removeSocket(socket, options) {
  if (!socket.writable || hasWaiting(this) || !ofAgent.removeSocket.isThere) {
    HostAgent.removeSocket.call(this, socket, options);
    return;
  }
  const name = keyOf(this, options);
  debug('removeSocket', name, 'writable:', socket.writable);
  const used = this.sockets[name];
  if (used === undefined) return;
  const at = indexOf(used, socket);
  if (at === -1) return;
  if (used.length === 1) delete this.sockets[name];
  else splice(used, at, 1);
};

/** Prepares a connection for idle time. @param {net.Socket} socket @return {boolean} false: the server is about to close it */
Agent.prototype.keepSocketAlive = function keepSocketAlive(socket) {
  if (!ofAgent.keepSocketAlive.isThere) return HostAgent.keepSocketAlive.call(this, socket);
  socket.setKeepAlive(true, this.keepAliveMsecs);
  socket.unref();
  let timeout = this.options.timeout || 0;
  const res = socket._httpMessage?.res;
  const hint = res && mayHave(res, KEEP_ALIVE_FIELD) ? TIMEOUT_HINT.exec(res.headers['keep-alive'])?.[1] : undefined;
  let canBeKept = true;
  if (hint) {
    // It must be closed here before the server does: a request that crosses the server's FIN is lost.
    const left = Number(hint) * 1000 - this.agentKeepAliveTimeoutBuffer;
    if (left <= 0) canBeKept = false;
    else if (left < timeout) timeout = left;
  }
  if (socket.timeout !== timeout) socket.setTimeout(timeout);
  return canBeKept;
};

/** As Node's: connections are kept for five seconds. @param {typeof Agent} Class @param {object} [proxyEnv] where a proxy may be named */
function newGlobalAgent(Class, proxyEnv) {
  return new Class({ keepAlive: true, scheduling: 'lifo', timeout: 5000, proxyEnv });
}

/** Who has a `globalAgent` for which scheme, and of which class. */
const holders = [];

/** @param {{ globalAgent: Agent }} holder gets one @param {object} host node:http or node:https, which may have been told of proxies by an option of the process @param {typeof Agent} Class */
function holdGlobalAgent(holder, host, Class) {
  holder.globalAgent = newGlobalAgent(Class, host.globalAgent?.options?.proxyEnv);
  holders.push({ holder, Class, scheme: holder.globalAgent.protocol });
}

/**
 * Sends requests without an agent of their own through the proxies that `env` names: ours, and, where Node can do it, those of fetch() and its own.
 * @param {object} [env] default: process.env
 * @return {() => void} puts everything back
 */
function setGlobalProxyFromEnv(env = process.env) {
  validateObject(env, 'proxyEnv');
  if (!namesProxy(env)) return () => {};
  const before = [];
  for (const { holder, Class, scheme } of each(holders)) {
    if (proxyUrl(env, scheme) === null) continue;
    before.push({ holder, agent: holder.globalAgent });
    holder.globalAgent = newGlobalAgent(Class, env);
  }
  const restoreHost = http.setGlobalProxyFromEnv?.(env);
  return function restore() {
    restoreHost?.();
    for (const { holder, agent } of each(before)) holder.globalAgent = agent;
  };
}

Object.assign(module.exports, { Agent, setGlobalProxyFromEnv, takeOptions, holdGlobalAgent, kIsAgent });
holdGlobalAgent(module.exports, http, Agent);
