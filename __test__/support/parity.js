'use strict';

/**
 * Parity cases: what turnout shows must be what node:http of Node 26 shows. On Node 26 both run here, side by side; elsewhere
 * Node 26's traces stand in `node26-traces.json` beside the cases, recorded by `npm run parity:record` with a Node 26. The server's cases are played
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

/**
 * Whether the engine speaks HTTP over TLS. While node:http does it inside turnout, what is seen over TLS is what the running Node shows, whichever
 * that is, and nothing is better.
 */
const ENGINE_OVER_TLS = false;
/** What node:http within turnout is not told of. */
const UNTOLD = /^httpAllowHalfOpen: |changed while it listens$/;

/** Cases that are not played over TLS, by `feature: title`, and why. */
const NOT_OVER_TLS = [
  [/^given-sockets: /, "over TLS the server's own listener of 'connection' is tls.Server's, and its socket the one below TLS"],
  [/^connections: serves HTTP again over an upgraded socket$/, "it is given to emit('connection'), which would shake hands over it"],
  [/^options: .* a stream that is no socket and comes by emit\('connection'\)$/, 'the same'],
  [/^bad-input: garbage that is put into the socket in its 'connection' event, and then the peer's end$/, 'unshift() before the first read of a TLSSocket is the end of it in Node'],
  [/^endings: resetAndDestroy\(\) of an upgraded stream /, 'a TLSSocket throws ERR_INVALID_HANDLE_TYPE for it'],
  [/^paused-sockets: what was written before a reset leaves before it$/, 'the same'],
  [/^endings: destroy\(\) of an upgraded stream after a request that is never answered$/, 'what a TLSSocket has not encrypted when it is destroyed is lost'],
  [/^steps: (a response that is destroyed .*after its end|a request that is destroyed in a promise after its answer)/, 'the same: a plain socket has written it by then'],
  [/^steps: (end\(\)|end\(\) without a chunk|write\(\)) in a promise after the end/, 'what they find depends on it as well'],
];

/** Cases in which turnout shows over TLS what it shows without, and node:https does not, and why. */
const AS_WITHOUT_TLS = [[/^options: joins the values of uniqueHeaders$/, 'node:https does not take the option, which its documentation says it does']];

const isAmong = (list, feature, title) => list.some(([pattern]) => pattern.test(`${feature}: ${title}`));

/** The ways in which cases are played: on whose modules, over what, where Node 26's traces stand, which cases, and which of them turnout can play. */
const LANES = [
  { name: '', host: 'node:http', ours: () => require('../..'), transport: PLAIN, sides: SIDES, record: 'node26-traces.json', plays: isHere, serves: () => true },
  {
    name: ' over TLS',
    host: 'node:https',
    ours: () => require('../../https'),
    transport: TLS,
    sides: ['server'],
    record: 'node26-tls-traces.json',
    plays: (one, feature, title) => isHere(one) && !isAmong(NOT_OVER_TLS, feature, title),
    serves: (one, title) => ENGINE_OVER_TLS || (MAJOR >= 26 && !one.better && !UNTOLD.test(title)),
  },
];
const [PLAIN_LANE] = LANES;

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
  return one.better ?? recorded(feature, title);
}

const traceOfNode = (one, lane) => traceOf(require(lane.host), one.nodeSteps ? { ...one, steps: one.nodeSteps } : one, lane.transport);
const traceOfTurnout = (one, lane) => traceOf(lane.ours(), one, lane.transport);

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
    if (lane !== PLAIN_LANE) noteStale(feature, Object.keys(cases));
    describe(`${path.relative(path.join(FOLDER, '..', '..'), file)}${lane.name}`, () => {
      for (const [title, one] of Object.entries(cases)) {
        (lane.plays(one, feature, title) && lane.serves(one, title) ? it : it.skip)(title, async () => {
          const expected = expectedOf(one, feature, title, lane, recorded);
          expect(expected).toBeDefined();
          expect(await traceOfTurnout(one, lane)).toBe(expected);
          if (MAJOR >= 26) expect(await traceOfNode(one, lane)).toBe(recorded(feature, title));
        });
      }
    });
  }
}

/** An exception that no case has any more is none. */
function noteStale(feature, titles) {
  it('has every case of which an exception over TLS speaks', () => {
    const about = [...NOT_OVER_TLS, ...AS_WITHOUT_TLS].filter(([pattern]) => pattern.source.startsWith(`^${feature}: `));
    expect(about.filter(([pattern]) => !titles.some((title) => pattern.test(`${feature}: ${title}`)))).toEqual([]);
  });
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

module.exports = { parity, featuresOf, expectedOf, recordedOf, recordOf, traceOfNode, traceOfTurnout, LANES, SIDES };
