'use strict';

/**
 * What each option of a request, of an agent and of the connections they make does. A program has a server that answers with what it was
 * asked (`METHOD path` and the fields it got), makes a request as the option says, and tells what came of it.
 *
 * @typedef {object} Effect
 * @property {Array<[*, string]>} outcomes value → what is told. Of a function: what that makes of the tools
 * @property {(tools: Tools, given: object) => Promise<string>} tell `given` is the option with its value, as an object
 * @property {boolean} [ours] looks at what only the engine's connections have
 *
 * @typedef {object} Tools
 * @property {object} http the implementation
 * @property {number} port of the server
 * @property {string} path of the Unix socket on which the same server listens
 * @property {http.Server} server node:http's
 */

const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const nodeHttp = require('node:http');
const { once } = require('node:events');
const { openPort } = require('../../lib/seam/binding');
const { connectionOf } = require('../../lib/connection/socket');

const LOCAL = '127.0.0.1';

/** @return {Promise<string>} the answer to a request, or the code of what it failed with */
function answer({ http, port }, options, show = (res, body) => body) {
  return new Promise((resolve) => {
    let req;
    try {
      req = http.request({ host: LOCAL, port, agent: false, ...options });
    } catch (error) {
      resolve(error.code);
      return;
    }
    req.on('response', (res) => {
      let body = '';
      res.setEncoding('latin1').on('data', (chunk) => (body += chunk));
      res.on('end', () => resolve(String(show(res, body, req))));
    });
    req.on('error', (error) => resolve(error.code));
    req.on('timeout', () => (resolve('timeout'), req.destroy()));
    req.end();
  });
}

/** What the server was told of one field. */
const field = (name) => async (tools, given) => new RegExp(`^${name}: .*`, 'mi').exec(await answer(tools, given))?.[0] ?? 'none';
const firstLine = async (tools, given) => (await answer(tools, given)).split('\n')[0];
/** A server that answers with this. */
const answered = (text, show) => async (tools, given) => {
  const server = net.createServer((socket) => socket.on('data', () => socket.end(text)).on('error', () => {}));
  await once(server.listen(0, LOCAL), 'listening');
  const told = await answer(tools, { port: server.address().port, ...given }, show);
  await new Promise((resolve) => server.close(resolve));
  return told;
};
const OK = 'HTTP/1.1 200 OK\r\nConnection: close\r\n';
/** What an agent has done for a request. */
const shown = (show) => (tools, given) => answer(tools, given, (res, body, req) => show(req.socket, req, res));
/** The name is looked up with these options, and found. */
const lookedUp = (show) => (tools, given) => {
  let asked;
  const lookup = (host, options, callback) => {
    asked = show(options);
    callback(null, options.all ? [{ address: LOCAL, family: 4 }] : LOCAL, 4);
  };
  return answer(tools, { lookup, host: 'name.test', ...given }, () => asked);
};

