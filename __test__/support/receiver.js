'use strict';

/** What tests of handle passing need: a child that takes handles, and raw peers. */

const { fork } = require('node:child_process');
const net = require('node:net');
const path = require('node:path');
const { once } = require('node:events');
const { until } = require('./servers');

const CHILD = path.join(__dirname, '..', 'programs', 'handle-child.js');
const TURNOUT = path.join(__dirname, '..', '..');
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
const UPGRADE = 'GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';

/** @param {object} [options] fork()'s; `plain`: the child knows nothing of turnout @return {Promise<import('child_process').ChildProcess>} that is ready */
async function receiver({ plain = false, ...options } = {}) {
  const child = fork(CHILD, plain ? [] : [TURNOUT], { execArgv: [], ...options });
  await once(child, 'message');
  return child;
}

/** The next message that `test` likes, and its handle. */
function message(child, test) {
  return new Promise((resolve) => {
    child.on('message', function heard(told, handle) {
      if (!test(told)) return;
      child.removeListener('message', heard);
      resolve([told, handle]);
    });
  });
}

const done = (child) => message(child, (told) => told.done !== undefined);

/** A raw client that keeps what it hears. */
function dial(where, text = '') {
  const peer = net.connect(typeof where === 'string' ? where : { port: where, host: '127.0.0.1' });
  peer.text = '';
  peer.on('data', (data) => (peer.text += data.toString('latin1')));
  peer.on('error', () => {});
  if (text) peer.write(text);
  return peer;
}

/** @return {Promise<void>} when the peer has heard `text` */
const heard = (peer, text) => until(() => peer.text.includes(text));

/** The peer goes, and has gone. */
async function leave(peer) {
  peer.destroy();
  if (!peer.closed) await once(peer, 'close');
}

/** @return {Promise<string>} body of the answer to one request on a connection of its own */
async function ask(where, target = '/') {
  const peer = dial(where, `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  await new Promise((resolve) => peer.on('close', resolve));
  return peer.text.includes('\r\n\r\n') ? peer.text.split('\r\n\r\n')[1] : peer.text;
}

module.exports = { receiver, message, done, dial, heard, leave, ask, SWITCH, UPGRADE };
