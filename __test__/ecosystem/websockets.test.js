'use strict';

const { runsOnTurnout, play } = require('../support/ecosystem');

const MESSAGES = ['hello', 'ü'.repeat(50_000)];
/** What the echoes answer to MESSAGES and 70,000 bytes. */
const ECHOES = [...MESSAGES, 'binary 70000'];

describe('ws', () => {
  runsOnTurnout(
    'on a server, with its own client',
    async (kit, require, messages) => {
      const { WebSocketServer, WebSocket } = require('ws');
      const server = kit.http.createServer((req, res) => res.end('http'));
      const wss = new WebSocketServer({ server, handleProtocols: (protocols) => [...protocols].at(-1), perMessageDeflate: true });
      wss.on('headers', (headers) => headers.push('X-Extra: yes'));
      wss.on('connection', (socket, req) => {
        socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
        socket.on('ping', () => socket.send(`${req.url} ${req.socket.remoteAddress}`));
      });
      const port = await kit.listen(server);
      const answers = {};
      for (const perMessageDeflate of [false, true]) {
        const socket = new WebSocket(`ws://127.0.0.1:${port}/p?q`, ['a', 'b'], { perMessageDeflate });
        const [[response]] = await Promise.all([kit.once(socket, 'upgrade'), kit.once(socket, 'open')]);
        const said = kit.once(socket, 'message');
        socket.ping();
        answers[perMessageDeflate] = {
          open: [response.statusCode, response.headers['x-extra'], socket.protocol, socket.extensions],
          ping: String((await said)[0]),
          echo: await kit.chat(socket, [...messages, Buffer.alloc(70_000, 3)], false),
        };
      }
      const plain = await kit.fetch(port, '/');
      const bad = await kit.raw(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n');
      return { ...answers, plain: [plain.status, plain.body], bad: bad.split('\r\n')[0] };
    },
    {
      false: { open: [101, 'yes', 'b', ''], ping: '/p?q 127.0.0.1', echo: ECHOES },
      true: { open: [101, 'yes', 'b', 'permessage-deflate'], ping: '/p?q 127.0.0.1', echo: ECHOES },
      plain: [200, 'http'],
      bad: 'HTTP/1.1 400 Bad Request',
    },
    MESSAGES,
  );

  runsOnTurnout(
    'over TLS, on both sides',
    async (kit, require, messages) => {
      const { WebSocketServer, WebSocket } = require('ws');
      const { authority, localhost } = kit.certificates;
      const server = kit.https.createServer(localhost, (req, res) => res.end('https'));
      const wss = new WebSocketServer({ server });
      wss.on('connection', (socket, req) => {
        socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
        socket.on('ping', () => socket.send(`${req.url} ${req.socket.encrypted}`));
      });
      const port = await kit.listen(server);
      const socket = new WebSocket(`wss://localhost:${port}/p?q`, { ca: authority });
      // With turnout/register the client's request is ours, too.
      const isOurs = socket._req instanceof kit.http.ClientRequest;
      const [[response]] = await Promise.all([kit.once(socket, 'upgrade'), kit.once(socket, 'open')]);
      const said = kit.once(socket, 'message');
      socket.ping();
      const ping = String((await said)[0]);
      const echo = await kit.chat(socket, [...messages, Buffer.alloc(70_000, 3)], false);
      const stranger = new WebSocket(`wss://localhost:${port}`);
      const [error] = await kit.once(stranger, 'error');
      return { isOurs, status: response.statusCode, ping, echo, error: error.code };
    },
    { isOurs: true, status: 101, ping: '/p?q true', echo: ECHOES, error: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
    MESSAGES,
  );

  async function several(kit, require) {
    const { WebSocketServer, WebSocket } = require('ws');
    const server = kit.http.createServer();
    const chat = new WebSocketServer({ noServer: true });
    const news = new WebSocketServer({ noServer: true });
    chat.on('connection', (socket, req, user) => socket.on('message', (data) => socket.send(`chat ${user}: ${data}`)));
    news.on('connection', (socket) => socket.on('message', () => {
      for (const client of news.clients) client.send('news');
    }));
    server.on('upgrade', (req, socket, head) => {
      const { pathname, searchParams } = new URL(req.url, 'http://a');
      if (pathname === '/chat') chat.handleUpgrade(req, socket, head, (ws) => chat.emit('connection', ws, req, searchParams.get('user')));
      else if (pathname === '/news') news.handleUpgrade(req, socket, head, (ws) => news.emit('connection', ws, req));
      else if (pathname === '/secret') socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
      else socket.destroy();
    });
    const port = await kit.listen(server);
    const at = (path) => new WebSocket(`ws://127.0.0.1:${port}${path}`);
    const refused = at('/secret');
    const [, response] = await kit.once(refused, 'unexpected-response');
    const [error] = await kit.once(at('/else'), 'error');
    const listener = at('/news');
    await kit.once(listener, 'open');
    const heard = kit.once(listener, 'message');
    const result = {
      chat: await kit.chat(at('/chat?user=me'), ['one', 'two']),
      news: await kit.chat(at('/news'), ['any']),
      heard: String((await heard)[0]),
      refused: response.statusCode,
      else: error.code,
    };
    refused.on('error', () => {}).terminate();
    listener.close();
    await kit.once(listener, 'close');
    return result;
  }
  const SEVERAL = { chat: ['chat me: one', 'chat me: two'], news: ['news'], heard: 'news', refused: 401, else: 'ECONNRESET' };
  runsOnTurnout('several without a server, by path', several, SEVERAL);
  it('several without a server, by path, without turnout/register', async () => {
    expect(await play(several, { register: false })).toEqual(SEVERAL);
  });

  runsOnTurnout(
    'several on one server by their own paths, with createWebSocketStream and an abrupt end',
    async (kit, require) => {
      const { WebSocketServer, WebSocket, createWebSocketStream } = require('ws');
      const server = require('http').createServer();
      const servers = ['/a', '/b'].map((path) => new WebSocketServer({ noServer: true, path }));
      server.on('upgrade', (req, socket, head) => {
        const wss = servers.find((each) => each.shouldHandle(req));
        if (wss) wss.handleUpgrade(req, socket, head, (ws) => wss.emit('connection', ws));
        else socket.destroy();
      });
      servers[0].on('connection', (socket) => {
        const stream = createWebSocketStream(socket);
        stream.on('error', () => {}).pipe(stream);
      });
      const ended = new Promise((resolve) => servers[1].on('connection', (socket) => socket.on('close', (code) => resolve(code))));
      const port = await kit.listen(server);
      const echo = await kit.chat(new WebSocket(`ws://127.0.0.1:${port}/a`), ['streamed']);
      const abrupt = new WebSocket(`ws://127.0.0.1:${port}/b`);
      await kit.once(abrupt, 'open');
      abrupt.terminate();
      return { echo, ended: await ended, masks: kit.host !== 'turnout' || typeof require('http').websocketMask === 'function' };
    },
    { echo: ['binary 8'], ended: 1006, masks: true },
  );
});

describe('socket.io and engine.io', () => {
  for (const transports of [['websocket'], ['polling', 'websocket'], ['polling']]) {
    runsOnTurnout(
      `socket.io with ${transports.join(', then ')}`,
      async (kit, require, transports) => {
        const { Server } = require('socket.io');
        const { io } = require('socket.io-client');
        const server = require('http').createServer((req, res) => res.end('mine'));
        const ios = new Server(server, { transports });
        ios.use((socket, next) => (socket.handshake.auth.token === 'yes' ? next() : next(new Error('who are you'))));
        ios.on('connection', (socket) => {
          socket.join('room');
          socket.on('echo', (value, answer) => answer({ value, ip: socket.handshake.address }));
          socket.on('shout', (word) => ios.to('room').emit('heard', word));
          socket.on('binary', (data, answer) => answer(Buffer.isBuffer(data), data.length));
        });
        ios.of('/admin').on('connection', (socket) => socket.emit('welcome', socket.nsp.name));
        const url = `http://127.0.0.1:${await kit.listen(server)}`;
        const open = (path = '', auth = { token: 'yes' }) => io(url + path, { transports, auth, forceNew: true, reconnection: false });
        const next = (emitter, event) => new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));

        const client = open();
        const { engine } = client.io;
        const upgraded = transports.length > 1 ? next(engine, 'upgrade') : null;
        await next(client, 'connect');
        await upgraded;
        const heard = next(client, 'heard');
        client.emit('shout', 'hey');
        const stranger = open('', {});
        const refused = next(stranger, 'connect_error');
        const admin = open('/admin');
        const welcome = next(admin, 'welcome');
        const result = {
          echo: await client.emitWithAck('echo', { a: [1, 'ü'] }),
          heard: await heard,
          binary: await new Promise((resolve) => client.emit('binary', Buffer.alloc(50_000), (...args) => resolve(args))),
          transport: engine.transport.name,
          refused: (await refused)[0].message,
          admin: await welcome,
          page: (await kit.fetch(new URL(url).port, '/page')).body,
          script: (await kit.fetch(new URL(url).port, '/socket.io/socket.io.js')).status,
        };
        for (const each of [client, stranger, admin]) each.disconnect();
        await new Promise((resolve) => ios.close(resolve));
        return result;
      },
      {
        echo: { value: { a: [1, 'ü'] }, ip: '127.0.0.1' },
        heard: ['hey'],
        binary: [true, 50_000],
        transport: transports.at(-1),
        refused: 'who are you',
        admin: ['/admin'],
        page: 'mine',
        script: 200,
      },
      transports,
    );
  }

  runsOnTurnout(
    'engine.io, attached and by hand',
    async (kit, require) => {
      const engine = require('engine.io');
      const { Socket } = require('engine.io-client');
      const talk = async (port, path) => {
        const socket = new Socket(`ws://127.0.0.1:${port}`, { path });
        const next = (event) => new Promise((resolve) => socket.once(event, resolve));
        await next('upgrade');
        const answer = next('message');
        socket.send('hello');
        const said = await answer;
        const closed = next('close');
        socket.close();
        return [said, await closed, socket.transport.name];
      };
      const echo = (socket) => socket.on('message', (data) => socket.send(`${data} back`));
      const attached = require('http').createServer();
      engine.attach(attached).on('connection', echo);
      const hands = require('http').createServer();
      const eio = new engine.Server();
      eio.on('connection', echo);
      hands.on('upgrade', (req, socket, head) => eio.handleUpgrade(req, socket, head));
      hands.on('request', (req, res) => eio.handleRequest(req, res));
      return [await talk(await kit.listen(attached), '/engine.io'), await talk(await kit.listen(hands), '/any')];
    },
    [['hello back', 'forced close', 'websocket'], ['hello back', 'forced close', 'websocket']],
  );
});

