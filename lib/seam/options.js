'use strict';

/**
 * The options of createServer(), request() and Agent: one row an option. A row says whose it is, what its values must be and how an error
 * calls it (Node leaves 'options.' out of some), what stands for a value that is not given, whether it is a property of the server that
 * counts when it changes (`live`), and whether the engine hears of it. server-options.js goes through the server's rows; a request and a
 * connection take theirs by name, because a loop would cost every request. Rows stand in the order in which Node checks them: of two
 * wrong options the same one is named.
 *
 * A row with a `keeper` is checked and kept there, because it is more than a value: a class, a name that is looked up, something that
 * one of Node's constructors takes.
 */

const net = require('node:net');
const { nodeError } = require('../base/errors');
const { STRIDE_BITS } = require('./layout').limits;
const { Math, Object, String, each, includes, split } = require('../base/primordials');
const { kCatchUpgradeErrors, kOptimizeEmptyRequests } = require('../base/symbols');
const { timerDuration, validateBoolean, validateFunction, validateInteger, validateNumber, validateOneOf, validateString } = require('../base/validators');

/** Milliseconds; Node's defaults, from its documentation of http.createServer and of the server's properties. */
const REQUEST_TIMEOUT = 300_000;
const HEADERS_TIMEOUT = 60_000;
const KEEP_ALIVE_TIMEOUT = 5_000;
const KEEP_ALIVE_TIMEOUT_BUFFER = 1_000;
const CONNECTIONS_CHECKING_INTERVAL = 30_000;
/** Milliseconds by which an agent closes an idle connection before the server would do it. */
const AGENT_BUFFER = 1_000;
/** Bytes; Node 26's default for streams of bytes, on every Node. */
const HIGH_WATER_MARK = 65536;
/** By the engine's numbers; 0 is the JavaScript thread. */
const MAX_THREADS = (1 << STRIDE_BITS) - 1;

const INVALID_PATH = /[^\u0021-\u00ff]/;
const TOKEN = /^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/;

// ---- checks: each throws what Node throws, or returns the value that is taken instead, if it is another one -----------------

/** @param {number} [min] @param {number} [max] both inclusive */
const integer = (min, max) => (value, label) => void validateInteger(value, label, min, max);
const natural = integer(0);
const orNull = (check) => (value, label) => (value === null ? undefined : check(value, label));
const validation = (value, label) => validateOneOf(value, label, ['strict', 'relaxed', 'insecure']);

/** Where a request goes: null and '' are as good as nothing. */
function host(value, label) {
  if (value !== null && typeof value !== 'string') {
    throw nodeError('ERR_INVALID_ARG_TYPE', label, 'must be of type string or one of undefined or null', value);
  }
}

/** @param {*} value any text but what would end the request line */
function path(value, label) {
  if (value && INVALID_PATH.test(String(value))) throw nodeError('ERR_UNESCAPED_CHARACTERS', label);
}

function method(value, label) {
  if (value === null) return;
  validateString(value, label);
  if (value && !TOKEN.test(value)) throw nodeError('ERR_INVALID_HTTP_TOKEN', 'Method', value);
}

function agentLike(value, label) {
  if (value === null || value === false || typeof value.addRequest === 'function') return;
  throw nodeError('ERR_INVALID_ARG_TYPE', label, 'must be one of Agent-like Object, undefined, or false', value);
}

/** @param {*} value anything that is false: bytes are no objects */
function notSupported(value, label) {
  if (value) throw nodeError('ERR_INVALID_ARG_VALUE', label, value, 'is not supported');
}

function blockList(value, label) {
  if (!value) return;
  // Node 20 does not tell its lists from others.
  const isList = net.BlockList.isBlockList === undefined ? value instanceof net.BlockList : net.BlockList.isBlockList(value);
  if (!isList) throw nodeError('ERR_INVALID_ARG_TYPE', label, 'must be an net.BlockList', value);
}

function ipAddress(value) {
  if (value && !net.isIP(value)) throw nodeError('ERR_INVALID_IP_ADDRESS', value);
}

/** 0 and '' ask for none. */
function localPort(value, label) {
  if (value) validateNumber(value, label);
}

// ---- what a value must agree with -------------------------------------------------------------------------------------------

/** One option says in three words what the other says in two. */
function withoutParserOption(value, label, { insecureHTTPParser }) {
  if (insecureHTTPParser === undefined) return;
  throw nodeError('ERR_INVALID_ARG_VALUE', label, value, 'cannot be used together with options.insecureHTTPParser');
}

const requestTimeout = (options) => (options.requestTimeout === undefined ? REQUEST_TIMEOUT : options.requestTimeout);

