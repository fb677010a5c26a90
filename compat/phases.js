'use strict';

/**
 * Drives one implementation of node:http through the phases of a connection and hands every object to `see(name, object)` when it
 * is in that phase: server, request, response and socket, on both sides, before, during and after an upgrade.
 */

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const nodeHttp = require('node:http');
const { once } = require('node:events');
const { duplexPair } = require('node:stream');

const UPGRADE = { Connection: 'Upgrade', Upgrade: 'compat' };
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: compat\r\n\r\n';

/**
 * Where the phases take place: a server, options by which its clients reach it, an agent that keeps their connections, and options of a
 * request without it.
 * @typedef {{server: object, where: object, agent: object, alone: object}} Place
 */

/** Over sockets of the implementation's own. @param {object} http @param {(name: string, object: object) => void} see */
async function walkPhases(http, see) {
  const server = http.createServer();
  const agent = new http.Agent({ keepAlive: true });
  await walk(http, await listening(server, agent, see), see);
}

/** The same with TLS below. @param {object} https @param {(name: string, object: object) => void} see */
async function walkSecurePhases(https, see) {
  const fixture = (name) => fs.readFileSync(path.join(__dirname, '..', '__test__', 'support', name));
  const server = https.createServer({ key: fixture('key.pem'), cert: fixture('cert.pem') });
  const agent = new https.Agent({ keepAlive: true });
  const place = await listening(server, agent, see);
  Object.assign(place.where, { servername: 'localhost', rejectUnauthorized: false });
  await walk(https, place, see);
}

/** A client whose connections an agent of node:http makes. @param {object} http @param {(name: string, object: object) => void} see */
async function walkForeignAgent(http, see) {
  const agent = new nodeHttp.Agent({ keepAlive: true });
  agent.createConnection = (options) => net.connect({ port: options.port, host: options.host });
  const seeClient = (name, object) => void (/^client/.test(name) && see(name, object));
  const place = await listening(http.createServer(), agent, seeClient);
  await walk(http, { ...place, alone: { agent } }, seeClient);
}

/** Both ends over streams in memory that they are given. @param {object} http @param {(name: string, object: object) => void} see */
async function walkGivenStreams(http, see) {
  const server = http.createServer();
  const createConnection = () => {
    const [client, given] = duplexPair();
    server.emit('connection', given);
    // What an agent that keeps sockets asks of them.
    return Object.assign(client, { setKeepAlive() {}, setTimeout() {}, ref() {}, unref() {} });
  };
  const agent = Object.assign(new http.Agent({ keepAlive: true }), { createConnection });
  await walk(http, { server, agent, where: {}, alone: { createConnection } }, see);
}

/** @return {Promise<Place>} */
async function listening(server, agent, see) {
  see('server made', server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  see('server listening', server);
  return { server, agent, where: { port: server.address().port, host: '127.0.0.1' }, alone: { agent: false } };
}

/** @param {object} http @param {Place} place */
async function walk(http, place, see) {
  const { server, agent } = place;
  see('agent made', agent);
  await oneRequest(http, place, see);
  await oneBody(http, place, see);
  see('agent with a free socket', agent);
  await oneUpgrade(http, place, see);
  agent.destroy();
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  see('server closed', server);
}

async function oneRequest(http, { server, agent, where }, see) {
  server.once('connection', (socket) => see("socket in 'connection'", socket));
  server.once('request', (req, res) => {
    see("req in 'request'", req);
    see("res in 'request'", res);
    see("socket in 'request'", req.socket);
    const { socket } = req;
    res.on('finish', () => see("res in 'finish'", res));
    res.on('close', () => {
      see("req after 'close' of res", req);
      see("res after 'close'", res);
      // Where the next request is waited for.
      setImmediate(() => see('socket between requests', socket));
    });
    res.setHeader('X-A', '1');
    see('res with a header', res);
    res.write('o');
    see('res with a head', res);
    res.end('k');
    see('res ended', res);
  });
  const req = http.get({ ...where, agent });
  see('clientReq made', req);
  req.on('socket', (socket) => see("client socket in 'socket'", socket));
  req.on('response', (one) => {
    see("clientReq in 'response'", req);
    see("clientRes in 'response'", one);
    see("client socket in 'response'", one.socket);
  });
  const [res] = await once(req, 'response');
  await once(res.resume(), 'close');
  see("clientReq after 'close'", req);
  see("clientRes after 'close'", res);
}

async function oneBody(http, { server, agent, where }, see) {
  server.once('request', (req, res) => {
    see('req with a body', req);
    see('res to a body', res);
    req.on('end', () => {
      see("req in 'end'", req);
      res.end();
    });
    req.resume();
  });
  const req = http.request({ method: 'POST', ...where, agent });
  req.end('body');
  see('clientReq ended', req);
  const [res] = await once(req, 'response');
  await once(res.resume(), 'close');
  await new Promise(setImmediate);
}

async function oneUpgrade(http, { server, where, alone }, see) {
  const handedOver = new Promise((resolve) => {
    server.once('upgrade', (req, socket) => {
      see("req in 'upgrade'", req);
      see("socket in 'upgrade'", socket);
      socket.write(SWITCH);
      resolve(socket);
    });
  });
  const req = http.request({ ...where, ...alone, headers: UPGRADE });
  req.end();
  req.on('upgrade', (res, clientSocket) => {
    see("clientReq in 'upgrade'", req);
    see("clientRes in 'upgrade'", res);
    see("client socket in 'upgrade'", clientSocket);
  });
  const [, clientSocket] = await once(req, 'upgrade');
  const socket = await handedOver;
  const closing = Promise.all([once(socket, 'close'), once(clientSocket, 'close')]);
  clientSocket.resume().end();
  socket.resume().end();
  await closing;
  see('socket destroyed', socket);
  see('client socket destroyed', clientSocket);
}

/** What is made by hand, without a connection. @param {object} http @param {(name: string, object: object) => void} see */
function makeByHand(http, see) {
  const req = new http.IncomingMessage(new net.Socket());
  see('IncomingMessage by hand', req);
  see('OutgoingMessage by hand', new http.OutgoingMessage());
  Object.assign(req, { method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1 });
  see('ServerResponse by hand', new http.ServerResponse(req));
}

module.exports = { walkPhases, walkForeignAgent, walkGivenStreams, walkSecurePhases, makeByHand };
