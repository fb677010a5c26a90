'use strict';

/** What a seeded hand does to a well-formed text, and where it cuts it into writes. Text is latin1. */

const BYTES = ['\0', '\x01', '\t', '\n', '\r', '\r\n', '\x0b', '\x0c', '\x1f', ' ', '"', '\\', ',', ':', ';', '=', '/', '\x7f', '\x80', '\xa0', '\xff', '0', '5', 'f', 'z'];

/** Long enough to pass 16 KiB with what else stands in a head, or just not. */
const LONG = [250, 4_000, 15_000, 16_200, 16_384, 17_000, 40_000];

const MUTATIONS = [
  (text, at, random) => text.slice(0, at) + random.pick(BYTES) + text.slice(at),
  (text, at, random) => text.slice(0, at) + random.pick(BYTES) + text.slice(at + 1),
  (text, at, random) => text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1),
  (text, at) => text.slice(0, at) + text.slice(at + 1),
  (text, at, random) => text.slice(0, at) + text.slice(at + 1 + random.below(8)),
  (text, at, random) => text.slice(0, at) + text.slice(at, at + 1 + random.below(12)) + text.slice(at),
  (text, at) => text.slice(0, at),
  (text, at) => text.slice(0, at) + text.slice(at).replace('\r\n', '\n'),
  (text, at) => text.slice(0, at) + text.slice(at).replace('\r\n', '\r'),
];

/** @return {string} `text` with `count` places changed */
function mutated(text, count, random) {
  for (let n = 0; n < count && text !== ''; n++) text = random.pick(MUTATIONS)(text, random.below(text.length), random);
  return text === '' ? 'x' : text;
}

/** @return {number[]} where the text is cut into writes; most are not */
function cuts(text, random) {
  if (random.below(5) < 3 || text.length < 2) return [];
  const count = text.length < 60 && random.oneIn(4) ? text.length : 1 + random.below(4);
  const places = new Set();
  for (let n = 0; n < count; n++) places.add(count === text.length ? n : 1 + random.below(text.length - 1));
  places.delete(0);
  return [...places].sort((a, b) => a - b);
}

module.exports = { LONG, cuts, mutated };
