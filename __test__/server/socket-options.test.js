'use strict';

const fs = require('node:fs');
const net = require('node:net');
const nodeHttp = require('node:http');
const turnout = require('../..');
const { once } = require('node:events');

/** Ticks of the times in /proc, a second. */
const HZ = 100;
const PATIENCE = 5000;

/**
 * What the kernel says of the timer of a server's end of a connection (proc(5), /proc/net/tcp: `tr` and `tm->when`).
 * @return {{keepAlive: boolean, seconds: number}}
 */
function timerOf(serverPort, clientPort) {
  const hex = (port) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const line of fs.readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, local, remote, , , timer] = line.trim().split(/\s+/);
    if (!local?.endsWith(hex(serverPort)) || !remote.endsWith(hex(clientPort))) continue;
    const [kind, when] = timer.split(':').map((text) => Number.parseInt(text, 16));
    return { keepAlive: kind === 2, seconds: kind === 2 ? Math.ceil(when / HZ / 10) * 10 : 0 };
  }
  throw new Error('no such connection');
}

/** The server's end of a connection while a request is being handled, as `act(socket)` has left it. */
async function timerWith(http, options, act = () => {}) {
  const server = http.createServer(options).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = net.connect(server.address().port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  const [req] = await once(server, 'request');
  act(req.socket);
  // Commands leave with the tick, and another thread may take them: asked until the kernel has changed its mind.
  const { port } = server.address();
  let timer = timerOf(port, client.localPort);
  const end = performance.now() + PATIENCE;
  while (act.expects !== undefined && timer.keepAlive !== act.expects && performance.now() < end) {
    await new Promise(setImmediate);
    timer = timerOf(port, client.localPort);
  }
  client.destroy();
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  return timer;
}

const on = Object.assign((socket) => socket.setKeepAlive(true, 45_000), { expects: true });
const off = Object.assign((socket) => socket.setKeepAlive(false), { expects: false });

(process.platform === 'linux' ? describe : describe.skip)('what the kernel knows of a connection', () => {
  it.each([
    ['nothing by default', {}, undefined, { keepAlive: false, seconds: 0 }],
    ['keepAlive and keepAliveInitialDelay', { keepAlive: true, keepAliveInitialDelay: 45_000 }, undefined, { keepAlive: true, seconds: 50 }],
    ['socket.setKeepAlive(true, delay)', {}, on, { keepAlive: true, seconds: 50 }],
    ['socket.setKeepAlive(false)', { keepAlive: true, keepAliveInitialDelay: 45_000 }, off, { keepAlive: false, seconds: 0 }],
  ])('is %s', async (_, options, act, expected) => {
    expect(await timerWith(nodeHttp, options, act)).toEqual(expected);
    expect(await timerWith(turnout, options, act)).toEqual(expected);
  });
});
