'use strict';

/**
 * Messages that others have derived an object from: Object.create(req), a Proxy, an object whose prototype a message was made. Methods and
 * accessors then run on the derived object. Node makes all of a message at once, so that what a message consists of is the message's own; ours
 * makes much of it late, and must not make it on the derived object, where nobody else would find it.
 */

const { kEvents, kOwner } = require('./symbols');

/** @param {object} message one of ours, or what was derived from it @return {object} the message itself */
function ownerOf(message) {
  return message[kOwner] ?? message;
}

/**
 * The table of listeners, which EventEmitter assigns with the first one. Node's message is born with it: the first one becomes the message's, a
 * later one its who assigns it.
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

module.exports = { ownerOf, eventsAccessor };
