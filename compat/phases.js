'use strict';

/**
 * Drives one implementation of node:http through the phases of a connection and hands every object to `see(name, object)` when it
 * is in that phase: server, request, response and socket, on both sides, before, during and after an upgrade.
 */

const net = require('node:net');
const { once } = require('node:events');

const UPGRADE = { Connection: 'Upgrade', Upgrade: 'compat' };
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: compat\r\n\r\n';

/** @param {object} http @param {(name: string, object: object) => void} see */
async function walkPhases(http, see) {
  const server = http.createServer();
  see('server made', server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  see('server listening', server);
  const agent = new http.Agent({ keepAlive: true });
  see('agent made', agent);
  await oneRequest(http, server, agent, see);
  await oneBody(http, server, agent, see);
  see('agent with a free socket', agent);
  await oneUpgrade(http, server, see);
  agent.destroy();
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  see('server closed', server);
}

async function oneRequest(http, server, agent, see) {
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
  const req = http.get({ port: server.address().port, host: '127.0.0.1', agent });
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

async function oneBody(http, server, agent, see) {
  server.once('request', (req, res) => {
    see('req with a body', req);
    see('res to a body', res);
    req.on('end', () => {
      see("req in 'end'", req);
      res.end();
    });
    req.resume();
  });
  const req = http.request({ method: 'POST', port: server.address().port, host: '127.0.0.1', agent });
  req.end('body');
  see('clientReq ended', req);
  const [res] = await once(req, 'response');
  await once(res.resume(), 'close');
  await new Promise(setImmediate);
}

async function oneUpgrade(http, server, see) {
  const handedOver = new Promise((resolve) => {
    server.once('upgrade', (req, socket) => {
      see("req in 'upgrade'", req);
      see("socket in 'upgrade'", socket);
      socket.write(SWITCH);
      resolve(socket);
    });
  });
  const req = http.request({ port: server.address().port, host: '127.0.0.1', headers: UPGRADE, agent: false });
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

module.exports = { walkPhases, makeByHand };
