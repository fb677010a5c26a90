'use strict';

/** Differences of programs that are meant, each with the words of its row in docs/compatibility.md. */

const asksForChange = (step) => step.do === 'request' && (step.method === 'CONNECT' || /Upgrade: x/.test(step.fields));
const onTheWire = (name) => /^peer \d+ (answer|answers|rest|ended)/.test(name);

const breaksProtocol = ({ do: what, part }) => what === 'text' || what === 'raw' || part !== undefined;
const saysLast = ({ fields, version }) => version === '1.0' || /Connection: close/.test(fields);
/** Peers that send something malformed, or anything after a request that was to be the last: that is an error as well. */
const breakers = ({ peers }) => peers.flatMap(({ script }, n) => (script.some(breaksProtocol) || script.slice(0, -1).some(saysLast) ? [n] : []));
const throwsAtOnce = ({ handlers }) => Object.values(handlers).flat(2).some((action) => action.do === 'throw');
/** What is said of one peer: its wire, its messages, their calls. */
const belongsTo = (peers) => (name) => peers.some((n) => name.startsWith(`peer ${n} answer`) || new RegExp(`^(call )?${n}[a-h]`).test(name));

const ALLOWED = {
  // That what waits after an answer has not come is the same difference; that it is said to have left is not.
  'Responses pipelined ahead of an accepted upgrade: written after the 101, into the new protocol'({ one, names, node }) {
    return names.every((name) => onTheWire(name) || / res\.|req\./.test(name)) && one.peers.some(({ script }, n) => {
      const requests = script.filter((step) => step.do === 'request');
      const early = Object.entries(node).some(([name, value]) => name.startsWith(`peer ${n} `) && value.includes('HTTP/1.1 101'));
      return early && requests.findIndex(asksForChange) > 0;
    });
  },

  'order of answers when a bad request follows a good one in a packet: the good one may be answered before the error'({ one, names, node, turnout }) {
    const peers = breakers(one);
    const refused = peers.some((n) => Object.entries(node).some(([name, value]) => name.startsWith(`peer ${n} answer`) && value.startsWith('HTTP/1.1 400')));
    return refused && names.every(belongsTo(peers)) && peers.every((n) => Number(turnout[`peer ${n} answers`]) >= Number(node[`peer ${n} answers`]));
  },

  'end() and write() callbacks of a response that was not sent: never called'({ names, node, turnout }) {
    return names.every((name) => /^call .* callback$/.test(name) && node[name] === undefined && turnout[name] === 'ERR_STREAM_DESTROYED');
  },

  'A listener of \'request\' throws and the process lives on: node:http answers the next request 400'({ one, names }) {
    return throwsAtOnce(one) && !names.some((name) => /^(process|the stage|wire:|closed|serves)/.test(name));
  },
};

/** @return {string|undefined} which entry allows the difference */
function allowedAs(difference) {
  return Object.keys(ALLOWED).find((name) => ALLOWED[name](difference));
}

module.exports = { allowedAs };
