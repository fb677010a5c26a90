'use strict';

/**
 * Messages that others have derived an object from: Object.create(req), a Proxy, an object whose prototype a message was made. Methods and
 * accessors then run on the derived object. Node makes all of a message at once, so that what a message consists of is the message's own; ours
 * makes much of it late, and must not make it on the derived object, where nobody else would find it.
 */

const { each } = require('../base/primordials');
const { kEvents, kOwner } = require('../base/symbols');

/** @param {object} message one of ours, or what was derived from it @return {object} the message itself */
function ownerOf(message) {
  return message[kOwner] ?? message;
}

/** Whether `message` is no message but an object derived from one; a proxy that shows everything through further proxies is its own. */
function isDerived(message) {
  const owner = message[kOwner];
  return owner !== message && owner !== undefined && owner[kOwner] === owner;
}

/** What is found out about a message while its head is built, and what its end needs to know. */
const FRAMING = ['_last', '_hasBody', '_contentLength', '_trailer', 'chunkedEncoding', 'shouldKeepAlive', 'strictContentLength'];

/** A derived object has built the head, or ends the message: its word counts. */
function takeFraming(owner, derived) {
  for (const name of each(FRAMING)) owner[name] = derived[name];
}

/**
 * The table of listeners, which EventEmitter assigns with the first one. Node's message is born with it: the first one becomes the message's, a
 * later one stays with the object that it is assigned to.
 */
const eventsAccessor = {
  get() {
    return this[kEvents];
  },
  set(events) {
    const owner = ownerOf(this);
    if (owner[kEvents] === undefined) owner[kEvents] = events;
    else this[kEvents] = events;
  },
};

module.exports = { ownerOf, isDerived, takeFraming, eventsAccessor };
