'use strict';

/**
 * What each option and property of a server does: a small exchange per row of lib/seam/options.js, and what comes of it for values that must make a
 * difference. Times have one value only, so short that the default would outlast the test.
 *
 * @typedef {object} Effect
 * @property {Array<[*, string]>} outcomes value → what `act` or the exchange shows
 * @property {object} [base] other options
 * @property {string} [request] what a peer sends; default: a GET
 * @property {(req: object, res: object, tell: (text: string) => void) => void} [handler] default: ends the response
 * @property {(server: object, tell: (text: string) => void) => void} [setup]
 * @property {RegExp|((text: string) => string)} [show] of what the peer has heard; default: what was told
 * @property {boolean} [accepted] only for connections the server accepts itself: nobody times those of emit('connection'), whose sockets are made already
 * @property {boolean} [beforeListen] as a property it counts from listen() on
 */

const net = require('node:net');
const { once } = require('node:events');

const get = (fields = '', method = 'GET') => `${method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}\r\n`;
const STATUS = /HTTP\/1\.1 (\d+)/;
const told = (request, text) => ({ request, handler: (req, res, tell) => (tell(text(req, res)), res.end()) });
const code = (act) => {
  try {
    return String(act());
  } catch (error) {
    return error.code;
  }
};
/** A class of the user's, made from that of the implementation. */
const mine = (name) => (http) => class Mine extends http[name] {};

/** @type {Record<string, Effect>} */
const EFFECTS = {
  IncomingMessage: { outcomes: [[undefined, 'IncomingMessage'], [mine('IncomingMessage'), 'Mine']], ...told(get(), (req) => req.constructor.name) },
  ServerResponse: { outcomes: [[undefined, 'ServerResponse'], [mine('ServerResponse'), 'Mine']], ...told(get(), (req, res) => res.constructor.name) },
  maxHeaderSize: { outcomes: [[undefined, '200'], [1000, '431']], request: get(`A: ${'a'.repeat(2000)}\r\n`), show: STATUS },
  optimizeEmptyRequests: { outcomes: [[undefined, 'false'], [true, 'true']], ...told(get(), (req) => String(req.closed)) },
  insecureHTTPParser: { outcomes: [[undefined, '400'], [true, '200'], [false, '400']], request: get('A: b\x01\r\n'), show: STATUS },
  httpValidation: { outcomes: [['strict', '400'], ['relaxed', '200'], ['insecure', '200']], request: get('A: b\x01\r\n'), show: STATUS },
  requestTimeout: { outcomes: [[20, '408']], base: { headersTimeout: 0, connectionsCheckingInterval: 20 }, request: 'GET', show: STATUS, accepted: true },
  headersTimeout: { outcomes: [[20, '408']], base: { connectionsCheckingInterval: 20 }, request: 'GET', show: STATUS, accepted: true },
  connectionsCheckingInterval: {
    outcomes: [[20, '408']], base: { headersTimeout: 20, requestTimeout: 20 }, request: 'GET', show: STATUS, accepted: true, beforeListen: true,
  },
  keepAliveTimeout: { outcomes: [[20, '200']], base: { keepAliveTimeoutBuffer: 0 }, request: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', show: STATUS },
  keepAliveTimeoutBuffer: {
    outcomes: [[0, 'soon'], [1000, 'later']],
    base: { keepAliveTimeout: 1 },
    request: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    handler(req, res, tell) {
      const since = performance.now();
      req.socket.on('close', () => tell(performance.now() - since < 900 ? 'soon' : 'later'));
      res.end();
    },
  },
  requireHostHeader: { outcomes: [[true, '400'], [false, '200']], request: 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', show: STATUS },
  joinDuplicateHeaders: { outcomes: [[undefined, '1'], [true, '1, 2']], ...told(get('Age: 1\r\nAge: 2\r\n'), (req) => req.headers.age) },
  rejectNonStandardBodyWrites: {
    outcomes: [[undefined, 'true'], [true, 'ERR_HTTP_BODY_NOT_ALLOWED']],
    ...told(get('', 'HEAD'), (req, res) => code(() => res.write('x'))),
  },
  shouldUpgradeCallback: {
    outcomes: [[() => true, '101'], [() => false, '200']],
    request: get('Upgrade: x\r\n').replace('close', 'close, Upgrade'),
    setup: (server) => server.on('upgrade', (req, socket) => socket.end('HTTP/1.1 101 S\r\n\r\n')),
    show: STATUS,
  },
  uniqueHeaders: {
    outcomes: [[undefined, '["A: 1","A: 2"]'], [['a'], '["A: 1; 2"]']],
    request: get(),
    handler: (req, res) => res.setHeader('A', ['1', '2']).end(),
    show: (text) => JSON.stringify(text.match(/^A: .*$/gm).map((line) => line.trim())),
  },
  timeout: { outcomes: [[20, 'timeout']], request: 'GET', setup: (server, tell) => server.on('timeout', (socket) => (tell('timeout'), socket.destroy())) },
  maxHeadersCount: { outcomes: [[null, '200'], [2, '431']], request: get('A: 1\r\nB: 2\r\n'), show: STATUS },
  maxRequestsPerSocket: {
    outcomes: [[0, '200, 200'], [1, '200, 503']],
    request: 'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    show: (text) => text.match(/HTTP\/1\.1 \d+/g).map((line) => line.slice(9)).join(', '),
  },
  highWaterMark: { outcomes: [[65536, '65536'], [77, '77']], accepted: true, ...told(get(), (req) => String(req.readableHighWaterMark)) },
};

/** @return {Promise<string>} all that a peer hears of the port */
async function heardBy(port, text) {
  const peer = net.connect(port, '127.0.0.1');
  let heard = '';
  peer.setEncoding('latin1').on('data', (data) => (heard += data));
  peer.on('error', () => {});
  peer.write(text, 'latin1');
  await once(peer, 'close');
  return heard;
}

/** How a value gets to the server: createServer()'s option, a property set while it listens, one set for a stream that is handed over. */
const WAYS = ['option', 'property', 'stream'];

/**
 * @param {object} http
 * @param {string} name
 * @param {*} value
 * @param {string} way of WAYS
 * @return {Promise<string>} what comes of it
 */
async function serverEffect(http, name, value, way) {
  const { base, request = get(), handler = (req, res) => res.end(), setup = () => {}, show, beforeListen = false } = EFFECTS[name];
  // A class stands for what makes one of the implementation's.
  const given = typeof value === 'function' && value.length === 1 ? value(http) : value;
  let tell;
  const telling = new Promise((resolve) => (tell = resolve));
  const server = http.createServer(way === 'option' ? { ...base, [name]: given } : base);
  server.on('request', (req, res) => handler(req, res, tell));
  setup(server, tell);
  if (way !== 'option' && beforeListen) server[name] = given;
  const listener = way === 'stream' ? net.createServer({ allowHalfOpen: true }, (socket) => server.emit('connection', socket)) : server;
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  if (way !== 'option') server[name] = given;
  const text = await heardBy(listener.address().port, request);
  await new Promise((resolve) => listener.close(resolve));
  if (show === undefined) return telling;
  return typeof show === 'function' ? show(text) : show.exec(text)?.[1];
}

module.exports = { EFFECTS, WAYS, serverEffect };