/** A head is a part of its request. */
function withinRequest(value, label, options) {
  const limit = requestTimeout(options);
  if (limit > 0 && value > limit) throw nodeError('ERR_OUT_OF_RANGE', label, '<= requestTimeout', value);
}

// ---- the table --------------------------------------------------------------------------------------------------------------

class Option {
  /**
   * @param {string} name
   * @param {string} ends whose it is, of 'server', 'request', 'agent', 'connection': what the latter two say of sockets
   * @param {object} [row]
   * @param {(value: *, label: string) => *} [row.check] throws for what is no value of it; may return what is taken instead. Not called for undefined
   * @param {string} [row.label] how its errors call it; default: `options.NAME`
   * @param {(value: *, label: string, options: object) => void} [row.agree] throws when it does not go with the other options
   * @param {*} [row.fallback] what undefined stands for; of a function: what that makes of all options
   * @param {string|symbol} [row.key] under which the server keeps it; default: its name
   * @param {boolean} [row.live] a property of the server, which may change while it runs
   * @param {boolean} [row.engine] the engine is told of it, and of each change
   * @param {boolean} [row.property] only that: createServer() has no such option
   * @param {boolean} [row.own] node:http has no such option
   * @param {string} [row.keeper] who checks and keeps it, when that is not the table's reader
   */
  constructor(name, ends, { check = null, label = `options.${name}`, agree = null, fallback, key = name, keeper = null, ...is } = {}) {
    this.name = name;
    this.ends = split(ends, ' ');
    this.check = check;
    this.label = label;
    this.agree = agree;
    this.fallback = fallback;
    this.key = key;
    this.keeper = keeper;
    this.live = is.live ?? false;
    this.engine = is.engine ?? false;
    this.property = is.property ?? false;
    this.own = is.own ?? false;
  }

  /** @param {*} value as it was given @param {object} [options] all of them @return {*} what counts */
  take(value, options) {
    if (value === undefined) return typeof this.fallback === 'function' ? this.fallback(options) : this.fallback;
    const instead = this.check === null ? undefined : this.check(value, this.label);
    if (this.agree !== null) this.agree(value, this.label, options);
    return instead === undefined ? value : instead;
  }
}

const row = (name, ends, more) => new Option(name, ends, more);
/** A number of the server's that the engine measures by. */
const measure = (name, fallback, more) => row(name, 'server', { check: natural, label: name, fallback, live: true, engine: true, ...more });
const flag = (name, ends, more) => row(name, ends, { check: validateBoolean, ...more });
const kept = (keeper, more) => ({ keeper, ...more });

