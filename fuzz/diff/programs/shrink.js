'use strict';

/** Makes a program that differs as small as it gets while it differs in the same way. */

const TRIALS = 250;

const clone = (one) => JSON.parse(JSON.stringify(one));

/** The program without some part of it, or with a plainer one; the large parts first. */
function* simpler(one) {
  const changed = (change) => {
    const copy = clone(one);
    change(copy);
    return copy;
  };
  for (const n of one.peers.keys()) if (one.peers.length > 1) yield changed((copy) => copy.peers.splice(n, 1));
  for (const kind of Object.keys(one.handlers)) if (kind !== 'request') yield changed((copy) => delete copy.handlers[kind]);
  for (const what of Object.keys(one.watch)) yield changed((copy) => delete copy.watch[what]);
  if (one.looks) yield changed((copy) => delete copy.looks);
  if (Object.keys(one.server).length > 0) yield changed((copy) => (copy.server = {}));
  for (const [kind, lists] of Object.entries(one.handlers)) {
    for (const n of lists.keys()) if (lists[n].length > 1) yield changed((copy) => (copy.handlers[kind][n] = []));
  }
  for (const [n, { script, halfOpen }] of one.peers.entries()) {
    for (const at of script.keys()) if (script.length > 1) yield changed((copy) => copy.peers[n].script.splice(at, 1));
    if (halfOpen) yield changed((copy) => delete copy.peers[n].halfOpen);
  }
  for (const [kind, lists] of Object.entries(one.handlers)) {
    for (const [n, list] of lists.entries()) for (const at of list.keys()) yield changed((copy) => copy.handlers[kind][n].splice(at, 1));
  }
  for (const [what, events] of Object.entries(one.watch)) {
    for (const at of events.keys()) yield changed((copy) => copy.watch[what].splice(at, 1));
  }
  yield* plainer(one, changed);
}

/** The same steps and actions with fewer words. */
function* plainer(one, changed) {
  const lists = [...one.peers.map(({ script }, n) => [(copy) => copy.peers[n].script, script])];
  for (const [kind, entries] of Object.entries(one.handlers)) entries.forEach((list, n) => lists.push([(copy) => copy.handlers[kind][n], list]));
  for (const [find, list] of lists) {
    for (const [at, entry] of list.entries()) {
      for (const word of Object.keys(entry)) {
        if (['do', 'what', 'name', 'how', 'status', 'head', 'text', 'answers', 'rounds', 'msecs', 'event'].includes(word)) continue;
        if (word === 'size') {
          if (entry.size > 5) yield changed((copy) => (find(copy)[at].size = 5));
        } else yield changed((copy) => delete find(copy)[at][word]);
      }
      if (entry.do === 'request' && entry.method === 'POST' && entry.body !== undefined) {
        yield changed((copy) => {
          delete find(copy)[at].method;
          delete find(copy)[at].body;
          delete find(copy)[at].size;
        });
      }
    }
  }
}

/**
 * @param {object} one
 * @param {(one: object) => Promise<boolean>} differs
 * @return {Promise<object>}
 */
async function shrunk(one, differs) {
  let trials = 0;
  let tried = 0;
  // Goes on from the place of the last success, and is done when it has come round to it.
  for (let at = 0; trials < TRIALS; at++) {
    const candidates = [...simpler(one)];
    if (tried++ >= candidates.length) break;
    const candidate = candidates[at % candidates.length];
    trials += 1;
    if (!(await differs(candidate))) continue;
    one = candidate;
    tried = 0;
    at -= 1;
  }
  return one;
}

module.exports = { shrunk };
