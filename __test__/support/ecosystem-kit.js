'use strict';

/** What scenarios of the ecosystem tests work with; runs in the child process. */

const { once } = require('node:events');
const net = require('node:net');
const turnout = require('../..');
const turnoutHttps = require('../../https');
const certificates = require('./certificate');

const MARK = 'RESULT ';

const servers = [];

const kit = {
  /** @return {Promise<number>} the port `server` listens on; it is closed when the scenario is over */
  async listen(server) {
    if (!server.listening) {
      if (!server.address?.()) server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    }
    return kit.opened(server);
  },

  /** As listen() for who has listened already. */
  opened(server) {
    if (kit.host === 'turnout' && !(server instanceof turnout.Server) && !(server instanceof turnoutHttps.Server)) throw new Error('the server is not turnout\'s');
    servers.push(server);
    return server.address().port;
  },

  /** @return {Promise<{status: number, headers: Headers, body: string}>} */
  async fetch(port, path, init) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
    return { status: response.status, headers: response.headers, body: await response.text() };
  },

  /** @return {Promise<string>} everything the server says to `text`, until it closes */
  raw(port, text) {
    return new Promise((resolve, reject) => {
      let answer = '';
      const socket = net.connect(port, '127.0.0.1', () => socket.write(text));
      socket.setEncoding('latin1').on('data', (data) => (answer += data));
      socket.on('end', () => resolve(answer)).on('error', reject);
    });
  },

  /** @return {Promise<string[]>} what a WebSocket says to `messages`, one answer each; then it is closed */
  async chat(socket, messages, open = true) {
    const answers = [];
    if (open) await once(socket, 'open');
    for (const message of messages) {
      const answer = once(socket, 'message');
      socket.send(message);
      const [data, isBinary] = await answer;
      answers.push(isBinary ? `binary ${data.length}` : String(data));
    }
    const closed = once(socket, 'close');
    socket.close();
    await closed;
    return answers;
  },

  certificates,
  once,
};

/** Plays a scenario; the parameters are those of ecosystem.js. */
async function play(scenario, require, argument, host) {
  kit.host = host;
  // With turnout/register this is what everybody gets; without it turnout is asked for by name.
  kit.http = host === 'turnout' ? turnout : require('http');
  kit.https = host === 'turnout' ? turnoutHttps : require('https');
  try {
    const result = await scenario(kit, require, argument);
    process.stdout.write(`${MARK}${JSON.stringify(result)}\n`);
  } finally {
    for (const server of servers) {
      if (server.listening) server.close();
      server.closeIdleConnections();
    }
  }
}

module.exports = { play };
