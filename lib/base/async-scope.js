'use strict';

/**
 * Async scopes of handlers: what a handler does to AsyncLocalStorage (`enterWith`) ends with it, and the next handler of the same turn
 * starts from the context of listen(), as node:http's does. Since Node 24 the store is a frame that
 * AsyncResource.runInAsyncScope exchanges, so one resource serves everybody; before, the store hangs on the resource itself,
 * so every handler needs its own.
 */

const { AsyncResource } = require('node:async_hooks');
const { Number } = require('./primordials');

const NO_DESTROY_HOOK = { requireManualDestroy: true };
const framed = Number(process.versions.node.split('.')[0]) >= 24;

/** @return {AsyncResource} the context of a server, taken when it starts to listen */
function createScope() {
  return new AsyncResource('TURNOUTSERVER', NO_DESTROY_HOOK);
}

/** Calls `fn(a, b, c, d)` in a scope of its own below `scope`. */
const runInScope = framed
  ? (scope, fn, a, b, c, d) => scope.runInAsyncScope(fn, undefined, a, b, c, d)
  : (scope, fn, a, b, c, d) => scope.runInAsyncScope(runInOwnResource, undefined, fn, a, b, c, d);

function runInOwnResource(fn, a, b, c, d) {
  return new AsyncResource('HTTPINCOMINGMESSAGE', NO_DESTROY_HOOK).runInAsyncScope(fn, undefined, a, b, c, d);
}

module.exports = { createScope, runInScope };
