'use strict';

/** 'upgrade' and CONNECT over TLS, on both sides: each test on node:https and on ours. */

const { once } = require('node:events');
const net = require('node:net');
const tls = require('node:tls');
const { WebSocket, WebSocketServer } = require('ws');
const { authority } = require('../support/certificate');
const { MODULES, serve, connect, withAgent, closeAll } = require('../support/https');
const { closed, listening, until } = require('../support/servers');

const UP = 'Connection: Upgrade\r\nUpgrade: x\r\n';
const SWITCH = `HTTP/1.1 101 Switching Protocols\r\n${UP}\r\n`;
const OPEN = 'HTTP/1.1 200 OK\r\n\r\n';

describe.each(MODULES)('over TLS, with %s', (_, { https }) => {
  afterEach(closeAll);
  const request = (server, options) => https.request({ port: server.port, host: '127.0.0.1', servername: 'localhost', ca: authority, agent: false, ...options });
  /** Answers with what it hears, in capitals. */
  const shout = (socket, head) => {
    if (head.length > 0) socket.write(String(head).toUpperCase());
    socket.on('data', (data) => socket.write(String(data).toUpperCase()));
    socket.on('end', () => socket.end());
    socket.on('error', () => {});
  };
  /** What a stream says until it has said `length` bytes. */
  async function read(stream, length) {
    let said = '';
    stream.on('data', (data) => (said += data));
    await until(() => said.length >= length);
    return said;
  }

  describe("'upgrade'", () => {
    it('gives a server the socket, without a listener of its own, and what came with it', async () => {
      const server = await serve(https);
      server.on('upgrade', (req, socket, head) => {
        const own = ['data', 'error', 'close', 'drain', 'timeout'].map((name) => socket.listenerCount(name));
        socket.write(`${SWITCH}${[socket === req.socket, socket instanceof tls.TLSSocket, socket.encrypted, req.upgrade, socket.parser, own.filter(Boolean).length > 2, head].join()};`);
        shout(socket, head);
      });
      const socket = connect(server);
      socket.write(`GET /u HTTP/1.1\r\nHost: a\r\n${UP}\r\nhead`);
      await until(() => socket.text.endsWith('HEAD'));
      expect(socket.text).toBe(`${SWITCH}true,true,true,true,,false,head;HEAD`);
      socket.write('more');
      await until(() => socket.text.endsWith('MORE'));
      socket.end();
      await once(socket, 'close');
    });

    it('gives a client the socket, and what came with it', async () => {
      const server = await serve(https);
      server.on('upgrade', (req, socket, head) => {
        socket.write(`${SWITCH}early`);
        shout(socket, head);
      });
      const req = request(server, { headers: { Connection: 'Upgrade', Upgrade: 'x' } });
      req.end();
      const [res, socket, head] = await once(req, 'upgrade');
      expect([res.statusCode, res.headers.upgrade, socket instanceof tls.TLSSocket, socket.authorized, socket === req.socket, socket.parser]).toEqual([101, 'x', true, true, true, null]);
      if (head.length > 0) socket.unshift(head);
      expect(await read(socket, 5)).toBe('early');
      socket.write('hello');
      expect(await read(socket, 5)).toBe('HELLO');
      socket.end();
      await once(socket, 'close');
    });

    it('takes the socket out of its agent', async () => {
      const server = await serve(https);
      server.on('upgrade', (req, socket) => {
        socket.on('error', () => {}).end(SWITCH);
      });
      const agent = withAgent(new https.Agent({ keepAlive: true }));
      const req = request(server, { agent, headers: { Connection: 'Upgrade', Upgrade: 'x' } });
      req.end();
      const [, socket] = await once(req, 'upgrade');
      expect([Object.keys(agent.sockets), Object.keys(agent.freeSockets), agent.totalSocketCount]).toEqual([[], [], 0]);
      socket.on('error', () => {}).destroy();
    });

    it('is a request like any other when nobody listens', async () => {
      const server = await serve(https, {}, (req, res) => res.end(`${req.upgrade}.`));
      const socket = connect(server);
      socket.write(`GET /u HTTP/1.1\r\nHost: a\r\n${UP}\r\n`);
      await until(() => socket.text.endsWith('false.'));
    });

    it('carries large pieces both ways', async () => {
      const server = await serve(https);
      server.on('upgrade', (req, socket) => {
        socket.write(SWITCH);
        socket.pipe(socket).on('error', () => {});
      });
      const req = request(server, { headers: { Connection: 'Upgrade', Upgrade: 'x' } });
      req.end();
      const [, socket] = await once(req, 'upgrade');
      const sent = Buffer.alloc(3_000_000, 'abcdefg');
      const chunks = [];
      let length = 0;
      socket.on('data', (data) => {
        chunks.push(data);
        length += data.length;
      });
      socket.write(sent);
      await until(() => length >= sent.length);
      expect(Buffer.concat(chunks).equals(sent)).toBe(true);
      socket.end();
      await once(socket, 'close');
    });

    it('outlives closeAllConnections(), and is waited for', async () => {
      const server = await serve(https);
      server.on('upgrade', (req, socket, head) => {
        socket.write(SWITCH);
        shout(socket, head);
      });
      const socket = connect(server);
      socket.write(`GET /u HTTP/1.1\r\nHost: a\r\n${UP}\r\n`);
      await until(() => socket.text.includes('101'));
      server.closeAllConnections();
      const over = closed(server);
      socket.write('still');
      await until(() => socket.text.endsWith('STILL'));
      socket.end();
      await over;
    });
  });

  describe('CONNECT', () => {
    it('gives both sides the socket', async () => {
      const server = await serve(https);
      server.on('connect', (req, socket, head) => {
        socket.write(`${OPEN}${req.url};`);
        shout(socket, head);
      });
      const req = request(server, { method: 'CONNECT', path: 'a.test:443' });
      req.end();
      const [res, socket, head] = await once(req, 'connect');
      expect([res.statusCode, socket === req.socket]).toEqual([200, true]);
      if (head.length > 0) socket.unshift(head);
      expect(await read(socket, 11)).toBe('a.test:443;');
      socket.write('tunnel');
      expect(await read(socket, 6)).toBe('TUNNEL');
      socket.end();
      await once(socket, 'close');
    });

    it('carries TLS within TLS', async () => {
      const inner = await serve(https, {}, (req, res) => res.end(`${req.url} inside`));
      const proxy = await serve(https);
      proxy.on('connect', (req, socket, head) => {
        const [host, port] = req.url.split(':');
        const tunnel = net.connect(port, host, () => {
          socket.write(OPEN);
          tunnel.write(head);
          tunnel.pipe(socket).pipe(tunnel);
        });
        tunnel.on('error', () => {}).on('close', () => socket.destroy());
        socket.on('error', () => {}).on('close', () => tunnel.destroy());
      });
      const req = request(proxy, { method: 'CONNECT', path: `127.0.0.1:${inner.port}` });
      req.end();
      const [, socket] = await once(req, 'connect');
      const get = request(inner, { createConnection: () => tls.connect({ socket, servername: 'localhost', ca: authority }), agent: undefined, path: '/deep' });
      get.end();
      const [res] = await once(get, 'response');
      let body = '';
      for await (const data of res) body += data;
      expect(body).toBe('/deep inside');
      socket.destroy();
    });

    it('destroys the socket when nobody listens', async () => {
      const server = await serve(https);
      const socket = connect(server);
      socket.write('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n');
      await until(() => socket.closed);
      expect(socket.text).toBe('');
    });
  });

  // The client is ws' own, of node:https; ecosystem/websockets.test.js has one of ours as well.
  it('ws serves wss', async () => {
    const server = await serve(https, {}, (req, res) => res.end('plain'));
    const wss = new WebSocketServer({ server, perMessageDeflate: true });
    wss.on('connection', (socket, req) => socket.on('message', (data, binary) => socket.send(binary ? data : `${req.socket.encrypted} ${data}`, { binary })));
    const socket = new WebSocket(`wss://127.0.0.1:${server.port}`, { ca: authority, servername: 'localhost' });
    await once(socket, 'open');
    socket.send('hello');
    expect(String((await once(socket, 'message'))[0])).toBe('true hello');
    const bytes = Buffer.alloc(200_000, 5);
    socket.send(bytes);
    expect((await once(socket, 'message'))[0].equals(bytes)).toBe(true);
    socket.close(1000);
    expect((await once(socket, 'close'))[0]).toBe(1000);
    wss.close();
  });

  it('a server of TLS may stand before one of http', async () => {
    const { http } = MODULES.find(([, one]) => one.https === https)[1];
    const behind = http.createServer((req, res) => res.end(`${req.url} ${req.socket.encrypted}.`));
    const front = tls.createServer(require('../support/certificate').localhost, (socket) => behind.emit('connection', socket));
    const socket = connect({ port: await listening(front) });
    socket.write('GET /b HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => socket.text.endsWith('/b true.'));
    socket.destroy();
    await closed(front);
  });
});