describe('other WebSocket servers', () => {
  runsOnTurnout(
    'faye-websocket',
    async (kit, require, messages) => {
      const FayeWebSocket = require('faye-websocket');
      const server = require('http').createServer((req, res) => {
        if (!FayeWebSocket.EventSource.isEventSource(req)) return res.end();
        const events = new FayeWebSocket.EventSource(req, res);
        events.send('an event');
        events.close();
      });
      server.on('upgrade', (req, socket, head) => {
        if (!FayeWebSocket.isWebSocket(req)) return;
        const ws = new FayeWebSocket(req, socket, head);
        ws.on('message', (event) => ws.send(event.data));
      });
      const port = await kit.listen(server);
      const client = new FayeWebSocket.Client(`ws://127.0.0.1:${port}/`);
      await kit.once(client, 'open');
      const answers = [];
      for (const message of messages) {
        const answer = kit.once(client, 'message');
        client.send(message);
        answers.push((await answer)[0].data);
      }
      const closed = kit.once(client, 'close');
      client.close(4000, 'done');
      const events = await kit.fetch(port, '/', { headers: { accept: 'text/event-stream' } });
      return { answers, code: (await closed)[0].code, events: events.body.includes('data: an event') };
    },
    { answers: MESSAGES, code: 4000, events: true },
    MESSAGES,
  );

  runsOnTurnout(
    'websocket',
    async (kit, require) => {
      const { server: WebSocketServer, client: WebSocketClient } = require('websocket');
      const httpServer = require('http').createServer((req, res) => res.writeHead(404).end());
      const wss = new WebSocketServer({ httpServer });
      wss.on('request', (request) => {
        if (request.resource === '/no') return request.reject(403, 'no');
        const connection = request.accept('echo', request.origin);
        connection.on('message', (message) => connection.sendUTF(`${message.utf8Data} ${connection.remoteAddress}`));
      });
      const port = await kit.listen(httpServer);
      const connect = (path) => new Promise((resolve, reject) => {
        const client = new WebSocketClient();
        client.on('connect', resolve).on('connectFailed', reject);
        client.connect(`ws://127.0.0.1:${port}${path}`, 'echo');
      });
      const connection = await connect('/');
      const answer = kit.once(connection, 'message');
      connection.sendUTF('hello');
      const { utf8Data } = (await answer)[0];
      const closed = kit.once(connection, 'close');
      connection.close();
      const [code] = await closed;
      const refused = await connect('/no').catch((error) => /403/.test(error.message));
      wss.unmount();
      return { utf8Data, code, refused };
    },
    { utf8Data: 'hello 127.0.0.1', code: 1000, refused: true },
  );

  runsOnTurnout(
    'sockjs',
    async (kit, require) => {
      const sockjs = require('sockjs');
      const { WebSocket } = require('ws');
      const service = sockjs.createServer({ prefix: '/sock', log: () => {}, disconnect_delay: 50 });
      service.on('connection', (connection) => connection.on('data', (data) => connection.write(`${connection.protocol} ${data}`)));
      const server = require('http').createServer((req, res) => res.end('mine'));
      service.installHandlers(server);
      const port = await kit.listen(server);
      const socket = new WebSocket(`ws://127.0.0.1:${port}/sock/000/abc/websocket`);
      const [open] = await kit.once(socket, 'message');
      const framed = await kit.chat(socket, ['["hello"]'], false);
      const raw = await kit.chat(new WebSocket(`ws://127.0.0.1:${port}/sock/websocket`), ['hello']);
      const info = JSON.parse((await kit.fetch(port, '/sock/info')).body);
      const polled = await kit.fetch(port, '/sock/000/def/xhr', { method: 'POST' });
      return { open: String(open), framed, raw, info: info.websocket, polled: polled.body, page: (await kit.fetch(port, '/')).body };
    },
    { open: 'o', framed: ['a["websocket hello"]'], raw: ['websocket-raw hello'], info: true, polled: 'o\n', page: 'mine' },
  );

  runsOnTurnout(
    '@fastify/websocket',
    async (kit, require) => {
      const { WebSocket } = require('ws');
      const app = require('fastify')();
      await app.register(require('@fastify/websocket'));
      app.get('/ws/:name', { websocket: true }, (socket, request) => {
        socket.on('message', (data) => socket.send(`${request.params.name} ${data}`));
      });
      app.get('/', async () => 'http');
      await app.listen({ port: 0, host: '127.0.0.1' });
      const port = kit.opened(app.server);
      const chat = await kit.chat(new WebSocket(`ws://127.0.0.1:${port}/ws/me`), ['hello']);
      const wrong = new WebSocket(`ws://127.0.0.1:${port}/`).on('error', () => {});
      const [code] = await kit.once(wrong, 'close');
      const page = (await kit.fetch(port, '/')).body;
      await app.close();
      return { chat, code, page };
    },
    { chat: ['me hello'], code: 1005, page: 'http' },
  );

  runsOnTurnout(
    'express-ws',
    async (kit, require) => {
      const { WebSocket } = require('ws');
      const app = require('express4')();
      const server = require('http').createServer(app);
      require('express-ws')(app, server);
      app.ws('/echo/:name', (socket, req) => socket.on('message', (data) => socket.send(`${req.params.name} ${data}`)));
      app.get('/', (req, res) => res.send('http'));
      const port = await kit.listen(server);
      const chat = await kit.chat(new WebSocket(`ws://127.0.0.1:${port}/echo/me`), ['hello']);
      return { chat, page: (await kit.fetch(port, '/')).body };
    },
    { chat: ['me hello'], page: 'http' },
  );
});
