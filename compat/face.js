'use strict';

/** The whole face of one implementation: exports, classes, objects in every phase, options; `place › member` → what is there. */

const { describe, describeListeners } = require('./describe');
const { walkPhases, walkForeignAgent, walkGivenStreams, walkSecurePhases, makeByHand } = require('./phases');
const { optionsOf } = require('./options');

const CLASSES = ['Agent', 'ClientRequest', 'IncomingMessage', 'OutgoingMessage', 'Server', 'ServerResponse'];

const SECURE_CLASSES = ['Agent', 'Server'];

/** Inner objects that the ecosystem reads. */
const INNER = ['_readableState', '_writableState'];

/**
 * @param {{http: object, https: object|null}} implementation
 * @param {object[]} [others] faces it will be compared with: what they tell of a place is told of this one
 * @return {Promise<Record<string, {value: string, form: string, flags: string, own: boolean}>>}
 */
async function faceOf({ http, https }, others = []) {
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
  const seeOver = (what) => (name, object) => see(`${name}, over ${what}`, object);
  await walkGivenStreams(http, seeOver('a stream'));
  await walkForeignAgent(http, seeOver('a foreign agent'));
  if (https !== null) {
    tell('https', https);
    for (const name of SECURE_CLASSES) {
      tell(`https.${name}`, https[name]);
      tell(`https.${name}.prototype`, https[name].prototype, true);
    }
    await walkSecurePhases(https, seeOver('TLS'));
  }
  add('option', optionsOf(http));
  return face;
}

/** @return {object} a face without what https has of it */
function withoutHttps(face) {
  return Object.fromEntries(Object.entries(face).filter(([path]) => !/^https\b|, over TLS\b/.test(path)));
}

module.exports = { faceOf, withoutHttps };