const TABLE = Object.freeze([
  // ---- how a request finds a server
  row('agent', 'request', { check: agentLike }),
  row('createConnection', 'request', kept('client-request.js')),
  row('protocol', 'request', kept('client-request.js')),
  row('path', 'request', { check: path, label: 'Request path' }),
  row('defaultPort', 'request', kept('client-request.js')),
  row('hostname', 'request', { check: host }),
  row('host', 'request', { check: host }),
  row('setHost', 'request', kept('client-request.js')),
  row('setDefaultHeaders', 'request', kept('client-request.js')),
  row('timeout', 'request', { check: timerDuration, label: 'timeout' }),
  row('signal', 'request', kept('node:stream')),
  row('method', 'request', { check: method }),

  // ---- messages
  row('IncomingMessage', 'server', kept('server.js')),
  row('ServerResponse', 'server', kept('server.js')),
  row('maxHeaderSize', 'server request', { check: natural, label: 'maxHeaderSize', live: true, engine: true }),
  flag('optimizeEmptyRequests', 'server', { fallback: false, key: kOptimizeEmptyRequests }),
  flag('catchUpgradeErrors', 'server', { fallback: false, key: kCatchUpgradeErrors, own: true }),
  flag('insecureHTTPParser', 'server request', { live: true, engine: true }),
  row('httpValidation', 'server request', { check: validation, agree: withoutParserOption, live: true, engine: true }),
  measure('requestTimeout', REQUEST_TIMEOUT),
  measure('headersTimeout', (options) => Math.min(HEADERS_TIMEOUT, requestTimeout(options)), { agree: withinRequest }),
  measure('keepAliveTimeout', KEEP_ALIVE_TIMEOUT),
  measure('keepAliveTimeoutBuffer', KEEP_ALIVE_TIMEOUT_BUFFER),
  measure('connectionsCheckingInterval', CONNECTIONS_CHECKING_INTERVAL),
  flag('requireHostHeader', 'server', { fallback: true, live: true }),
  flag('joinDuplicateHeaders', 'server request', { live: true }),
  flag('rejectNonStandardBodyWrites', 'server', { fallback: false, live: true }),
  row('shouldUpgradeCallback', 'server', { check: validateFunction, fallback: newShouldUpgrade, live: true }),
  row('threads', 'server', { check: integer(0, MAX_THREADS), own: true, keeper: 'driver.js' }),
  row('headers', 'request', kept('client-request.js')),
  row('auth', 'request', kept('client-request.js')),
  row('uniqueHeaders', 'server request', kept('headers.js')),

  // ---- properties of a server that createServer() does not take
  row('timeout', 'server', { fallback: 0, live: true, property: true }),
  row('maxHeadersCount', 'server', { fallback: null, live: true, engine: true, property: true }),
  row('maxRequestsPerSocket', 'server', { fallback: 0, live: true, property: true }),

  // ---- sockets of a server
  row('noDelay', 'server', kept('net.Server', { fallback: true, live: true, engine: true })),
  row('keepAlive', 'server', kept('net.Server', { fallback: false, live: true, engine: true })),
  row('keepAliveInitialDelay', 'server', kept('net.Server', { fallback: 0, live: true, engine: true })),
  row('highWaterMark', 'server', kept('net.Server', { fallback: HIGH_WATER_MARK, live: true })),

  // ---- an agent's pool
  row('defaultPort', 'agent', kept('agent.js', { fallback: 80 })),
  row('protocol', 'agent', kept('agent.js', { fallback: 'http:' })),
  row('keepAlive', 'agent', kept('http.Agent', { fallback: false })),
  row('keepAliveMsecs', 'agent', kept('http.Agent', { fallback: 1000 })),
  row('maxSockets', 'agent', kept('http.Agent', { fallback: Infinity })),
  row('maxFreeSockets', 'agent', kept('http.Agent', { fallback: 256 })),
  row('scheduling', 'agent', kept('http.Agent', { fallback: 'lifo' })),
  row('maxTotalSockets', 'agent', kept('http.Agent', { fallback: Infinity })),
  row('agentKeepAliveTimeoutBuffer', 'agent', { fallback: AGENT_BUFFER, keeper: 'agent.js' }),
  row('proxyEnv', 'agent', kept('http.Agent')),

  // ---- sockets of a client: the request says, and the agent's word goes before it
  row('objectMode', 'connection', { check: notSupported }),
  row('readableObjectMode', 'connection', { check: notSupported }),
  row('writableObjectMode', 'connection', { check: notSupported }),
  row('keepAliveInitialDelay', 'connection', { check: validateNumber }),
  row('highWaterMark', 'connection', kept('node:stream', { fallback: HIGH_WATER_MARK })),
  row('signal', 'connection', kept('node:stream')),
  row('allowHalfOpen', 'connection', kept('client-connection.js')),
  row('noDelay', 'connection', kept('client-connection.js', { fallback: true })),
  row('keepAlive', 'connection', kept('client-connection.js')),
  row('typeOfService', 'connection', { check: integer(0, 255) }),
  row('blockList', 'connection', { check: blockList }),
  row('timeout', 'connection', kept('net.Socket')),
  row('socketPath', 'connection', kept('http.Agent')),
  row('path', 'connection', { check: validateString }),
  row('host', 'connection', { check: validateString }),
  row('localAddress', 'connection', { check: ipAddress }),
  row('localPort', 'connection', { check: localPort }),
  row('port', 'connection', kept('client-connect.js')),
  row('autoSelectFamily', 'connection', { check: orNull(validateBoolean) }),
  row('autoSelectFamilyAttemptTimeout', 'connection', { check: orNull(integer(1, 2 ** 31 - 1)) }),
  row('lookup', 'connection', { check: orNull(validateFunction) }),
  row('family', 'connection', kept('node:dns')),
  row('hints', 'connection', kept('node:dns')),
]);

/** Each server has one of its own, as Node's do. @return {() => boolean} upgrades where somebody listens for it */
function newShouldUpgrade() {
  return function () {
    return this.listenerCount('upgrade') > 0;
  };
}

/** @param {string} end @return {Option[]} its rows, in the order of the table */
function optionsOf(end) {
  const rows = [];
  for (const option of each(TABLE)) if (includes(option.ends, end)) rows.push(option);
  return rows;
}

/** @param {string} end @return {Readonly<Record<string, Option>>} its rows by name */
function byName(end) {
  const named = {};
  for (const option of each(optionsOf(end))) named[option.name] = option;
  return Object.freeze(named);
}

module.exports = {
  TABLE,
  MAX_THREADS,
  optionsOf,
  server: byName('server'),
  request: byName('request'),
  agent: byName('agent'),
  connection: byName('connection'),
};
