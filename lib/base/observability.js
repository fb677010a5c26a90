'use strict';

/**
 * What Node's server tells its observers, told for ours: diagnostics_channel, perf_hooks, trace events, NODE_DEBUG=http. Upgrades, which Node tells
 * nothing about, have two channels of their own. Nobody who does not listen pays more than a property read.
 */

const diagnostics = require('node:diagnostics_channel');
const http = require('./host-http');
const observed = require('./observers');
const { debuglog } = require('node:util');
const { channels, isMeasured, listenChannel: serverListen, silently } = require('./node-internals');
const { kEntry } = require('./symbols');

const { requestStart, responseCreated, responseFinish, serverSocket } = channels;
/** `{ request, socket, head, server }`, before 'upgrade' or 'connect' is emitted. */
const upgradeStart = diagnostics.channel('http.server.upgrade.start');
/** `{ request, socket, server }`, when the upgraded socket has closed. */
const upgradeEnd = diagnostics.channel('http.server.upgrade.end');

const debug = debuglog('http');

/**
 * Whether somebody may observe entries of type 'http' or trace events. Node makes them for its own responses alone, so that ours borrow one of
 * Node's to be measured by; once asked for they are made until the end of the process, which costs only whoever asked.
 */
observed.http ||= responseCreated.hasSubscribers || isTraced() || hasObserver();

/** Whether trace events of node:http are written: its responses do that, too. */
function isTraced() {
  try {
    const categories = require('node:trace_events').getEnabledCategories()?.split(',') ?? [];
    return categories.includes('node.http') || categories.includes('node');
  } catch {
    // Not in this build, or not in this thread.
    return false;
  }
}

/** A server begins to listen: tracing may have been switched on since. */
function listening() {
  observed.http ||= isTraced();
}

/** Node marks a response that it measures with a symbol of its own. */
function hasObserver() {
  return isMeasured(new http.ServerResponse({ method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1, headers: {} }));
}

/** A response of ours has been made. */
function created(request, response) {
  if (responseCreated.hasSubscribers) responseCreated.publish({ request, response });
  if (!observed.http) return;
  const { method, url, headers, httpVersionMajor, httpVersionMinor } = request;
  silently(responseCreated, () => {
    response[kEntry] = new http.ServerResponse({ method, url, headers, httpVersionMajor, httpVersionMinor });
  });
  response[kEntry].getHeaders = () => response.getHeaders();
}

/** The response's last byte has been handed over: the entry is complete. */
function measured(response) {
  const entry = response[kEntry];
  response[kEntry] = undefined;
  entry.statusCode = response.statusCode;
  entry.statusMessage = response.statusMessage;
  entry.socket = response.socket ?? {};
  entry._finish();
}

/** A request is about to be emitted. `connection.socket` is made only for those who listen. */
function started(connection, request, response) {
  if (requestStart.hasSubscribers) requestStart.publish({ request, response, socket: connection.socket, server: connection.server });
}

function finished(connection, response) {
  if (response[kEntry] !== undefined) measured(response);
  if (responseFinish.hasSubscribers) {
    responseFinish.publish({ request: response.req, response, socket: connection.socket, server: connection.server });
  }
}

function upgraded(connection, request, socket, head) {
  debug('SERVER upgrade to %s', request.headers.upgrade ?? request.method);
  const { server } = connection;
  if (upgradeEnd.hasSubscribers) connection.socket.once('close', () => upgradeEnd.publish({ request, socket, server }));
  if (upgradeStart.hasSubscribers) upgradeStart.publish({ request, socket, head, server });
}

module.exports = { listening, created, started, finished, upgraded, serverSocket, serverListen, debug, isObserved: () => observed.http };
