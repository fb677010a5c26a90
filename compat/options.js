'use strict';

/**
 * What an implementation does with each option: what it throws for values of every kind, and what the object then shows.
 */

const { optionsOf: rowsOf } = require('../lib/seam/options');

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

/** @return {string[]} options that node:http has at these ends, in the order of our table */
function namesOf(...ends) {
  const rows = ends.flatMap((end) => rowsOf(end)).filter(({ own, property }) => !own && !property);
  return [...new Set(rows.map(({ name }) => name))];
}

/** And net.Server's, which http.Server keeps to itself. */
const SERVER = [...namesOf('server'), 'allowHalfOpen', 'blockList', 'pauseOnConnect'];
const REQUEST = namesOf('request', 'connection');
const AGENT = namesOf('agent', 'connection');

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
    for (const name of REQUEST) tell(`request ${name}: ${text}`, () => requestWith(http, { [name]: value }, name));
    for (const name of AGENT) tell(`request by Agent ${name}: ${text}`, () => requestWith(http, { agent: new http.Agent({ [name]: value }) }, name));
  }
  // Which of several that are wrong is named.
  SERVER.forEach((name, at) => tell(`createServer, wrong from ${name} on`, () => http.createServer(wrongFrom(SERVER, at))));
  REQUEST.forEach((name, at) => tell(`request, wrong from ${name} on`, () => requestWith(http, wrongFrom(REQUEST, at))));
  AGENT.forEach((name, at) => tell(`request by Agent, wrong from ${name} on`, () => requestWith(http, { agent: new http.Agent(wrongFrom(AGENT, at)) })));
  for (const [title, options] of Object.entries(DISAGREEING)) {
    tell(`createServer ${title}`, () => http.createServer(options));
    tell(`request ${title}`, () => requestWith(http, options));
  }
  return outcomes;
}

/** Each is right by itself. */
const DISAGREEING = {
  'httpValidation beside insecureHTTPParser': { httpValidation: 'strict', insecureHTTPParser: false },
  'headersTimeout longer than requestTimeout': { headersTimeout: 2, requestTimeout: 1 },
  'headersTimeout longer than the default of requestTimeout': { headersTimeout: 300_001 },
  'headersTimeout without requestTimeout': { headersTimeout: 300_001, requestTimeout: 0 },
};

/** @return {object} options from the one at `at` on, none of which takes an object without members */
const wrongFrom = (names, at) => Object.fromEntries(names.slice(at).map((name) => [name, {}]));

const notFound = (host, options, done) => setImmediate(done, new Error('not found'));

/** Nothing is sent: the name is never found, and the request destroyed. */
function requestWith(http, options, name) {
  const req = http.request({ host: 'compat.invalid', lookup: notFound, ...options });
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
