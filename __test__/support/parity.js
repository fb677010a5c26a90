'use strict';

/**
 * Parity cases: what turnout shows must be what node:http of Node 26 shows. On Node 26 both run here, side by side; elsewhere
 * Node 26's traces stand in `node26-traces.json` beside the cases, recorded by `npm run parity:record` with a Node 26. All cases are played
 * over TLS, too, on node:https and turnout/https: `node26-tls-traces.json` has what node:https shows and node:http does not.
 *
 * A case, of which trace.js tells, may have
 * - `better`: Node's behaviour is a defect, and turnout must show this instead;
 * - `nodeSteps`: steps for node:http where it would never get through the others;
 * - `since`: it is about what the running Node has from that major on.
 */

const fs = require('node:fs');
const path = require('node:path');
const { traceOf, PLAIN, TLS } = require('./trace');

const MAJOR = Number(process.versions.node.split('.')[0]);
const FOLDER = path.join(__dirname, '..', 'parity');
const END = '.test.js';
const SIDES = ['client', 'server'];

/** Cases that are not played over TLS, by `feature: title`, and why. */
const NOT_OVER_TLS = [
  [/^requests: (get\((string|URL)|options override the URL|credentials in the URL)/, 'their URLs are of http'],
  [/^options: (an Agent-like object|defaultPort and protocol)$/, 'they say http:'],
  [/^endings: socket\.end\(\) before it has connected$/, 'a TLSSocket that is ended before it has shaken hands says nothing'],
  [/^given-streams: /, 'the streams that are given speak no TLS'],
  [/^given-ways: /, 'their agents and connections are of http'],
  [/^given-sockets: /, "over TLS the server's own listener of 'connection' is tls.Server's, and its socket the one below TLS"],
  [/^connections: serves HTTP again over an upgraded socket$/, "it is given to emit('connection'), which would shake hands over it"],
  [/^options: .* a stream that is no socket and comes by emit\('connection'\)$/, 'the same'],
  [/^bad-input: garbage that is put into the socket in its 'connection' event, and then the peer's end$/, 'unshift() before the first read of a TLSSocket is the end of it in Node'],
  [/^endings: resetAndDestroy\(\) of an upgraded stream /, 'a TLSSocket throws ERR_INVALID_HANDLE_TYPE for it'],
  [/^paused-sockets: what was written before a reset leaves before it$/, 'the same'],
  [/^endings: destroy\(\) of an upgraded stream after a request that is never answered$/, 'what a TLSSocket has not encrypted when it is destroyed is lost'],
  [/^steps: (a response that is destroyed .*after its end|a request that is destroyed in a promise after its answer)/, 'the same: a plain socket has written it by then'],
  [/^pipelining: a response that waits and is destroyed with an error takes the connection down in its turn$/, 'which event comes first depends on when a TLSSocket has written'],
  [/^endings: many pipelined requests and FIN together: all are answered$/, 'how many are answered before the FIN depends on how much of them the engine has told by then'],
  [/^steps: (end\(\)|end\(\) without a chunk|write\(\)) in a promise after the end/, 'what they find depends on it as well'],
];

/** Cases in which turnout shows over TLS what it shows without, and node:https does not, and why. */
const AS_WITHOUT_TLS = [
  [/^options: joins the values of uniqueHeaders$/, 'node:https does not take the option, which its documentation says it does'],
  [/^connections: (close|closeIdleConnections)\(\) closes an unused connection whose first request is on its way$/, 'node:https tells of the request when the connection has been closed'],
  [/^bad-input: says nothing of a FIN in mid-body (behind|after) the last answer$/, 'node:https speaks of it, though nothing was to come behind that answer'],
];

/** Cases in which turnout does no better over TLS than node:https: after an upgrade the TLSSocket is its program's, and what this writes cannot be held. */
const NO_BETTER_OVER_TLS = [
  /^(pipelining: an upgrade (behind|after) answers that wait|upgrades: lets earlier responses leave before the 101)$/,
  /^endings: .*an upgraded stream (that is ended says|with nothing to say|that waits for (it|an answer)|(behind|after) a request that is never answered)/,
];

/** Cases in which https' agent, which is the running Node's, or its TLSSocket has a part, and does as that of Node 26 there alone. */
const NODE_26_ALONE = [/^(sockets: the server (resets|speaks on) an idle connection|responses: the answer comes before the request has ended)$/];

const isAmong = (list, feature, title) => list.some((one) => (one[0] ?? one).test(`${feature}: ${title}`));

/** What cases call http: https, and what only http has. */
const together = (https, http) => Object.defineProperties({}, { ...Object.getOwnPropertyDescriptors(http), ...Object.getOwnPropertyDescriptors(https) });

/** The ways in which cases are played: on whose modules, over what, where Node 26's traces stand, and which cases. */
const LANES = [
  { name: '', host: () => require('node:http'), ours: () => require('../..'), transport: PLAIN, sides: SIDES, record: 'node26-traces.json', plays: isHere },
  {
    name: ' over TLS',
    host: () => together(require('node:https'), require('node:http')),
    ours: () => together(require('../../https'), require('../..')),
    transport: TLS,
    sides: SIDES,
    record: 'node26-tls-traces.json',
    plays: (one, feature, title) => isHere(one) && !isAmong(NOT_OVER_TLS, feature, title) && (MAJOR >= 26 || !isAmong(NODE_26_ALONE, feature, title)),
  },
];
const [PLAIN_LANE] = LANES;
const isNoBetter = (feature, title, lane) => lane !== PLAIN_LANE && isAmong(NO_BETTER_OVER_TLS, feature, title);

/** By file, what parity() was given; outside jest that is all it does. */
const given = new Map();

function isHere(one) {
  return MAJOR >= (one.since ?? 0);
}

/** @param {string} side one of SIDES @param {object} lane one of LANES @return {string} the file with Node 26's traces */
const recordOf = (side, lane) => path.join(FOLDER, side, lane.record);
/** @return {Record<string, Record<string, string>>} traces by feature and title */
const readRecord = (side, lane) => JSON.parse(fs.readFileSync(recordOf(side, lane), 'utf8'));

/** @return {(feature: string, title: string) => string|undefined} what Node 26 shows of a case */
function recordedOf(side, lane) {
  const plain = readRecord(side, PLAIN_LANE);
  const own = lane === PLAIN_LANE ? plain : readRecord(side, lane);
  return (feature, title) => own[feature]?.[title] ?? plain[feature]?.[title];
}

/** @return {string|undefined} what turnout must show of a case */
function expectedOf(one, feature, title, lane, recorded) {
  if (lane !== PLAIN_LANE && isAmong(AS_WITHOUT_TLS, feature, title)) return readRecord('server', PLAIN_LANE)[feature]?.[title];
  if (isNoBetter(feature, title, lane)) return recorded(feature, title);
  return one.better ?? recorded(feature, title);
}

const asOfNode = (one) => (one.nodeSteps ? { ...one, steps: one.nodeSteps } : one);
const traceOfNode = (one, lane) => traceOf(lane.host(), asOfNode(one), lane.transport);
/** Where turnout does no better it takes Node's steps. */
const traceOfTurnout = (one, feature, title, lane) => traceOf(lane.ours(), isNoBetter(feature, title, lane) ? asOfNode(one) : one, lane.transport);

/**
 * Defines the tests of one feature; they are named by the file.
 * @param {string} file its `__filename`
 * @param {Record<string, object>} cases by title
 */
function parity(file, cases) {
  given.set(file, cases);
  if (typeof describe !== 'function') return;
  const side = path.basename(path.dirname(file));
  const feature = path.basename(file, END);
  for (const lane of LANES.filter(({ sides }) => sides.includes(side))) {
    const recorded = recordedOf(side, lane);
    describe(`${path.relative(path.join(FOLDER, '..', '..'), file)}${lane.name}`, () => {
      for (const [title, one] of Object.entries(cases)) {
        (lane.plays(one, feature, title) ? it : it.skip)(title, async () => {
          const expected = expectedOf(one, feature, title, lane, recorded);
          expect(expected).toBeDefined();
          expect(await traceOfTurnout(one, feature, title, lane)).toBe(expected);
          if (MAJOR >= 26) expect(await traceOfNode(one, lane)).toBe(recorded(feature, title));
        });
      }
    });
  }
}

/** @return {string[]} exceptions that no case has any more */
function staleExceptions() {
  const all = SIDES.flatMap((side) => featuresOf(side).flatMap(({ feature, cases }) => Object.keys(cases).map((title) => `${feature}: ${title}`)));
  const patterns = [...NOT_OVER_TLS, ...AS_WITHOUT_TLS, ...NO_BETTER_OVER_TLS, ...NODE_26_ALONE].map((one) => one[0] ?? one);
  return patterns.filter((pattern) => !all.some((name) => pattern.test(name))).map(String);
}

/** @return {Array<{feature: string, cases: Record<string, object>}>} all of one side, outside jest */
function featuresOf(side) {
  const folder = path.join(FOLDER, side);
  return fs.readdirSync(folder).filter((name) => name.endsWith(END)).sort().map((name) => {
    const file = path.join(folder, name);
    require(file);
    return { feature: path.basename(name, END), cases: given.get(file) };
  });
}

module.exports = { parity, featuresOf, expectedOf, recordedOf, recordOf, traceOfNode, traceOfTurnout, staleExceptions, LANES, SIDES };
