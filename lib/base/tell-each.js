'use strict';

const { nextTick } = require('./primordials');

/**
 * Tells everybody in a list, even if a listener of one of them throws: the exception leaves at once, and the rest are told in a tick of
 * their own.
 * @param {Array} list
 * @param {(one: *, context: *) => void} tell
 * @param {*} [context]
 * @param {number} [from]
 */
function tellEach(list, tell, context, from = 0) {
  let at = from;
  try {
    for (; at < list.length; at++) tell(list[at], context);
  } finally {
    if (at + 1 < list.length) nextTick(tellEach, list, tell, context, at + 1);
  }
}

module.exports = { tellEach };