/** @type {Record<string, Effect>} */
const REQUEST = {
  agent: {
    outcomes: [[({ http }) => new http.Agent({ keepAlive: true }), 'Connection: keep-alive'], [false, 'Connection: close']],
    async tell(tools, given) {
      const told = await field('connection')(tools, given);
      if (given.agent) given.agent.destroy();
      return told;
    },
  },
  createConnection: {
    outcomes: [[undefined, 'false'], [() => (options) => Object.assign(net.connect(options), { isMine: true }), 'true']],
    tell: (tools, given) => shown((socket) => socket.isMine === true)(tools, { agent: undefined, ...given, headers: { Connection: 'close' } }),
  },
  protocol: { outcomes: [['http:', 'GET /'], ['ftp:', 'ERR_INVALID_PROTOCOL']], tell: firstLine },
  path: { outcomes: [[undefined, 'GET /'], ['/a?b', 'GET /a?b']], tell: firstLine },
  defaultPort: {
    outcomes: [[80, 'named'], [(tools) => tools.port, 'not named']],
    tell: async (tools, given) => ((await field('host')(tools, given)).includes(tools.port) ? 'named' : 'not named'),
  },
  hostname: { outcomes: [[undefined, '127.0.0.1'], ['127.0.0.2', '127.0.0.2']], tell: shown((socket) => socket.remoteAddress) },
  host: { outcomes: [['127.0.0.1', '127.0.0.1'], ['127.0.0.2', '127.0.0.2']], tell: shown((socket) => socket.remoteAddress) },
  setHost: {
    outcomes: [[undefined, 'Host: set'], [false, 'none']],
    tell: async (tools, given) => (await field('host')(tools, given)).replace(`${LOCAL}:${tools.port}`, 'set'),
  },
  setDefaultHeaders: { outcomes: [[undefined, 'Connection: close'], [false, 'none']], tell: (tools, given) => field('connection')(tools, given) },
  timeout: { outcomes: [[undefined, 'GET /late'], [20, 'timeout']], tell: (tools, given) => firstLine(tools, { path: given.timeout ? '/never' : '/late', ...given }) },
  signal: { outcomes: [[undefined, 'GET /'], [() => AbortSignal.abort(), 'ABORT_ERR']], tell: firstLine },
  method: { outcomes: [[undefined, 'GET /'], ['delete', 'DELETE /']], tell: firstLine },
  maxHeaderSize: { outcomes: [[undefined, 'ok'], [1000, 'HPE_HEADER_OVERFLOW']], tell: answered(`${OK}A: ${'a'.repeat(2000)}\r\n\r\nok`) },
  insecureHTTPParser: { outcomes: [[true, 'ok'], [false, 'HPE_INVALID_HEADER_TOKEN']], tell: answered(`${OK}A: b\x01\r\n\r\nok`) },
  httpValidation: { outcomes: [['relaxed', 'ok'], ['insecure', 'ok'], ['strict', 'HPE_INVALID_HEADER_TOKEN']], tell: answered(`${OK}A: b\x01\r\n\r\nok`) },
  joinDuplicateHeaders: { outcomes: [[undefined, '1'], [true, '1, 2']], tell: answered(`${OK}Age: 1\r\nAge: 2\r\n\r\n`, (res) => res.headers.age) },
  headers: { outcomes: [[undefined, 'none'], [{ A: 'b' }, 'A: b']], tell: field('a') },
  auth: { outcomes: [[undefined, 'none'], ['a:b', 'Authorization: Basic YTpi']], tell: field('authorization') },
  uniqueHeaders: { outcomes: [[undefined, 'A: 1'], [['a'], 'A: 1; 2']], tell: (tools, given) => field('a')(tools, { headers: { A: ['1', '2'] }, ...given }) },
};

