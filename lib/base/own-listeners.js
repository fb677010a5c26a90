'use strict';

/**
 * on() and removeListener() for listeners that come and go with every request, on sockets where hardly anybody else listens. What
 * EventEmitter does in the simple cases is done without it; it is asked in all others, and where somebody listens for 'newListener'.
 */

const { keepsListenerSlots } = require('./node-internals');

/** @param {import('events').EventEmitter} emitter @param {string} event @param {Function} listener */
function listen(emitter, event, listener) {
  const events = emitter._events;
  const present = events?.[event];
  if (events === undefined || events.newListener !== undefined || typeof present === 'object') {
    emitter.on(event, listener);
  } else if (present === undefined) {
    events[event] = listener;
    emitter._eventsCount++;
  } else {
    events[event] = [present, listener];
  }
}

/** @param {import('events').EventEmitter} emitter @param {string} event @param {Function} listener */
function unlisten(emitter, event, listener) {
  const events = emitter._events;
  const present = events?.[event];
  if (present === undefined) return;
  if (events.removeListener === undefined) {
    if (present === listener && keepsListenerSlots) {
      events[event] = undefined;
      emitter._eventsCount--;
      return;
    }
    // A pair is not changed but replaced: it may be just the one that is being called.
    if (present.length === 2 && typeof present === 'object' && present[1] === listener) {
      events[event] = present[0];
      return;
    }
  }
  emitter.removeListener(event, listener);
}

module.exports = { listen, unlisten };
