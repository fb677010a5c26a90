'use strict';

const net = require('node:net');
const turnout = require('../..');
const { listening, closed } = require('../support/servers');

/** node:http's own parser may be used again by then, and ends the process at times. */
it('the parser of a request that has been upgraded may still be called', async () => {
  const server = turnout.createServer();
  let parser;
  server.shouldUpgradeCallback = (req) => {
    ({ parser } = req.socket);
    return true;
  };
  const calls = ['pause', 'resume', 'finish', 'remove', 'consume', 'unconsume', 'free', 'close', 'initialize'];
  server.on('upgrade', (req, socket) => {
    expect([parser.constructor.name, socket.parser]).toEqual(['HTTPParser', null]);
    for (const name of calls) expect(parser[name]()).toBe(undefined);
    expect(parser.execute(Buffer.from('GET / HTTP/1.1\r\n\r\n'))).toBe(undefined);
    parser.incoming = null;
    parser.onIncoming = null;
    socket.parser = null;
    socket.on('data', (chunk) => socket.end(`echo ${chunk}`));
    socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
  });
  await listening(server);
  const peer = net.connect(server.address().port, '127.0.0.1');
  peer.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
  let heard = '';
  peer.once('data', () => peer.write('abc'));
  await new Promise((resolve) => peer.on('data', (chunk) => (heard += chunk)).on('close', resolve));
  expect(heard).toContain('echo abc');
  await closed(server);
});

/** node:http's server asserts that messages end in their order, and throws. */
it('a response that is taken off its socket leaves that to its program, and the next request is answered', async () => {
  const server = turnout.createServer((req, res) => {
    const { socket } = req;
    if (req.url === '/2') {
      res.end('two.');
      return;
    }
    res.detachSocket(socket);
    expect([res.socket, socket._httpMessage, res.write('no')]).toEqual([null, null, true]);
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nraw.');
  });
  await listening(server);
  const peer = net.connect(server.address().port, '127.0.0.1');
  peer.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
  let heard = '';
  await new Promise((resolve) => peer.on('data', (chunk) => (heard += chunk).endsWith('two.') && resolve()));
  expect(heard).toMatch(/^HTTP\/1.1 200 OK\r\nContent-Length: 4\r\n\r\nraw\.HTTP\/1.1 200 OK[^]*two\.$/);
  peer.destroy();
  await closed(server);
});