/** Of a request, or of the agent that makes its connection. @type {Record<string, Effect>} */
const CONNECTION = {
  objectMode: { outcomes: [[false, 'GET /'], [true, 'ERR_INVALID_ARG_VALUE']], tell: firstLine },
  readableObjectMode: { outcomes: [[false, 'GET /'], [true, 'ERR_INVALID_ARG_VALUE']], tell: firstLine },
  writableObjectMode: { outcomes: [[false, 'GET /'], [true, 'ERR_INVALID_ARG_VALUE']], tell: firstLine },
  keepAliveInitialDelay: { outcomes: [[undefined, '0'], [7000, '7'], [-7000, '0']], tell: shown((socket) => connectionOf(socket).keepAliveDelay), ours: true },
  highWaterMark: { outcomes: [[undefined, '65536'], [77, '77']], tell: shown((socket) => socket.writableHighWaterMark), ours: true },
  signal: { outcomes: [[undefined, 'GET /'], [() => AbortSignal.abort(), 'ABORT_ERR']], tell: firstLine },
  allowHalfOpen: { outcomes: [[undefined, 'false'], [true, 'true']], tell: shown((socket) => socket.allowHalfOpen) },
  noDelay: { outcomes: [[true, 'true'], [false, 'false']], tell: shown((socket) => connectionOf(socket).wantsNoDelay), ours: true },
  keepAlive: { outcomes: [[true, 'true'], [false, 'false']], tell: shown((socket) => connectionOf(socket).keptAlive), ours: true },
  typeOfService: {
    outcomes: [[undefined, 'undefined'], [8, '8']],
    // What the kernel makes of it is looked at in tests/drivers.rs.
    async tell(tools, given) {
      const connect = jest.spyOn(openPort(), 'connect');
      await answer(tools, given);
      const { typeOfService } = connect.mock.calls[0][0];
      connect.mockRestore();
      return String(typeOfService);
    },
    ours: true,
  },
  blockList: {
    outcomes: [[undefined, 'GET /'], [() => Object.assign(new net.BlockList(), { a: 1 }), 'GET /'], [() => blocked(), 'ERR_IP_BLOCKED']],
    tell: firstLine,
  },
  timeout: { outcomes: [[20, 'timeout']], tell: (tools, given) => answer(tools, { path: '/never', ...given }) },
  socketPath: { outcomes: [[undefined, 'true'], [(tools) => tools.path, 'false']], tell: shown((socket, { res }) => res.headers.tcp) },
  localAddress: { outcomes: [[undefined, LOCAL], ['127.0.0.3', '127.0.0.3']], tell: shown((socket, { res }) => res.headers.from) },
  localPort: {
    outcomes: [[undefined, 'another'], [() => freePort(), 'this one']],
    tell: (tools, given) => answer(tools, given, (res) => (Number(res.headers['from-port']) === (given.agent ? given.agent.options : given).localPort ? 'this one' : 'another')),
  },
  port: { outcomes: [[1, 'ECONNREFUSED'], [(tools) => tools.port, 'GET /']], tell: firstLine },
  host: { outcomes: [[LOCAL, LOCAL], ['127.0.0.2', '127.0.0.2']], tell: shown((socket) => socket.remoteAddress) },
  autoSelectFamily: { outcomes: [[true, 'true'], [false, 'undefined']], tell: lookedUp(({ all }) => all) },
  autoSelectFamilyAttemptTimeout: {
    outcomes: [[20, 'connectionAttemptTimeout']],
    tell: (tools, given) =>
      new Promise((resolve) => {
        // 192.0.2.1 (RFC 5737) answers nothing, if it does not fail at once.
        const lookup = (host, options, callback) => callback(null, [{ address: '192.0.2.1', family: 4 }, { address: '::1', family: 6 }]);
        const req = tools.http.get({ port: tools.port, host: 'name.test', agent: false, autoSelectFamily: true, lookup, ...given });
        req.on('error', () => {});
        req.on('socket', (socket) => {
          socket.on('connectionAttemptFailed', () => req.destroy());
          socket.on('connectionAttemptTimeout', () => (resolve('connectionAttemptTimeout'), req.destroy()));
        });
        req.on('close', () => resolve('connectionAttemptTimeout'));
      }),
  },
  lookup: {
    outcomes: [[() => (host, options, callback) => callback(Object.assign(new Error('mine'), { code: 'MINE' })), 'MINE'], [() => found, 'GET /']],
    tell: (tools, given) => firstLine(tools, { host: 'name.test', ...given }),
  },
  family: { outcomes: [[undefined, 'undefined'], [4, '4']], tell: lookedUp(({ family }) => family) },
  hints: { outcomes: [[8, '8'], [16, '16']], tell: lookedUp(({ hints }) => hints) },
};

/** @return {(tools: Tools, given: object) => Promise<string>} what an agent is like after requests that came at once */
const pooled = (requests, show) => async (tools, given) => {
  const agent = new tools.http.Agent({ keepAlive: true, ...given });
  const asked = Array.from({ length: requests }, (_, n) => answer(tools, { agent, host: `127.0.0.${(n % 2) + 1}` }, (res, body, req) => req.socket));
  const during = { used: count(agent.sockets), waiting: count(agent.requests) };
  await Promise.all(asked);
  await new Promise(setImmediate);
  const told = String(show(agent, during));
  agent.destroy();
  return told;
};

