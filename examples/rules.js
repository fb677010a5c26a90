'use strict';

/** The rules of the 'upgrade' event, one after the other; each prints what a client sees. */

const net = require('node:net');
const http = require('..');

const FIELDS = 'Host: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n';
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n';

/** Sends `parts` one after the other, each when `until` of the one before has been seen, and resolves with all that came back. */
async function ask(server, ...parts) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = net.connect(server.address().port, '127.0.0.1');
  let seen = '';
  for (const { send, until } of parts) {
    socket.write(send);
    await new Promise((resolve) => {
      const check = () => (until === undefined ? socket.destroyed : seen.includes(until)) && resolve();
      socket.on('data', (chunk) => {
        seen += chunk;
        check();
      });
      socket.on('close', resolve);
    });
  }
  socket.destroy();
  server.close();
  server.closeAllConnections();
  return seen.split('\r\n')[0] || 'nothing, connection closed';
}

const request = (req, res) => res.end(`request, upgrade: ${req.upgrade}`);

async function main() {
  const get = { send: `GET / HTTP/1.1\r\n${FIELDS}\r\n` };

  console.log('no listener:', await ask(http.createServer(request), { ...get, until: 'request' }));

  const choosing = http.createServer({ shouldUpgradeCallback: (req) => req.url === '/yes' }, request);
  choosing.on('upgrade', (req, socket) => socket.end(SWITCH));
  console.log('callback says no:', await ask(choosing, { ...get, until: 'request' }));

  const accepting = http.createServer({ shouldUpgradeCallback: () => true }, request);
  console.log('callback says yes, no listener:', await ask(accepting, get));

  const withBody = http.createServer(request);
  const heard = [];
  withBody.on('upgrade', (req, stream) => {
    console.log('with a body: request.socket is the net.Socket:', req.socket instanceof net.Socket, '- the stream:', stream.constructor.name);
    req.on('data', (chunk) => heard.push(`body ${chunk}`));
    stream.on('data', (chunk) => {
      heard.push(`stream ${chunk}`);
      stream.end('bye');
    });
    stream.write(SWITCH);
  });
  await ask(withBody, { send: `POST / HTTP/1.1\r\n${FIELDS}Content-Length: 5\r\n\r\nhe`, until: '101' }, { send: 'lloraw', until: 'bye' });
  console.log('with a body:', heard.join(', '));
}

main();
