'use strict';

const net = require('node:net');
const turnout = require('../..');
const { listening, closed, until } = require('../support/servers');

const get = (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

describe('responses that were not sent', () => {
  const endings = {
    'the peer ends': (peer) => peer.end(),
    'the peer resets': (peer) => peer.resetAndDestroy(),
    'the peer is gone': (peer) => peer.destroy(),
    'the first answer says close': (peer, first) => first.setHeader('Connection', 'close').end('one'),
    'the handler ends the socket': (peer, first) => first.socket.end(),
    'the handler calls destroySoon() of the socket': (peer, first) => first.socket.destroySoon(),
    'the handler destroys the socket': (peer, first) => first.socket.destroy(),
    'the first response is destroyed': (peer, first) => first.destroy(),
    'closeAllConnections()': (peer, first, server) => server.closeAllConnections(),
    'the next request is no HTTP': (peer) => peer.write('GARBAGE\r\n\r\n'),
    'the socket is idle for too long': (peer, first) => first.socket.emit('timeout'),
  };
  for (const [name, act] of Object.entries(endings)) {
    it(`hear an error: ${name}`, async () => {
      const told = [];
      const hear = (word) => (error) => told.push(`${word} ${error ? 'failed' : 'done'}`);
      const server = turnout.createServer();
      await listening(server);
      const peer = net.connect(server.address().port, '127.0.0.1', () => peer.write(get('/1') + get('/2') + get('/3')));
      peer.on('error', () => {});
      peer.resume();
      let first;
      const over = [];
      await new Promise((resolve) => {
        server.on('request', (req, res) => {
          over.push(new Promise((closed) => res.on('close', closed)));
          if (req.url === '/1') {
            first = res;
          } else {
            res.on('finish', () => told.push('finish'));
            if (req.url === '/2') {
              res.end('two', hear('end'));
            } else {
              res.write('three', hear('write'));
              resolve();
            }
          }
        });
      });
      act(peer, first, server);
      await Promise.all(over);
      await new Promise(setImmediate);
      expect(told.sort()).toEqual(['end failed', 'write failed']);
      peer.destroy();
      await closed(server);
    });
  }

  it("have not finished, even where somebody comes to listen only after end()", async () => {
    const told = [];
    const server = turnout.createServer((req, res) => {
      res.end(Buffer.alloc(32 << 20));
      for (const event of ['finish', 'close']) res.on(event, () => told.push(event));
      res.on('close', () => server.close());
      setImmediate(() => peer.destroy());
    });
    await listening(server);
    const peer = net.connect(server.address().port, '127.0.0.1', () => peer.write(get('/')));
    peer.pause();
    await new Promise((resolve) => server.on('close', resolve));
    expect(told).toEqual(['close']);
  });
});

describe('a pipeline whose first answer is slow', () => {
  it('is told of no more requests than what waits for its turn allows, and of all in the end', async () => {
    const COUNT = 300;
    let told = 0;
    let first;
    let outstanding = 0;
    const server = turnout.createServer((req, res) => {
      if (told++ === 0) {
        first = res;
        return;
      }
      res.end('x'.repeat(16384));
      outstanding = Math.max(outstanding, told);
    });
    await listening(server);
    const peer = net.connect(server.address().port, '127.0.0.1', () => peer.write(get('/').repeat(COUNT)));
    let bytes = 0;
    const done = new Promise((resolve) => peer.on('data', (chunk) => (bytes += chunk.length) > (COUNT - 1) * 16384 + COUNT && resolve()));
    await until(() => first !== undefined);
    // Rounds of the loop in which it would be told of more.
    for (let i = 0; i < 100; i++) await new Promise(setImmediate);
    expect(told).toBeLessThanOrEqual(32);
    first.end('first');
    await done;
    expect(told).toBe(COUNT);
    peer.destroy();
    await closed(server);
  });
});

it('a timeout that an upgraded socket has been given outlives the answers ahead of it', async () => {
  const server = turnout.createServer();
  let first;
  server.on('request', (req, res) => (first = res));
  server.on('upgrade', (req, socket) => {
    socket.setTimeout(100000);
    socket.on('error', () => {});
    first.on('close', () => socket.end(`HTTP/1.1 101 Switching Protocols\r\n\r\n${socket.timeout}`));
    first.end('first.');
  });
  await listening(server);
  const peer = net.connect(server.address().port, '127.0.0.1');
  peer.write(`${get('/1')}GET /2 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`);
  let heard = '';
  await new Promise((resolve) => peer.on('data', (chunk) => (heard += chunk)).on('close', resolve));
  expect(heard).toMatch(/first\.HTTP\/1.1 101 Switching Protocols\r\n\r\n100000$/);
  await closed(server);
});
