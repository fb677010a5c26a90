'use strict';

/**
 * Where node:http's messages and ours meet on one prototype. express makes `app.request` and `app.response` from the classes of the
 * `http` it required and puts them under the messages of every server it is given:
 *
 *   - with node:http's classes (no `turnout/register`) our messages would lose everything that is lazy: `rebaseFrameworks` puts our
 *     prototypes, which inherit from Node's, in between;
 *   - then messages that Node made (an app that a server of node:http or node:https calls, too; HTTP/1 of an http2 server) stand on our
 *     prototypes: `shareWithHost` lets Node's methods answer for them. It is done when it is first needed, so that nobody else pays for
 *     the question.
 */

const http = require('../base/host-http');
const { IncomingMessage, isHostRequest } = require('../message/incoming-message');
const { Object, Reflect } = require('../base/primordials');
const { ServerResponse } = require('./server-response');
const { kSink } = require('../base/symbols');

let shared = false;

/** Makes our prototypes serve messages of node:http, too. */
function shareWithHost() {
  if (shared) return;
  shared = true;
  share(IncomingMessage.prototype, http.IncomingMessage.prototype, isHostRequest);
  share(ServerResponse.prototype, http.ServerResponse.prototype, isHostResponse);
}

/** Every response of ours is born with the field. */
function isHostResponse(message) {
  return message[kSink] === undefined;
}

/** Wraps what both prototypes have under the same name; what only ours has, Node's code does not call. */
function share(ours, host, isHost) {
  for (const name of Reflect.ownKeys(ours)) {
    const own = Object.getOwnPropertyDescriptor(ours, name);
    // `_events` is every emitter's, and Node's messages have one of their own.
    if (name === 'constructor' || name === '_events' || !own.configurable || !(name in host)) continue;
    if (typeof own.value === 'function') Object.defineProperty(ours, name, { ...own, value: sharedMethod(own.value, host[name], isHost) });
    else if (own.get) Object.defineProperty(ours, name, { ...own, ...sharedAccessor(own, host, name, isHost) });
  }
}

function sharedMethod(own, host, isHost) {
  // Four parameters are the most that any of them has.
  const method = function (a, b, c, d) {
    return isHost(this) ? host.apply(this, arguments) : own.call(this, a, b, c, d);
  };
  return Object.defineProperties(method, {
    name: { value: own.name, configurable: true },
    length: { value: own.length, configurable: true },
  });
}

function sharedAccessor(own, host, name, isHost) {
  return {
    get() {
      return isHost(this) ? Reflect.get(host, name, this) : own.get.call(this);
    },
    set:
      own.set &&
      function (value) {
        if (isHost(this)) Reflect.set(host, name, value, this);
        else own.set.call(this, value);
      },
  };
}

/**
 * Puts our prototypes under those of the frameworks that are among the listeners, or have been loaded and may be called by one.
 * @param {Function[]} listeners of 'request'
 */
function rebaseFrameworks(listeners) {
  for (const listener of listeners) rebaseFramework(listener);
  for (const file in require.cache) {
    const { exports } = require.cache[file] ?? {};
    if (typeof exports === 'function') rebaseFramework(exports);
  }
}

/** @param {Function} framework express itself or an app of it: `request` and `response` are prototypes of messages */
function rebaseFramework(framework) {
  const request = own(framework, 'request');
  const response = own(framework, 'response');
  if (request === undefined || response === undefined) return;
  if (rebase(request, http.IncomingMessage.prototype, IncomingMessage.prototype)) shareWithHost();
  if (rebase(response, http.ServerResponse.prototype, ServerResponse.prototype)) shareWithHost();
}

/**
 * A class of messages that a program has made of node:http's is one of ours, where ours is asked for.
 * @param {Function} Class option of createServer()
 * @param {Function} host node:http's class
 * @param {Function} ours
 * @return {Function|null} null: it is ours itself
 */
function messageClass(Class, host, ours) {
  if (!Class || Class === ours || Class === host) return null;
  if (typeof Class?.prototype !== 'object' || !rebase(Class.prototype, host.prototype, ours.prototype)) return Class;
  shareWithHost();
  for (let at = Class; at !== null; at = Object.getPrototypeOf(at)) {
    if (Object.getPrototypeOf(at) !== host) continue;
    Object.setPrototypeOf(at, ours);
    break;
  }
  return Class;
}

/** @return {object|undefined} the property's value; no getter of a stranger is run */
function own(object, name) {
  const value = Object.getOwnPropertyDescriptor(object, name)?.value;
  return typeof value === 'object' && value !== null ? value : undefined;
}

/** @return {boolean} whether the chain of `object` led to `host` past `ours`, and now does not */
function rebase(object, host, ours) {
  for (let at = object; at !== null; at = Object.getPrototypeOf(at)) {
    const next = Object.getPrototypeOf(at);
    if (at === ours || next === ours) return false;
    if (next !== host) continue;
    Object.setPrototypeOf(at, ours);
    return true;
  }
  return false;
}

module.exports = { messageClass, rebaseFrameworks, shareWithHost };
