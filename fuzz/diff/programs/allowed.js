'use strict';

/** Differences of programs that are meant, each with the words of its row in docs/compatibility.md. */

const asksForChange = (step) => step.do === 'request' && (step.method === 'CONNECT' || /Upgrade: x/.test(step.fields));
const onTheWire = (name) => /^peer \d+ (answer|answers|rest|ended)/.test(name);

const ALLOWED = {
  // That what waits behind an answer has not come is the same difference; that it is said to have left is not.
  'Responses pipelined ahead of an accepted upgrade: written after the 101, into the new protocol'({ one, names, node }) {
    return names.every((name) => onTheWire(name) || / res\.|req\./.test(name)) && one.peers.some(({ script }, n) => {
      const requests = script.filter((step) => step.do === 'request');
      const early = /^HTTP\/1.1 101/.test(node[`peer ${n} answer 0 head`]) || /HTTP\/1.1 101/.test(node[`peer ${n} rest`]);
      return early && requests.findIndex(asksForChange) > 0;
    });
  },
};

/** @return {string|undefined} which entry allows the difference */
function allowedAs(difference) {
  return Object.keys(ALLOWED).find((name) => ALLOWED[name](difference));
}

module.exports = { allowedAs };
