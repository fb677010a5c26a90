'use strict';

/** What https.createServer() does with TLS and HTTP above it: each test on node:https and on ours. */

const { AsyncLocalStorage } = require('node:async_hooks');
const { EventEmitter, once } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const tls = require('node:tls');
const { constants } = require('node:crypto');
const { authority, localhost, other, client: clientPair } = require('../support/certificate');
const { MODULES, serve, connect, ask, closeAll } = require('../support/https');
const { closed, until } = require('../support/servers');

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const get = (path, fields = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const nameOf = (socket) => socket.getPeerCertificate().subject.CN;

describe.each(MODULES)('a server of %s', (_, { https, http: goesWithIt }) => {
  afterEach(closeAll);

  it('answers a request with its body, on a TLSSocket', async () => {
    const server = await serve(https, {}, (req, res) => {
      const { socket } = req;
      const facts = [socket instanceof tls.TLSSocket, socket.encrypted, socket.server === server, socket === res.socket];
      facts.push(req instanceof http.IncomingMessage, res instanceof http.ServerResponse, req instanceof goesWithIt.IncomingMessage, res instanceof goesWithIt.ServerResponse);
      res.setHeader('X-Facts', facts.join());
      res.statusCode = 201;
      req.pipe(res);
    });
    const body = Buffer.alloc(1_000_000, 'abc');
    const { res, body: echoed } = await ask(https, server, { method: 'POST', path: '/x?y' }, body);
    expect([res.statusCode, res.headers['x-facts'], echoed.equals(body)]).toEqual([201, 'true,true,true,true,true,true,true,true', true]);
  });

  it('keeps a connection, and answers what is pipelined in order', async () => {
    const server = await serve(https, {}, (req, res) => setImmediate(() => res.end(`${req.url};`)));
    const socket = connect(server);
    socket.write(get('/1') + get('/2'));
    await until(() => socket.text.includes('/2;'));
    socket.write(get('/3', 'Connection: close\r\n'));
    await once(socket, 'close');
    expect(socket.text.match(/\/\d;/g)).toEqual(['/1;', '/2;', '/3;']);
    expect(socket.text).toMatch(/Keep-Alive: timeout=5[^]*Connection: close/);
  });

  it("says 'secureConnection' with the socket of the requests, and 'connection' with another before", async () => {
    const said = [];
    const server = await serve(https, {}, (req, res) => {
      said.push(['request', req.socket === secure]);
      res.end();
    });
    let secure;
    server.on('connection', (socket) => said.push(['connection', socket.encrypted === true]));
    server.on('secureConnection', (socket) => {
      secure = socket;
      said.push(['secureConnection', socket.encrypted, socket.getProtocol()]);
    });
    await ask(https, server, { agent: false });
    expect(said).toEqual([['connection', false], ['secureConnection', true, 'TLSv1.3'], ['request', true]]);
  });

  describe('names a protocol (ALPN)', () => {
    it.each([
      ['http/1.1 of its own accord', {}, ['h2', 'http/1.1'], 'http/1.1'],
      ['of its own list', { ALPNProtocols: ['b', 'a'] }, ['a', 'b'], 'b'],
      ['that a callback takes', { ALPNCallback: ({ servername, protocols }) => protocols.find((one) => one.endsWith(servername.length)) }, ['a1', 'a9'], 'a9'],
      ['not to those that ask for none', {}, undefined, false],
    ])('%s', async (__, options, ALPNProtocols, expected) => {
      const server = await serve(https, options, (req, res) => res.end(String(req.socket.alpnProtocol)));
      const socket = connect(server, { ALPNProtocols });
      await once(socket, 'secureConnect');
      socket.write(GET);
      await until(() => socket.text.endsWith(String(expected)));
      expect(socket.alpnProtocol).toBe(expected);
    });

    it('and refuses those that know none of its own', async () => {
      const server = await serve(https);
      const [error] = await once(connect(server, { ALPNProtocols: ['h2'] }), 'error');
      expect(error.code).toMatch(/^(ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL|ECONNRESET)$/);
    });
  });

  describe('shows a certificate by name (SNI)', () => {
    it.each([
      ['of addContext()', {}, (server) => server.addContext('*.other.test', other)],
      ['of SNICallback', { SNICallback: (name, done) => done(null, name.endsWith('.test') ? tls.createSecureContext(other) : undefined) }, () => {}],
    ])('%s', async (__, options, prepare) => {
      const server = await serve(https, options, (req, res) => res.end(`${req.socket.servername}.`));
      prepare(server);
      for (const [servername, expected] of [['a.other.test', 'other'], ['localhost', 'localhost']]) {
        const socket = connect(server, { servername });
        await once(socket, 'secureConnect');
        expect([nameOf(socket), socket.authorized]).toEqual([expected, true]);
        socket.write(GET);
        await until(() => socket.text.endsWith(`${servername}.`));
      }
    });

    it('and another one from setSecureContext() on', async () => {
      const server = await serve(https, {}, (req, res) => res.end());
      const first = connect(server);
      await once(first, 'secureConnect');
      server.setSecureContext(other);
      const second = connect(server, { servername: 'other.test' });
      await once(second, 'secureConnect');
      expect([nameOf(first), nameOf(second)]).toEqual(['localhost', 'other']);
    });
  });

  describe('asks for a certificate', () => {
    const asking = { ca: authority, requestCert: true };
    const whoIsIt = (req, res) => res.end(`${req.socket.authorized} ${nameOf2(req.socket)} ${req.socket.authorizationError ?? ''}.`);
    const nameOf2 = (socket) => socket.getPeerCertificate()?.subject?.CN;

    it('and knows who shows one', async () => {
      const server = await serve(https, asking, whoIsIt);
      const { body } = await ask(https, server, { agent: false, ...clientPair });
      expect(String(body)).toBe('true client .');
    });

    it("and says 'tlsClientError' and 'clientError' when there is none", async () => {
      const server = await serve(https, asking, whoIsIt);
      const said = ['tlsClientError', 'clientError'].map((name) => once(server, name).then(([error, socket]) => [name, error.code, socket instanceof tls.TLSSocket]));
      const socket = connect(server);
      expect(await Promise.all(said)).toEqual([
        ['tlsClientError', 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE', true],
        ['clientError', 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE', true],
      ]);
      await until(() => socket.closed);
    });

    it('and lets anybody in with rejectUnauthorized: false', async () => {
      const server = await serve(https, { ...asking, rejectUnauthorized: false }, whoIsIt);
      const nobody = await ask(https, server, { agent: false });
      expect(String(nobody.body)).toBe('false undefined UNABLE_TO_GET_ISSUER_CERT.');
      const known = await ask(https, server, { agent: false, ...clientPair });
      expect(String(known.body)).toBe('true client .');
    });
  });

  describe('resumes sessions', () => {
    /** The session of a first connection; `minVersion` says how it is told. */
    async function sessionOf(server, options) {
      const socket = connect(server, options);
      const session = once(socket, 'session');
      await once(socket, 'secureConnect');
      socket.write(GET);
      const [ticket] = await session;
      await until(() => socket.text.endsWith('false.'));
      socket.destroy();
      return ticket;
    }
    const isReused = (req, res) => res.end(`${req.socket.isSessionReused()}.`);

    it('by tickets, whose keys can be changed', async () => {
      const server = await serve(https, {}, isReused);
      const session = await sessionOf(server);
      const keys = server.getTicketKeys();
      expect(keys.length).toBe(48);
      for (const [act, expected] of [[() => {}, 'true.'], [() => server.setTicketKeys(Buffer.alloc(48, 1)), 'false.'], [() => server.setTicketKeys(keys), 'true.']]) {
        act();
        const socket = connect(server, { session });
        socket.write(GET);
        await until(() => socket.text.endsWith('.'));
        expect(socket.text.endsWith(expected)).toBe(true);
      }
    });

    it("by 'newSession' and 'resumeSession'", async () => {
      const store = new Map();
      const server = await serve(https, { maxVersion: 'TLSv1.2', secureOptions: constants.SSL_OP_NO_TICKET }, isReused);
      server.on('newSession', (id, data, done) => {
        store.set(id.toString('hex'), data);
        done();
      });
      server.on('resumeSession', (id, done) => done(null, store.get(id.toString('hex')) ?? null));
      const session = await sessionOf(server);
      expect(store.size).toBe(1);
      const socket = connect(server, { session });
      socket.write(GET);
      await until(() => socket.text.endsWith('.'));
      expect(socket.text.endsWith('true.')).toBe(true);
    });
  });

  it("says 'keylog'", async () => {
    const server = await serve(https, {}, (req, res) => res.end());
    const said = once(server, 'keylog');
    await ask(https, server, { agent: false });
    const [line, socket] = await said;
    expect([String(line).split(' ')[0], socket instanceof tls.TLSSocket]).toEqual(['SERVER_HANDSHAKE_TRAFFIC_SECRET', true]);
  });

  describe('hears of clients in error', () => {
    it("who do not speak TLS: 'tlsClientError', and the socket is destroyed", async () => {
      const server = await serve(https);
      const said = once(server, 'tlsClientError');
      const socket = net.connect(server.port, '127.0.0.1').on('error', () => {});
      socket.resume().write(GET);
      const [error] = await said;
      expect(error.code).toBe('ERR_SSL_HTTP_REQUEST');
      await until(() => socket.closed);
    });

    it("and leaves them to 'clientError', if anybody listens", async () => {
      const server = await serve(https);
      const said = once(server, 'clientError');
      const socket = net.connect(server.port, '127.0.0.1').on('error', () => {});
      socket.resume().write(GET);
      const [error, secure] = await said;
      expect([error.code, secure instanceof tls.TLSSocket]).toEqual(['ERR_SSL_HTTP_REQUEST', true]);
      secure.destroy();
      await until(() => socket.closed);
    });

    it('who take too long for the handshake', async () => {
      const server = await serve(https, { handshakeTimeout: 20 });
      const said = once(server, 'tlsClientError');
      const socket = net.connect(server.port, '127.0.0.1').on('error', () => {});
      const [error] = await said;
      expect(error.code).toBe('ERR_TLS_HANDSHAKE_TIMEOUT');
      socket.resume();
      await until(() => socket.closed);
    });

    it('who do not speak HTTP: 400', async () => {
      const server = await serve(https);
      const socket = connect(server);
      socket.write('nonsense\r\n\r\n');
      await once(socket, 'close');
      expect(socket.text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nConnection: close\r\n\r\n$/);
    });

    it("or what a listener of 'clientError' says", async () => {
      const server = await serve(https);
      server.on('clientError', (error, secure) => {
        secure.end(`HTTP/1.1 418 ${error.code}\r\n\r\n${error.rawPacket} ${error.bytesParsed} ${secure.encrypted}`);
      });
      const socket = connect(server);
      socket.write('GET / HTTP/1.1\r\nA B\r\n\r\n');
      await once(socket, 'close');
      expect(socket.text).toBe('HTTP/1.1 418 HPE_INVALID_HEADER_TOKEN\r\n\r\nGET / HTTP/1.1\r\nA B\r\n\r\n 17 true');
    });
  });

  it('keeps to maxHeaderSize', async () => {
    const server = await serve(https, { maxHeaderSize: 1000 }, (req, res) => res.end('x.'));
    const large = connect(server);
    large.write(get('/', `X: ${'y'.repeat(2000)}\r\n`));
    await once(large, 'close');
    expect(large.text).toMatch(/^HTTP\/1\.1 431 /);
  });

  describe('has timeouts:', () => {
    const soon = { connectionsCheckingInterval: 10 };

    it('headersTimeout', async () => {
      const server = await serve(https, { ...soon, headersTimeout: 30, requestTimeout: 10_000 }, (req, res) => res.end('x.'));
      const socket = connect(server);
      await once(socket, 'secureConnect');
      socket.write('GET / HTTP/1.1\r\n');
      await once(socket, 'close');
      expect(socket.text).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    });

    it('requestTimeout', async () => {
      const server = await serve(https, { ...soon, headersTimeout: 0, requestTimeout: 30 }, (req) => req.resume().on('error', () => {}));
      const socket = connect(server);
      socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab');
      await once(socket, 'close');
      expect(socket.text).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    });

    it('keepAliveTimeout', async () => {
      const server = await serve(https, { keepAliveTimeout: 20, keepAliveTimeoutBuffer: 0 }, (req, res) => res.end('x.'));
      const socket = connect(server);
      socket.write(GET);
      await once(socket, 'close');
      expect(socket.text.endsWith('x.')).toBe(true);
    });

    it("server.setTimeout(), which says 'timeout'", async () => {
      const server = await serve(https, {}, () => {});
      const said = new Promise((resolve) => server.setTimeout(30, resolve));
      const socket = connect(server);
      socket.write(GET);
      const secure = await said;
      expect([server.timeout, secure.encrypted, socket.closed]).toEqual([30, true, false]);
      secure.destroy();
      await until(() => socket.closed);
    });

    it('and destroys the socket when nobody listens for it', async () => {
      const server = await serve(https, {}, () => {});
      server.timeout = 30;
      const socket = connect(server);
      socket.write(GET);
      await until(() => socket.closed);
      expect(socket.text).toBe('');
    });
  });

  describe('closes', () => {
    /** One connection that waits for its next request, and one that waits for its answer. */
    async function both(server) {
      const idle = connect(server);
      idle.write(get('/now'));
      await until(() => idle.text.endsWith('now.'));
      const busy = connect(server);
      busy.write(get('/later'));
      const [req, res] = await once(server, 'request');
      expect(req.url).toBe('/later');
      return { idle, busy, res };
    }
    const answer = (req, res) => {
      if (req.url === '/now') res.end('now.');
    };

    it.each([
      ['idle connections with closeIdleConnections()', (server) => server.closeIdleConnections()],
      ['these with close(), too', (server) => server.close()],
    ])('%s', async (__, act) => {
      const server = await serve(https, {}, answer);
      const { idle, busy, res } = await both(server);
      act(server);
      await until(() => idle.closed);
      expect(busy.closed).toBe(false);
      res.end('late.');
      await until(() => busy.text.endsWith('late.'));
    });

    it('all of them with closeAllConnections()', async () => {
      const server = await serve(https, {}, answer);
      const { idle, busy } = await both(server);
      server.closeAllConnections();
      await until(() => idle.closed && busy.closed);
      expect(busy.text).toBe('');
    });

    it("and says 'close' when the last one has gone", async () => {
      const server = await serve(https, {}, answer);
      const { res } = await both(server);
      const said = [];
      server.on('close', () => said.push('event'));
      const over = closed(server).then(() => said.push('callback'));
      res.on('finish', () => said.push('finish'));
      res.setHeader('Connection', 'close').end();
      await over;
      expect([said, server.listening]).toEqual([['finish', 'event', 'callback'], false]);
      expect(server.close()).toBe(server);
    });

    it('by await using', async () => {
      const server = await serve(https, {}, answer);
      await server[Symbol.asyncDispose]();
      expect(server.listening).toBe(false);
    });
  });

  it("takes streams by emit('secureConnection')", async () => {
    const server = await serve(https, {}, (req, res) => res.end(`${req.url} ${req.socket.authorized}.`));
    const front = tls.createServer(localhost, (socket) => server.emit('secureConnection', socket)).listen(0, '127.0.0.1');
    await once(front, 'listening');
    const socket = connect({ port: front.address().port });
    socket.write(get('/in'));
    await until(() => socket.text.endsWith('/in false.'));
    socket.destroy();
    await closed(front);
  });

  it("takes connections by emit('connection'), and shakes hands over them", async () => {
    const server = https.createServer(localhost, (req, res) => res.end(`${req.url}.`));
    const front = net.createServer((socket) => server.emit('connection', socket)).listen(0, '127.0.0.1');
    await once(front, 'listening');
    const socket = connect({ port: front.address().port });
    socket.write(get('/in'));
    await until(() => socket.text.endsWith('/in.'));
    socket.destroy();
    await closed(front);
  });

  it('knows who is at the other end of a connection that a server of http has given it', async () => {
    const server = await serve(https, {}, ({ socket }, res) => {
      const { remoteAddress, remotePort, remoteFamily, localAddress, localPort } = socket;
      res.end([remoteAddress, remotePort, remoteFamily, localAddress, localPort, socket.address().port].join());
    });
    const front = goesWithIt.createServer().removeAllListeners('connection');
    front.on('connection', (socket) => server.emit('connection', socket)).listen(0, '127.0.0.1');
    await once(front, 'listening');
    const { res, body } = await ask(https, server, { port: front.address().port, agent: false });
    const { port } = front.address();
    expect(String(body)).toBe(['127.0.0.1', res.socket.localPort, 'IPv4', '127.0.0.1', port, port].join());
    await closed(front);
  });

  it('counts and drops connections', async () => {
    const server = await serve(https, {}, (req, res) => res.end('x.'));
    server.maxConnections = 1;
    const first = connect(server);
    first.write(GET);
    await until(() => first.text.endsWith('x.'));
    const dropped = once(server, 'drop');
    const second = connect(server);
    const [drop] = await dropped;
    await until(() => second.closed);
    expect([typeof drop.remotePort, await new Promise((resolve) => server.getConnections((error, count) => resolve(count)))]).toEqual(['number', 1]);
  });

  it("says 'dropRequest' past maxRequestsPerSocket", async () => {
    const server = await serve(https, {}, (req, res) => res.end('x.'));
    server.maxRequestsPerSocket = 1;
    const said = once(server, 'dropRequest');
    const socket = connect(server);
    socket.write(get('/1') + get('/2'));
    const [req] = await said;
    await until(() => socket.text.includes('503 Service Unavailable'));
    expect(req.url).toBe('/2');
  });

  it("leaves what rejects to the server's 'error' with captureRejections", async () => {
    const failure = new Error('no');
    EventEmitter.captureRejections = true;
    let server;
    try {
      server = await serve(https, {}, async () => {
        throw failure;
      });
    } finally {
      EventEmitter.captureRejections = false;
    }
    const said = new Promise((resolve) => server.on('error', resolve));
    connect(server).write(GET);
    expect(await said).toBe(failure);
  });

  it('knows classes of its own', async () => {
    class Request extends http.IncomingMessage {
      get mine() {
        return `my ${this.url}`;
      }
    }
    class Response extends http.ServerResponse {
      say(text) {
        this.end(text);
      }
    }
    const server = await serve(https, { IncomingMessage: Request, ServerResponse: Response }, (req, res) => res.say(req.mine));
    const { body } = await ask(https, server, { path: '/p' });
    expect(String(body)).toBe('my /p');
  });

  it('runs its handlers in the context of nobody else', async () => {
    const storage = new AsyncLocalStorage();
    const server = await serve(https, {}, (req, res) => res.end(String(storage.getStore())));
    const { body } = await storage.run('client', () => ask(https, server, { agent: false }));
    expect(String(body)).toBe('undefined');
  });
});
