'use strict';

/** The whole face of one implementation: exports, classes, objects in every phase, options; `place › member` → what is there. */

const { describe, describeListeners } = require('./describe');
const { walkPhases, makeByHand } = require('./phases');
const { optionsOf } = require('./options');

const CLASSES = ['Agent', 'ClientRequest', 'IncomingMessage', 'OutgoingMessage', 'Server', 'ServerResponse'];

/** Inner objects that the ecosystem reads. */
const INNER = ['_readableState', '_writableState'];

/**
 * @param {object} http
 * @param {object[]} [others] faces it will be compared with: what they tell of a place is told of this one
 * @return {Promise<Record<string, {value: string, form: string, flags: string, own: boolean}>>}
 */
async function faceOf(http, others = []) {
  const face = {};
  const tell = (place, object, isPrototype = false) =>
    add(place, describe(object, { isPrototype, asked: (name) => others.some((other) => other[`${place} › ${name}`] !== undefined) }));
  const add = (place, members) => {
    for (const [name, member] of Object.entries(members)) face[`${place} › ${name}`] = member;
  };
  tell('http', http);
  for (const name of CLASSES) {
    tell(name, http[name]);
    tell(`${name}.prototype`, http[name].prototype, true);
  }
  const see = (name, object) => {
    // Before a look at anything else creates it.
    add(`${name}, listeners`, describeListeners(object));
    tell(name, object);
    for (const inner of INNER) if (object[inner]) tell(`${name}.${inner}`, object[inner]);
  };
  makeByHand(http, see);
  await walkPhases(http, see);
  add('option', optionsOf(http));
  return face;
}

module.exports = { faceOf };
