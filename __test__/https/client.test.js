'use strict';

/** https.request(), get() and Agent: each test on node:https and on ours. */

const { once } = require('node:events');
const nodeHttp = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { text } = require('node:stream/consumers');
const tls = require('node:tls');
const ours = require('../../https');
const { authority, client: clientPair, other } = require('../support/certificate');
const { MODULES, serve, withAgent, ask, closeAll } = require('../support/https');
const { closed, listening, until } = require('../support/servers');

const MAJOR = Number(process.versions.node.split('.')[0]);
/** What the socket of a request is, as its server sees it. */
const describeSocket = (req, res) => res.end(JSON.stringify([req.socket.remotePort, req.socket.isSessionReused(), req.socket.servername]));

/** @return {Promise<string>} the code of the request's error */
const failureOf = (req) => once(req.end(), 'error').then(([error]) => error.code);

describe.each(MODULES)('a client of %s', (_, { https, http }) => {
  afterEach(closeAll);
  const describeIt = async (server, options) => JSON.parse((await ask(https, server, options)).body);

  describe('takes', () => {
    it.each([
      ['a URL as text', (port) => [`https://localhost:${port}/u?v`, { ca: authority }]],
      ['a URL', (port) => [new URL(`https://localhost:${port}/u?v`), { ca: authority }]],
      ['options', (port) => [{ host: 'localhost', port, path: '/u?v', ca: authority }]],
      ['options beside a URL, which count', (port) => [`https://localhost:1/x`, { port, path: '/u?v', ca: authority }]],
    ])('%s', async (__, args) => {
      const server = await serve(https, {}, (req, res) => res.end(`${req.url} ${req.headers.host}`));
      const req = https.get(...args(server.port));
      const [res] = await once(req, 'response');
      expect(await text(res)).toBe(`/u?v localhost:${server.port}`);
      expect([req.agent, req.protocol, req.host]).toEqual([https.globalAgent, 'https:', 'localhost']);
      https.globalAgent.destroy();
    });

    it("its scheme's own port for granted", async () => {
      const seen = await new Promise((resolve) => {
        const req = https.request({ host: 'a', agent: { addRequest: (asked, options) => resolve([asked.getHeader('host'), options.port]), defaultPort: 443, protocol: 'https:' } });
        req.on('error', () => {});
      });
      expect(seen).toEqual(['a', 443]);
    });

    it('an agent of https in http.request(), too', async () => {
      const server = await serve(https, {}, (req, res) => res.end('x'));
      const agent = withAgent(new https.Agent({ ca: authority, servername: 'localhost' }));
      const { body, req } = await ask(http, server, { agent, protocol: 'https:' });
      expect([String(body), req.agent, req.socket.encrypted]).toEqual(['x', agent, true]);
      // The agent says which scheme is to be spoken.
      expect(() => http.request({ agent })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_PROTOCOL' }));
    });
  });

  it('is told from one of http by the stack, as agents of packages do it', async () => {
    const server = await serve(https, {}, (req, res) => res.end('x'));
    const agent = withAgent(
      new (class extends http.Agent {
        get protocol() {
          return new Error().stack.split('\n').some((line) => line.includes('(https.js:') || line.includes('node:https:')) ? 'https:' : 'http:';
        }
        set protocol(value) {}
        createConnection(options) {
          return tls.connect({ ...options, ca: authority, servername: 'localhost' });
        }
      })(),
    );
    const { body } = await ask(https, server, { agent });
    expect(String(body)).toBe('x');
    expect(() => http.request({ agent, protocol: 'https:' })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_PROTOCOL' }));
  });

  it('is an instance of the classes of http', async () => {
    const server = await serve(https, {}, (req, res) => res.end());
    const { req, res } = await ask(https, server);
    expect([req instanceof nodeHttp.ClientRequest, res instanceof nodeHttp.IncomingMessage]).toEqual([true, true]);
    expect([req instanceof http.ClientRequest, res instanceof http.IncomingMessage]).toEqual([true, true]);
    expect([req.socket instanceof tls.TLSSocket, req.socket.authorized]).toEqual([true, true]);
  });

  it('sends and reads bodies', async () => {
    const server = await serve(https, {}, (req, res) => {
      res.writeHead(200, { 'X-Length': String(req.headers['content-length']), 'X-Coding': String(req.headers['transfer-encoding']) });
      req.pipe(res);
    });
    const body = Buffer.alloc(700_000, 'xyz');
    const whole = await ask(https, server, { method: 'POST' }, body);
    expect([whole.res.headers['x-length'], whole.body.equals(body)]).toEqual(['700000', true]);
    const req = https.request({ port: server.port, host: '127.0.0.1', servername: 'localhost', ca: authority, method: 'POST', agent: false });
    req.write('a');
    req.write('b', () => req.end('c'));
    const [res] = await once(req, 'response');
    expect([await text(res), res.headers['x-coding']]).toEqual(['abc', 'chunked']);
  });

  describe('verifies the server', () => {
    it.each([
      ['by who has signed its certificate', { ca: undefined }, /^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)$/],
      ['by its name', { servername: 'other.test' }, /^ERR_TLS_CERT_ALTNAME_INVALID$/],
      ['as checkServerIdentity says', { checkServerIdentity: () => Object.assign(new Error(), { code: 'MINE' }) }, /^MINE$/],
    ])('%s', async (__, options, code) => {
      const server = await serve(https, {}, (req, res) => res.end());
      const req = https.request({ port: server.port, host: '127.0.0.1', servername: 'localhost', ca: authority, agent: false, ...options });
      expect(await failureOf(req)).toMatch(code);
    });

    it('or not, with rejectUnauthorized: false', async () => {
      const server = await serve(https, {}, (req, res) => res.end());
      const { req } = await ask(https, server, { ca: undefined, rejectUnauthorized: false, agent: false });
      expect([req.socket.authorized, req.socket.authorizationError]).toEqual([false, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE']);
    });

    it('and shows its own certificate', async () => {
      const server = await serve(https, { requestCert: true, ca: authority }, (req, res) => res.end(req.socket.getPeerCertificate().subject.CN));
      const { body } = await ask(https, server, { ...clientPair, agent: false });
      expect(String(body)).toBe('client');
    });

    // Older Nodes give a connection to a request that would have verified it otherwise.
    (MAJOR >= 22 ? it : it.skip)('on a connection of its own, where a request has a way of its own', async () => {
      const server = await serve(https, {}, describeSocket);
      const agent = withAgent(new https.Agent({ keepAlive: true, maxSockets: 1 }));
      const [first] = await describeIt(server, { agent });
      const checked = [];
      const checkServerIdentity = (name) => void checked.push(name);
      const [second] = await describeIt(server, { agent, checkServerIdentity });
      const [third] = await describeIt(server, { agent, checkServerIdentity });
      const [fourth] = await describeIt(server, { agent });
      expect([new Set([first, second, third]).size, fourth === first, checked]).toEqual([3, true, ['localhost', 'localhost']]);
    });
  });

  describe('has an agent that', () => {
    it('keeps connections, and tells them apart by what TLS is told', async () => {
      const server = await serve(https, { SNICallback: (name, done) => done(null, tls.createSecureContext(name === 'other.test' ? other : {})) }, describeSocket);
      server.addContext('other.test', other);
      const agent = withAgent(new https.Agent({ keepAlive: true }));
      const sockets = [];
      for (const servername of ['other.test', 'a.other.test', 'other.test']) {
        const { req, body } = await ask(https, server, { agent, servername, rejectUnauthorized: false });
        sockets.push([JSON.parse(body)[0], req.reusedSocket]);
        await until(() => Object.values(agent.freeSockets).flat().includes(req.socket));
      }
      expect([sockets[0][0] === sockets[2][0], sockets[0][0] === sockets[1][0], sockets.map(([, reused]) => reused)]).toEqual([true, false, [false, false, true]]);
    });

    it('keeps connections no longer than the server says', async () => {
      const server = await serve(https, { keepAliveTimeout: 1000 }, (req, res) => res.end('x'));
      const agent = withAgent(new https.Agent({ keepAlive: true, agentKeepAliveTimeoutBuffer: 1000 }));
      const { req } = await ask(https, server, { agent });
      await until(() => req.socket.closed || Object.keys(agent.freeSockets).length > 0);
      expect(req.socket.destroyed).toBe(true);
      // Older Nodes have the second, but not the option.
      if (https === ours) expect(agent.agentKeepAliveTimeoutBuffer).toBe(1000);
    });

    it('resumes sessions on new connections', async () => {
      const server = await serve(https, {}, describeSocket);
      const agent = withAgent(new https.Agent({ maxCachedSessions: 1 }));
      const seen = [];
      for (const servername of ['localhost', 'localhost', '', 'localhost']) {
        const { req, body } = await ask(https, server, { agent, servername, rejectUnauthorized: false });
        seen.push(JSON.parse(body)[1]);
        await until(() => req.socket.closed && agent._sessionCache.list.length === 1);
      }
      // The third one has taken the only place.
      expect(seen).toEqual([false, true, false, false]);
    });

    it('resumes none with maxCachedSessions: 0', async () => {
      const server = await serve(https, {}, describeSocket);
      const agent = withAgent(new https.Agent({ maxCachedSessions: 0 }));
      for (let n = 0; n < 2; n++) expect((await describeIt(server, { agent }))[1]).toBe(false);
    });

    it('forgets a session that has failed', async () => {
      const server = await serve(https, {}, describeSocket);
      const agent = withAgent(new https.Agent());
      const { req } = await ask(https, server, { agent });
      await until(() => req.socket.closed);
      expect(agent._sessionCache.list.length).toBe(1);
      const failing = https.request({ port: server.port, host: '127.0.0.1', servername: 'localhost', ca: authority, agent });
      failing.once('socket', (socket) => socket.once('secureConnect', () => socket.destroy(new Error('gone'))));
      failing.end();
      await once(failing, 'error');
      await until(() => agent._sessionCache.list.length === 0);
    });

    it('lets requests wait for maxSockets', async () => {
      const server = await serve(https, {}, describeSocket);
      const agent = withAgent(new https.Agent({ keepAlive: true, maxSockets: 1 }));
      const ports = await Promise.all([1, 2, 3].map(() => describeIt(server, { agent })));
      expect(new Set(ports.map(([port]) => port)).size).toBe(1);
    });

    it('says what it has made, in the ways of its subclasses', async () => {
      class Counting extends https.Agent {
        made = 0;
        createConnection(...args) {
          this.made++;
          return super.createConnection(...args);
        }
      }
      const server = await serve(https, {}, describeSocket);
      const agent = withAgent(new Counting({ keepAlive: true }));
      for (let n = 0; n < 3; n++) {
        const { req } = await ask(https, server, { agent });
        await until(() => Object.values(agent.freeSockets).flat().includes(req.socket));
      }
      expect([agent.made, agent instanceof https.Agent, agent instanceof http.Agent]).toEqual([1, true, true]);
    });

    it('is made anew with agent: false, and stands for those that name none', async () => {
      const server = await serve(https, {}, (req, res) => res.end());
      const { globalAgent } = https;
      try {
        https.globalAgent = withAgent(new https.Agent({ ca: authority, servername: 'localhost' }));
        const none = await ask(https, server, { ca: undefined, servername: undefined });
        const fresh = await ask(https, server, { agent: false });
        expect([none.req.agent === https.globalAgent, fresh.req.agent instanceof https.Agent, fresh.req.agent === https.globalAgent]).toEqual([true, true, false]);
      } finally {
        https.globalAgent = globalAgent;
      }
    });
  });

  it('speaks over what createConnection brings', async () => {
    const server = await serve(https, {}, (req, res) => res.end('x'));
    const createConnection = () => tls.connect({ port: server.port, host: '127.0.0.1', servername: 'localhost', ca: authority });
    const { body, req } = await ask(https, server, { createConnection });
    expect([String(body), req.agent, req.socket.authorized]).toEqual(['x', undefined, true]);
  });

  (process.platform === 'win32' ? it.skip : it)('finds servers on a path', async () => {
    const server = https.createServer(other, (req, res) => res.end('x'));
    const file = path.join(os.tmpdir(), `turnout-https-${process.pid}`);
    await listening(server, file);
    const { body } = await ask(https, server, { port: undefined, host: undefined, socketPath: file, servername: 'other.test', agent: false });
    expect(String(body)).toBe('x');
    await closed(server);
  });

  describe('gives up', () => {
    it("with 'timeout'", async () => {
      const server = await serve(https, {}, () => {});
      const req = https.get({ port: server.port, host: '127.0.0.1', servername: 'localhost', ca: authority, agent: false, timeout: 50 });
      await once(req, 'timeout');
      req.destroy();
      expect((await once(req, 'error'))[0].code).toBe('ECONNRESET');
    });

    it('when it is aborted', async () => {
      const server = await serve(https, {}, () => {});
      const controller = new AbortController();
      const req = https.get({ port: server.port, host: '127.0.0.1', servername: 'localhost', ca: authority, agent: false, signal: controller.signal });
      server.once('request', () => controller.abort());
      expect((await once(req, 'error'))[0].name).toBe('AbortError');
    });

    it('when nobody speaks TLS there', async () => {
      const plain = net.createServer((socket) => socket.on('error', () => {}).resume().end('no TLS here')).listen(0, '127.0.0.1');
      await once(plain, 'listening');
      const req = https.request({ port: plain.address().port, host: '127.0.0.1', agent: false });
      expect(await failureOf(req)).toMatch(/^(ERR_SSL_WRONG_VERSION_NUMBER|EPROTO)$/);
      await closed(plain);
    });
  });

  // Node 24 and later.
  (nodeHttp.setGlobalProxyFromEnv ? it : it.skip)('goes through the proxy that setGlobalProxyFromEnv() has found', async () => {
    const server = await serve(https, {}, (req, res) => res.end('x'));
    const asked = [];
    const proxy = nodeHttp.createServer().on('connect', (req, socket) => {
      asked.push(req.url);
      const tunnel = net.connect(server.port, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
      tunnel.pipe(socket).pipe(tunnel);
      tunnel.on('error', () => {});
      socket.on('error', () => {});
    });
    const port = await listening(proxy);
    const before = https.globalAgent;
    const restore = http.setGlobalProxyFromEnv({ https_proxy: `http://127.0.0.1:${port}` });
    try {
      const { body } = await ask(https, server, { host: 'nowhere.test' });
      expect([String(body), asked, https.globalAgent === before]).toEqual(['x', [`nowhere.test:${server.port}`], false]);
      https.globalAgent.destroy();
    } finally {
      restore();
    }
    expect(https.globalAgent).toBe(before);
    await closed(proxy);
  });
});
