'use strict';

/** One port for HTTP and HTTPS: a net.Server looks at the first byte, puts it back and hands the socket on. */

const https = require('node:https');
const net = require('node:net');
const nodeHttp = require('node:http');
const turnout = require('../..');
const certificate = require('../support/certificate');
const { listening, closed } = require('../support/servers');

/** The first byte of a TLS record with a hello in it (RFC 8446 §5.1). */
const HANDSHAKE = 22;
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';

/** Three ways to look at bytes and put them back. */
const SNIFFERS = {
  "once('data') and unshift()": (socket, route) =>
    socket.once('data', (chunk) => {
      socket.pause();
      socket.unshift(chunk);
      route(chunk[0]);
      process.nextTick(() => socket.resume());
    }),
  "once('readable'), read() and unshift()": (socket, route) =>
    socket.once('readable', () => {
      const chunk = socket.read();
      socket.unshift(chunk);
      route(chunk[0]);
    }),
  'read(1) and unshift()': (socket, route) =>
    socket.once('readable', () => {
      const chunk = socket.read(1);
      socket.unshift(chunk);
      route(chunk[0]);
    }),
};

const get = (client, options) =>
  new Promise((resolve, reject) => {
    client
      .get({ host: '127.0.0.1', agent: false, rejectUnauthorized: false, ...options }, (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (chunk) => (text += chunk)).on('end', () => resolve(text));
      })
      .on('upgrade', (res, socket, head) => {
        let text = String(head);
        socket.setEncoding('utf8').on('data', (chunk) => (text += chunk)).on('end', () => resolve(`upgraded ${text}`));
        socket.write('ping');
      })
      .on('error', reject);
  });

describe.each([
  ['node:http', nodeHttp],
  ['turnout', turnout],
])('a port that %s shares with https', (_, http) => {
  it.each(Object.entries(SNIFFERS))('serves both, and upgrades, by %s', async (name, sniff) => {
    const answer = (req, res) => res.end(`${req.socket.encrypted ? 'https' : 'http'} ${req.url}`);
    const upgrade = (req, socket, head) => {
      socket.write(`${SWITCH}${req.socket.encrypted ? 'https' : 'http'} ${head}`);
      socket.once('data', (chunk) => socket.end(`pong ${chunk}`));
    };
    const plain = http.createServer(answer).on('upgrade', upgrade);
    const secure = https.createServer(certificate, answer).on('upgrade', upgrade);
    const front = net.createServer((socket) => {
      sniff(socket, (first) => (first === HANDSHAKE ? secure : plain).emit('connection', socket));
    });
    const port = await listening(front);
    expect(await get(nodeHttp, { port, path: '/a' })).toBe('http /a');
    expect(await get(https, { port, path: '/b' })).toBe('https /b');
    const headers = { Connection: 'Upgrade', Upgrade: 'x' };
    expect(await get(nodeHttp, { port, path: '/c', headers })).toBe('upgraded http pong ping');
    expect(await get(https, { port, path: '/d', headers })).toBe('upgraded https pong ping');
    await closed(front);
  });
});
