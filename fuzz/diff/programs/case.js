'use strict';

/** Programs, seeded: number n of seed s is the same everywhere. */

const { Random } = require('../random');
const { handlerActions } = require('./handlers');

const SIZES = [0, 0, 5, 5, 100, 3_000, 20_000, 40_000, 70_000, 200_000];
const MALFORMED = [
  'GARBAGE\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n',
  'GET / HTTP/1.1\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  '\0\0\0\0',
  'GET / HTTP/1.1\r\nHost',
];

/** Whether `random` says so, once in `n` times, of something that is left out otherwise. */
const maybe = (random, n, value) => (random.oneIn(n) ? value : {});

function request(random) {
  const one = { do: 'request' };
  if (!random.oneIn(2)) one.method = random.pick(['POST', 'POST', 'POST', 'PUT', 'HEAD', 'DELETE', 'GET']);
  if (one.method !== undefined && one.method !== 'HEAD') {
    one.body = random.pick(['none', 'length', 'length', 'chunked']);
    if (one.body !== 'none') one.size = random.pick(SIZES);
  }
  const fields = [];
  if (random.oneIn(8)) fields.push('Connection: close');
  if (random.oneIn(20)) fields.push('Expect: 100-continue');
  if (fields.length > 0) one.fields = fields;
  return { ...one, ...maybe(random, 20, { version: '1.0' }), ...maybe(random, 25, { part: 10 + random.below(85) }), ...maybe(random, 5, { cuts: 1 + random.below(4) }) };
}

/** What asks for another protocol, and what follows in it. */
function change(random) {
  const connect = random.oneIn(4);
  const asks = connect ? { do: 'request', method: 'CONNECT' } : { do: 'request', fields: ['Connection: Upgrade', 'Upgrade: x'] };
  if (!connect && random.oneIn(5)) Object.assign(asks, { method: 'POST', body: random.pick(['length', 'chunked']), size: random.pick(SIZES) });
  const script = [{ ...asks, ...maybe(random, 2, { join: true }) }];
  for (let raw = random.below(4); raw > 0; raw--) {
    script.push({ do: 'raw', size: random.pick(SIZES), ...maybe(random, 4, { cuts: 2 }) });
    if (random.oneIn(4)) script.push({ do: 'wait', rounds: 1 + random.below(4) });
  }
  return script;
}

/** @return {{script: object[], requests: number}} */
function peer(random) {
  const script = [];
  const count = random.pick([1, 1, 1, 2, 2, 3, 4]);
  const pipelined = random.oneIn(2);
  let requests = 0;
  for (let n = 0; n < count; n++) {
    const one = request(random);
    requests += 1;
    script.push(pipelined && n < count - 1 ? { ...one, cuts: undefined, join: true } : one);
    if (one.part !== undefined) break;
    if (!pipelined && random.oneIn(2)) script.push({ do: 'until', answers: n + 1 });
    if (!pipelined && random.oneIn(8)) script.push({ do: 'wait', rounds: 1 + random.below(4) });
  }
  if (random.oneIn(4) && requests < 5) {
    if (script.at(-1).part === undefined && random.oneIn(3)) script.at(-1).join = true;
    script.push(...change(random));
    requests += 1;
  } else if (random.oneIn(7)) {
    if (random.oneIn(2)) script.at(-1).join = true;
    script.push({ do: 'text', text: random.pick(MALFORMED) });
  }
  const last = random.below(10);
  if (last < 3) script.push({ do: 'fin' });
  else if (last === 3) script.push({ do: 'rst' });
  if (random.oneIn(12)) script.splice(random.below(script.length), 0, { do: 'pause' });
  if (script.some((step) => step.do === 'pause') && random.oneIn(2)) script.push({ do: 'wait', rounds: 5 }, { do: 'resume' });
  // JSON keeps no undefined; neither does a case.
  return { peer: JSON.parse(JSON.stringify({ script, ...maybe(random, 5, { halfOpen: true }) })), requests };
}

const WATCHED = {
  req: ['end', 'close', 'error', 'aborted', 'timeout', 'pause', 'resume'],
  res: ['finish', 'close', 'error', 'drain', 'timeout', 'prefinish', 'pipe'],
  socket: ['end', 'close', 'error', 'drain', 'timeout', 'finish'],
  server: ['dropRequest', 'close', 'connection'],
};

/** What is listened to: all of it would hide what happens when nobody listens. */
function watch(random) {
  const watched = {};
  for (const [what, events] of Object.entries(WATCHED)) {
    const some = random.oneIn(4) ? events : events.filter(() => random.oneIn(3));
    // An error that nobody hears ends up as an uncaught exception, which is a fact as well; mostly it is heard.
    const heard = events.includes('error') && !random.oneIn(6) ? [...new Set([...some, 'error'])] : some;
    if (heard.length > 0) watched[what] = heard;
  }
  return watched;
}

function serverOptions(random) {
  const options = {};
  if (random.oneIn(20)) options.insecureHTTPParser = true;
  if (random.oneIn(20)) options.keepAliveTimeout = 5;
  if (random.oneIn(20)) options.highWaterMark = 1000;
  if (random.oneIn(30)) options.optimizeEmptyRequests = true;
  if (random.oneIn(30)) options.noDelay = false;
  return options;
}

/**
 * @param {number} n
 * @param {{seed: number}} options
 * @return {object} a program: `server` options, `handlers` with lists of actions, `watch`ed events, the `peers`' scripts;
 *   `looks`: what state objects are in at the end counts
 */
function programCase(n, { seed }) {
  const random = new Random(seed, n, 0x9e3779b1);
  const made = Array.from({ length: random.oneIn(5) ? 2 : 1 }, () => peer(random));
  const requests = Math.max(...made.map((entry) => entry.requests));
  const handlers = {};
  const kinds = ['request'];
  for (const [kind, once] of [['upgrade', 1], ['connect', 2], ['clientError', 3], ['connection', 4], ['checkContinue', 4], ['timeout', 8]]) {
    if (random.below(once + 1) === 0 || once === 1) kinds.push(kind);
  }
  for (const kind of kinds) {
    const lists = ['request', 'checkContinue'].includes(kind) ? requests : 1;
    handlers[kind] = Array.from({ length: lists }, () => handlerActions(kind, random));
  }
  const scene = { server: serverOptions(random), handlers, watch: watch(random), peers: made.map((entry) => entry.peer) };
  return { side: 'program', n, seed, ...scene, ...maybe(random, 4, { looks: true }) };
}

/** @return {object} the program with a server that is given its connections: net's sockets, or Duplexes around them that cut */
function overStreams(one) {
  return { ...one, over: new Random(one.seed, one.n, 5).pick(['socket', 'cut socket']) };
}

module.exports = { overStreams, programCase };
