'use strict';

/** What tests of https share: both modules, so that each test plays on Node's and on ours, and what opens and closes. */

const { once } = require('node:events');
const http = require('node:http');
const https = require('node:https');
const tls = require('node:tls');
const { authority, localhost } = require('./certificate');
const { closed, listening } = require('./servers');

/** With `http`, which goes with it. */
const MODULES = [
  ['node:https', { https, http }],
  ['turnout/https', { https: require('../../https'), http: require('../..') }],
];

/** What has been opened, and must be closed when the test is over. */
const opened = [];

/** @return {Promise<object>} the server listens; `server.port` says where */
async function serve(https, options, listener) {
  const server = https.createServer({ ...localhost, ...options }, listener);
  opened.push(() => {
    server.closeAllConnections();
    return server.listening && closed(server);
  });
  server.port = await listening(server);
  return server;
}

/** @return {tls.TLSSocket} a raw client; `socket.text` is what has come so far */
function connect(server, options) {
  const socket = tls.connect({ port: server.port, host: '127.0.0.1', servername: 'localhost', ca: authority, ...options });
  socket.text = '';
  socket.on('data', (data) => (socket.text += data.toString('latin1')));
  socket.on('error', () => {});
  opened.push(() => socket.destroy());
  return socket;
}

/** Keeps an agent until the test is over. */
function withAgent(agent) {
  opened.push(() => agent.destroy());
  return agent;
}

/** Sends a request and reads what comes of it. */
async function ask(https, server, options, body) {
  const req = https.request({ port: server.port, host: '127.0.0.1', servername: 'localhost', ca: authority, ...options });
  req.end(body);
  const [res] = await once(req, 'response');
  const chunks = [];
  for await (const chunk of res) chunks.push(chunk);
  return { req, res, body: Buffer.concat(chunks) };
}

/** To be given to afterEach(). */
async function closeAll() {
  for (const close of opened.splice(0).reverse()) await close();
}

module.exports = { MODULES, serve, connect, withAgent, ask, closeAll };
