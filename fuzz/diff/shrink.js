'use strict';

/** Makes a case that differs as small as it gets while it differs. */

/** Trials of one shrinking. */
const TRIALS = 600;

function without(one, from, to) {
  const gone = to - from;
  const cuts = one.cuts.map((cut) => (cut <= from ? cut : Math.max(from, cut - gone)));
  const text = one.text.slice(0, from) + one.text.slice(to);
  return { ...one, text, cuts: [...new Set(cuts)].filter((cut) => cut > 0 && cut < text.length) };
}

/** Simpler settings of a case, then the same with less text, in halves, quarters and so on down to single bytes. */
function* simpler(one) {
  if (one.cuts.length > 0) yield { ...one, cuts: [] };
  for (const cut of one.cuts) yield { ...one, cuts: one.cuts.filter((other) => other !== cut) };
  if (one.fin !== 'at once') yield { ...one, fin: 'at once' };
  if (one.side === 'request' && one.profile !== 'plain') yield { ...one, profile: 'plain' };
  if (one.side === 'response' && Object.keys(one.options).length > 0) yield { ...one, options: {} };
  if (one.side === 'response' && (one.request.method !== 'GET' || one.request.headers)) yield { ...one, request: { method: 'GET' } };
  if (one.over !== undefined && one.over.moment !== 'at once') yield { ...one, over: { ...one.over, moment: 'at once' } };
  if (one.over !== undefined && one.over.stream !== 'memory') yield { ...one, over: { ...one.over, stream: 'memory' } };
  const { length } = one.text;
  for (let size = length >> 1; size >= 1; size = size === 1 ? 0 : (size + 1) >> 1) {
    for (let from = 0; from < length; from += size) yield without(one, from, Math.min(length, from + size));
  }
}

/**
 * @param {object} one a case
 * @param {(one: object) => Promise<boolean>} differs
 * @return {Promise<object>} the smallest case found that still differs
 */
async function shrunk(one, differs) {
  let trials = 0;
  for (let found = true; found && trials < TRIALS;) {
    found = false;
    for (const candidate of simpler(one)) {
      if (candidate.text === '' || ++trials > TRIALS) continue;
      if (await differs(candidate)) {
        one = candidate;
        found = true;
        break;
      }
    }
  }
  return one;
}

module.exports = { shrunk };
