'use strict';

/**
 * What Node's client tells its observers, told for ours: diagnostics_channel, perf_hooks, NODE_DEBUG=http. Nobody who does not listen
 * pays more than a property read.
 *
 * An entry of type 'http' can only be made by node:http's own ClientRequest. So its methods are called on a substitute: an object that has what an
 * entry is made of. They would also tell the diagnostics channels of the substitute, so these are silent meanwhile; of the real request we tell them.
 */

const { Duplex } = require('node:stream');
const { URL } = require('node:url');
const http = require('../base/host-http');
const { authoritySymbolOf, channels, silently } = require('../base/node-internals');
const { isObserved, debug } = require('../base/observability');
const { Object } = require('../base/primordials');
const { kEntry } = require('../base/symbols');

const {
  clientRequestCreated: createdChannel,
  clientRequestStart: startChannel,
  clientResponseFinish: finishChannel,
  clientRequestError: errorChannel,
} = channels;

/** Under which Node keeps a request's authority, and what it calls with a response. */
let kHostAuthority;
let onHostResponse = null;

/** A request of Node's that is never sent shows both; the second when it gets its connection, on the next tick. */
function learn() {
  const createConnection = () => new Duplex({ read() {}, write() {} });
  silently(createdChannel, () => {
    const probe = new http.ClientRequest({ createConnection });
    kHostAuthority = authoritySymbolOf(probe) ?? Symbol('turnout.none');
    probe.on('socket', () => {
      onHostResponse = probe.parser.onIncoming;
    });
  });
}

/** The clock of an entry starts. @param {string} authority @param {boolean} isWholeUrl whether the path names it already @return {object} the substitute */
function startEntry(req, authority, isWholeUrl) {
  if (kHostAuthority === undefined) learn();
  let { path } = req;
  if (isWholeUrl) {
    const { host, origin } = new URL(path);
    authority = host;
    path = path.slice(origin.length);
  }
  const entry = Object.create(http.ClientRequest.prototype, { path: { value: path } });
  // Before Node 24 the address of an entry is made with `host`.
  Object.assign(entry, { method: req.method, protocol: req.protocol, host: authority, [kHostAuthority]: authority, socket: {} });
  entry.getHeaders = () => req.getHeaders();
  silently(startChannel, () => http.ClientRequest.prototype._finish.call(entry));
  return entry;
}

/** The entry is complete. */
function endEntry(entry, { statusCode, statusMessage, headers }) {
  if (onHostResponse === null) return;
  entry.emit = () => true;
  entry.on = () => {};
  const socket = { _httpMessage: entry, on() {} };
  silently(finishChannel, () => onHostResponse.call({ socket }, { statusCode, statusMessage, headers, on() {} }, true));
}

/** A request has been made, and an agent has it. */
function created(request) {
  if (createdChannel.hasSubscribers) createdChannel.publish({ request });
}

/** A request has been handed over whole. @param {string} authority where to @param {boolean} isWholeUrl whether its path names that already */
function sent(request, authority, isWholeUrl) {
  debug('outgoing message end.');
  if (isObserved()) request[kEntry] = startEntry(request, authority, isWholeUrl);
  if (startChannel.hasSubscribers) startChannel.publish({ request });
}

/** The head of the final response is there. */
function responded(request, response) {
  debug('AGENT incoming response!');
  const entry = request[kEntry];
  if (entry !== undefined) {
    request[kEntry] = undefined;
    endEntry(entry, response);
  }
  if (finishChannel.hasSubscribers) finishChannel.publish({ request, response });
}

/** A request is about to emit 'error'. */
function failed(request, error) {
  if (errorChannel.hasSubscribers) errorChannel.publish({ request, error });
}

module.exports = { created, sent, responded, failed, debug };
