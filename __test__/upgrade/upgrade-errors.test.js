'use strict';

const turnout = require('../..');
const { program } = require('../support/child');

/** A server with `options` and the handler `upgrade`, and a peer that says `text`, waits for 'go' and resets. */
const scene = ({ options = '{ catchUpgradeErrors: true }', upgrade = '', text, after = '' }) => `
const net = require('node:net');
const say = (...words) => console.log(...words);
process.on('uncaughtException', (error) => { say('uncaught', error.code ?? error.message); });
const server = http.createServer(${options});
server.on('upgradeError', (error, stream, req) => {
  say('upgradeError', error.code ?? error.message, stream.destroyed, stream === req.socket, req.url);
});
const onUpgrade = (req, socket, head) => {
  socket.on('close', (hadError) => { say('close', hadError); server.close(); });
  socket.write('HTTP/1.1 101 S\\r\\nConnection: Upgrade\\r\\nUpgrade: x\\r\\n\\r\\n');
  ${upgrade}
};
server.on('upgrade', onUpgrade);
server.on('connect', onUpgrade);
server.on('close', () => say('server closed'));
server.listen(0, '127.0.0.1', () => {
  const peer = net.connect(server.address().port, '127.0.0.1');
  peer.on('error', () => {});
  peer.write(${JSON.stringify(text)});
  peer.once('data', () => peer.resetAndDestroy());
  ${after}
});`;

const UPGRADE = 'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
const CONNECT = 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n';
const WITH_BODY = 'POST /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 9\r\n\r\nabc';

const shown = async (what) => {
  const { out, err } = await program(scene(what));
  expect(err).toBe('');
  return out.trim().split('\n');
};

describe('an error of an upgraded socket that nobody listens to', () => {
  it('is an uncaught exception by default, as with node:http', async () => {
    expect(await shown({ options: '{}', text: UPGRADE, upgrade: 'socket.resume();' })).toEqual(['uncaught ECONNRESET', 'close true', 'server closed']);
  });

  describe('with catchUpgradeErrors', () => {
    for (const [name, text, target] of [['upgrade', UPGRADE, '/chat'], ['connect', CONNECT, 'a:1']]) {
      it(`is the server's 'upgradeError' after '${name}'`, async () => {
        expect(await shown({ text, upgrade: 'socket.resume();' })).toEqual([`upgradeError ECONNRESET true true ${target}`, 'close true', 'server closed']);
      });
    }

    it("is the server's while the request has a body to come", async () => {
      expect(await shown({ text: WITH_BODY, upgrade: "req.on('error', () => {}); socket.resume();" })).toEqual([
        'upgradeError ECONNRESET true false /chat',
        'close undefined',
        'server closed',
      ]);
    });

    it('is told when the program itself destroys the socket with one', async () => {
      expect(await shown({ text: UPGRADE, upgrade: "socket.destroy(new Error('own'));" })).toEqual(['upgradeError own true true /chat', 'close true', 'server closed']);
    });

    it('is told by a write after end() too', async () => {
      expect(await shown({ text: UPGRADE, upgrade: "socket.end(); socket.write('late');" })).toEqual([
        'upgradeError ERR_STREAM_WRITE_AFTER_END true true /chat',
        'close true',
        'server closed',
      ]);
    });

    it('needs no listener for upgradeError', async () => {
      expect(await shown({ text: UPGRADE, upgrade: "server.removeAllListeners('upgradeError'); socket.resume();" })).toEqual(['close true', 'server closed']);
    });

    it("stays with a socket that has a listener, even one that listens once", async () => {
      expect(await shown({ text: UPGRADE, upgrade: "socket.once('error', (error) => say('mine', error.code)); socket.resume();" })).toEqual(['mine ECONNRESET', 'close true', 'server closed']);
    });

    it('is caught though every listener has been removed', async () => {
      expect(await shown({ text: UPGRADE, upgrade: "socket.removeAllListeners('error'); socket.resume();" })).toEqual(['upgradeError ECONNRESET true true /chat', 'close true', 'server closed']);
    });

    it('is caught on a connection given to emit(connection)', async () => {
      const front = "const front = net.createServer((socket) => server.emit('connection', socket)).listen(0, '127.0.0.1', () => peer2());";
      const after = `peer.destroy();
        ${front}
        const peer2 = () => {
          const two = net.connect(front.address().port, '127.0.0.1');
          two.on('error', () => {});
          two.write(${JSON.stringify(UPGRADE)});
          two.once('data', () => { two.resetAndDestroy(); front.close(); });
        };`;
      expect(await shown({ text: '', upgrade: 'socket.resume();', after })).toEqual(['upgradeError ECONNRESET true true /chat', 'close true', 'server closed']);
    });

    it('does not catch what a listener throws', async () => {
      expect(await shown({ text: UPGRADE, upgrade: "setImmediate(() => { socket.destroy(); throw new Error('mine'); });" })).toEqual(expect.arrayContaining(['uncaught mine']));
    });
  });

  it('is asked for with a boolean', () => {
    for (const value of [1, 'yes', null, {}]) {
      expect(() => turnout.createServer({ catchUpgradeErrors: value })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    }
    for (const value of [true, false, undefined]) expect(turnout.createServer({ catchUpgradeErrors: value })).toBeInstanceOf(turnout.Server);
  });
});
