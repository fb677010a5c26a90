'use strict';

/**
 * What an implementation does with each option: what it throws for values of every kind, and what the object then shows.
 */

/** Values that tell apart how an option is checked. */
const VALUES = {
  'undefined': undefined,
  'null': null,
  'true': true,
  'false': false,
  '0': 0,
  '7': 7,
  '-1': -1,
  '1.5': 1.5,
  'NaN': NaN,
  "'x'": 'x',
  '{}': {},
  '[]': [],
  'a function': (...args) => args.findLast((one) => typeof one === 'function')?.(new Error('compat')),
};

const SERVER = [
  'IncomingMessage', 'ServerResponse', 'allowHalfOpen', 'blockList', 'connectionsCheckingInterval', 'headersTimeout', 'highWaterMark', 'httpValidation',
  'insecureHTTPParser', 'joinDuplicateHeaders', 'keepAlive', 'keepAliveInitialDelay', 'keepAliveTimeout', 'keepAliveTimeoutBuffer',
  'maxHeaderSize', 'noDelay', 'optimizeEmptyRequests', 'pauseOnConnect', 'rejectNonStandardBodyWrites', 'requestTimeout',
  'requireHostHeader', 'shouldUpgradeCallback', 'uniqueHeaders',
];
const REQUEST = [
  'agent', 'auth', 'createConnection', 'defaultPort', 'family', 'headers', 'hints', 'highWaterMark', 'host', 'hostname', 'httpValidation', 'insecureHTTPParser',
  'joinDuplicateHeaders', 'localAddress', 'localPort', 'lookup', 'maxHeaderSize', 'method', 'path', 'port', 'protocol', 'setDefaultHeaders', 'setHost',
  'signal', 'socketPath', 'timeout', 'uniqueHeaders',
];
const AGENT = [
  'agentKeepAliveTimeoutBuffer', 'defaultPort', 'keepAlive', 'keepAliveMsecs', 'maxFreeSockets', 'maxSockets', 'maxTotalSockets', 'noDelay', 'path',
  'protocol', 'proxyEnv', 'scheduling', 'timeout',
];

/** @return {Record<string, object>} `option: value` → what came of it, as members for compare.js */
function optionsOf(http) {
  const outcomes = {};
  const tell = (title, act) => {
    outcomes[title] = { value: outcomeOf(act), form: 'option', flags: '', own: true };
  };
  for (const [text, value] of Object.entries(VALUES)) {
    tell(`createServer(${text})`, () => http.createServer(value));
    for (const name of SERVER) tell(`createServer ${name}: ${text}`, () => shown(http.createServer({ [name]: value })[name]));
    for (const name of AGENT) tell(`Agent ${name}: ${text}`, () => shown(new http.Agent({ [name]: value })[name]));
    for (const name of REQUEST) tell(`request ${name}: ${text}`, () => requestWith(http, name, value));
  }
  return outcomes;
}

const notFound = (host, options, done) => setImmediate(done, new Error('not found'));

/** Nothing is sent: the name is never found, and the request destroyed. */
function requestWith(http, name, value) {
  const req = http.request({ host: 'compat.invalid', lookup: notFound, [name]: value });
  req.on('error', () => {});
  req.destroy();
  return `${req.method} ${req.path} ${JSON.stringify(req.getHeaders())} ${shown(req[name])}`;
}

function outcomeOf(act) {
  try {
    const result = act();
    return typeof result === 'string' ? result : 'taken';
  } catch (error) {
    return `throws ${error.name} ${error.code ?? ''} ${error.message}`;
  }
}

const shown = (value) =>
  value !== null && (typeof value === 'object' || typeof value === 'function') ? typeof value : typeof value === 'string' ? `'${value}'` : String(value);

module.exports = { optionsOf };
