'use strict';

/** https' request() and get(): a ClientRequest whose agent, where none is named, is https' own. */

const tls = require('node:tls');
const { URL, urlToHttpOptions } = require('node:url');
const { ClientRequest } = require('./client-request');
const agents = require('./https-agent');
const { Object } = require('../base/primordials');
const { isURL } = require('../base/validators');

/**
 * Whether a request is one of https an agent may tell by the stack alone (agent-base does, on which most agents of packages are built), where it
 * looks for the name of Node's file: no other frame of ours would have it.
 */
const maker = {
  ['node:https:request'](options, args) {
    return new ClientRequest(options, ...args);
  },
};

/** How many requests have come with a way of their own to verify the server. */
let ownChecks = 0;

/** @return {boolean} whether the agent verifies servers in a way of its own already, for all its requests */
function isCheckedByAgent({ agent, createConnection }) {
  if (agent === false) return false;
  if (agent != null) return agent.options?.checkServerIdentity !== undefined;
  return typeof createConnection !== 'function' && agents.globalAgent?.options?.checkServerIdentity !== undefined;
}

/** (url[, options][, callback]) or (options[, callback]). @return {ClientRequest} */
function request(...args) {
  let options = {};
  if (typeof args[0] === 'string') options = urlToHttpOptions(new URL(args.shift()));
  else if (isURL(args[0])) options = urlToHttpOptions(args.shift());
  if (args[0] && typeof args[0] !== 'function') Object.assign(options, args.shift());
  const { kPerRequestCheck } = agents;
  const { checkServerIdentity } = options;
  if (kPerRequestCheck !== undefined && checkServerIdentity !== undefined && checkServerIdentity !== tls.checkServerIdentity && !isCheckedByAgent(options)) {
    // A connection that was verified otherwise is not for this request, nor this one's for others.
    options[kPerRequestCheck] = ++ownChecks;
  }
  options._defaultAgent = agents.globalAgent;
  return maker['node:https:request'](options, args);
}

/** request() whose end() has been called. @return {ClientRequest} */
function get(url, options, callback) {
  const req = request(url, options, callback);
  req.end();
  return req;
}

module.exports = { request, get };
