'use strict';

const stream = require('node:stream');
const { text } = require('node:stream/consumers');
const { derivations, logEvents } = require('../../support/derivations');
const { HEAD_END } = require('../../support/client-asks');
const { parity } = require('../../support/parity');

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n3\r\nabc\r\n';
const REST = '3\r\ndef\r\n0\r\nT: r\r\n\r\n';
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';

/** What may be done with a derived response; each logs 'done' when it is over. */
const responseActs = {
  "is read by 'data'": (res, log) => {
    let body = '';
    res.on('data', (chunk) => (body += chunk)).on('end', () => log(body, res.complete, JSON.stringify(res.trailers), 'done'));
  },
  'is piped': (res, log) => text(res.pipe(new stream.PassThrough())).then((body) => log(body, 'done')),
  'is finished()': (res, log) => {
    stream.finished(res, (error) => log(error?.code, 'done'));
    res.resume();
  },
  'shows the same members': (res, log, original) => {
    log(res.statusCode, res.statusMessage, res.httpVersion, res.headers.x, res.rawHeaders === original.rawHeaders, res.socket === original.socket, res.req === original.req, 'done');
    res.resume();
  },
  'is destroyed': (res, log, original) => {
    logEvents(res, log, 'aborted', 'error').on('close', () => log('done'));
    res.destroy();
    log(res.destroyed, original.destroyed);
  },
};

/** A response whose body comes in two pieces, the second when the listener has run. */
const ofResponse = (derive, act) => ({
  server: [[HEAD_END, CHUNKED, { log: 'begun' }, REST]],
  async run({ http, port, host, agent, log, until }) {
    const req = http.get({ port, host, agent }, (res) => {
      act(derive(res), log, res);
      log('begun');
    });
    req.on('error', (error) => log('req', error.code));
    await until('done');
  },
});

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** What may be done with a derived request before it has a connection. */
const requestActs = {
  'is ended': (req, log) => {
    req.on('response', (res) => res.resume().on('end', () => log('done')));
    req.end();
  },
  'has fields of its own': (req, log, original) => {
    req.setHeader('X-A', 'b');
    log(req.getHeader('x-a'), original.getHeader('x-a'));
    original.on('response', (res) => res.resume().on('end', () => log('done'))).end();
  },
  'listens once': (req, log, original) => {
    req.once('response', (res) => {
      log(res.req === original);
      res.resume();
    });
    req.once('close', () => log('done'));
    original.end();
  },
  'is set': (req, log, original) => {
    req.setNoDelay(true);
    req.setSocketKeepAlive(true);
    log(req.method, req.path, req.host, req.protocol, req.getHeader('host') === original.getHeader('host'));
    original.on('response', (res) => res.resume().on('end', () => log('done'))).end();
  },
};

const ofRequest = (derive, act) => ({
  server: [[HEAD_END, OK]],
  async run({ http, port, host, agent, log, until }) {
    const req = http.request({ port, host, agent });
    req.on('error', (error) => log('req', error.code));
    act(derive(req), log, req);
    await until('done');
  },
});

const ofUpgrade = (derive) => ({
  server: [[HEAD_END, SWITCH, { until: 'ping' }, 'pong', 'end', 'ended']],
  async run({ http, port, host, agent, log, until }) {
    const req = http.get({ port, host, agent, headers: { Connection: 'Upgrade', Upgrade: 'x' } });
    req.on('upgrade', (res, original) => {
      const socket = derive(original);
      const response = derive(res);
      log(response.statusCode, response.socket === original, response.headers.upgrade);
      response.resume().on('end', () => log('response end'));
      socket.on('data', (chunk) => log(`${chunk}`)).on('close', () => log('done'));
      socket.write('ping');
    });
    await until('done');
  },
});

const ofSocket = (derive) => ({
  server: [[HEAD_END, OK]],
  async run({ http, port, host, agent, log, until }) {
    const req = http.get({ port, host, agent }, (res) => res.resume().on('end', () => log('end')));
    req.on('socket', (original) => {
      const socket = derive(original);
      socket.on('connect', () => log('connect', socket.remoteAddress)).on('close', () => log('done'));
      log(socket.connecting, socket.setNoDelay() === socket, socket.setTimeout(5000) === socket, original.timeout);
    });
    await until('end');
    await new Promise(setImmediate);
    agent.destroy();
    await until('done');
  },
});

const cases = {};
for (const [how, derive] of Object.entries(derivations)) {
  for (const [what, act] of Object.entries(responseActs)) cases[`response, ${how}: ${what}`] = ofResponse(derive, act);
  for (const [what, act] of Object.entries(requestActs)) cases[`request, ${how}: ${what}`] = ofRequest(derive, act);
  cases[`socket, ${how}`] = ofSocket(derive);
  cases[`upgrade, ${how}`] = ofUpgrade(derive);
}

parity(__filename, cases);