/** @type {Record<string, Effect>} */
const AGENT = {
  protocol: { outcomes: [['http:', 'GET /'], ['ftp:', 'ERR_INVALID_PROTOCOL']], tell: byAgent((tools, given) => firstLine(tools, { ...given, protocol: 'http:' })) },
  defaultPort: {
    outcomes: [[80, 'ECONNREFUSED'], [(tools) => tools.port, 'GET /']],
    tell: byAgent((tools, given) => firstLine(tools, { ...given, port: undefined })),
  },
  keepAlive: { outcomes: [[undefined, '0'], [true, '2']], tell: pooled(2, (agent) => count(agent.freeSockets)) },
  keepAliveMsecs: {
    outcomes: [[undefined, '1'], [7000, '7']],
    tell: byAgent(shown((socket) => connectionOf(socket).keepAliveDelay), { keepAlive: true }),
    ours: true,
  },
  maxSockets: { outcomes: [[undefined, '0'], [1, '2']], tell: pooled(4, (agent, { waiting }) => waiting) },
  maxFreeSockets: { outcomes: [[undefined, '4'], [1, '2']], tell: pooled(4, (agent) => count(agent.freeSockets)) },
  maxTotalSockets: { outcomes: [[undefined, '0'], [1, '3']], tell: pooled(4, (agent, { waiting }) => waiting) },
  scheduling: {
    outcomes: [['lifo', 'last'], ['fifo', 'first']],
    tell: byAgent(
      async (tools, given) => {
        const made = [];
        given.agent.on('free', (socket) => made.push(socket));
        await Promise.all([answer(tools, given), answer(tools, given)]);
        await new Promise(setImmediate);
        let taken;
        await answer(tools, given, (res, body, req) => (taken = req.socket));
        return ['first', 'last'][made.indexOf(taken)];
      },
      { keepAlive: true },
    ),
  },
  agentKeepAliveTimeoutBuffer: {
    outcomes: [[undefined, '4000'], [4000, '1000'], [5000, 'none']],
    tell: (tools, given) => pooled(1, (agent) => Object.values(agent.freeSockets)[0]?.[0].timeout ?? 'none')(tools, { timeout: 60_000, ...given }),
  },
};

/** The option is an agent's. */
function byAgent(tell, base) {
  return async (tools, given) => {
    const agent = new tools.http.Agent({ ...base, ...given });
    const told = await tell(tools, { agent });
    agent.destroy();
    return told;
  };
}

const count = (lists) => Object.values(lists).reduce((sum, list) => sum + list.length, 0);
const found = (host, options, callback) => callback(null, options.all ? [{ address: LOCAL, family: 4 }] : LOCAL, 4);

function blocked() {
  const list = new net.BlockList();
  list.addAddress(LOCAL);
  return list;
}

async function freePort() {
  const server = net.createServer();
  await once(server.listen(0, LOCAL), 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Answers with what it was asked, and says who asked. */
function echo(req, res) {
  if (req.url === '/never') return;
  res.setHeader('Tcp', String(req.socket.remoteAddress !== undefined));
  res.setHeader('From', req.socket.remoteAddress?.replace('::ffff:', '') ?? '');
  res.setHeader('From-Port', req.socket.remotePort ?? '');
  res.setHeader('Keep-Alive', 'timeout=5');
  const fields = req.rawHeaders.map((text, n) => (n % 2 === 0 ? `\n${text}: ` : text)).join('');
  res.end(`${req.method} ${req.url}${fields}`);
}

/** @return {Promise<Tools & {close: () => Promise<void>}>} everything but the implementation */
async function openEcho() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'turnout-'));
  const servers = [0, path.join(folder, 's')].map((where) => nodeHttp.createServer({ requireHostHeader: false }, echo).listen(where));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  return {
    port: servers[0].address().port,
    path: path.join(folder, 's'),
    async close() {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
      await Promise.all(servers.map((server) => server.listening && once(server, 'close')));
      fs.rmSync(folder, { recursive: true });
    },
  };
}

module.exports = { REQUEST, CONNECTION, AGENT, byAgent, openEcho };
