'use strict';

/** Requests of http and https through proxies, on every Node. */

const net = require('node:net');
const { PassThrough } = require('node:stream');
const turnout = require('../..');
const https = require('../../https');
const certificate = require('../support/certificate');
const { program } = require('../support/child');
const { request } = require('../support/request');
const { listening, closed, until } = require('../support/servers');

const cleanups = [];
afterEach(async () => {
  while (cleanups.length > 0) await cleanups.pop()();
});

async function serve(server) {
  const port = await listening(server);
  const sockets = new Set();
  server.on('connection', (socket) => sockets.add(socket));
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections?.();
    await closed(server);
  });
  return port;
}

/** @return {Promise<{port: number, seen: Array}>} a proxy that answers by itself, and notes what it was asked */
async function httpProxy(secure = false) {
  const seen = [];
  const handler = (req, res) => {
    seen.push([req.method, req.url, req.headers.host, req.headers['proxy-authorization'], req.headers['proxy-connection']]);
    res.end('proxied');
  };
  return { port: await serve(secure ? https.createServer(certificate, handler) : turnout.createServer(handler)), seen };
}

/** @return {Promise<{port: number, seen: string[]}>} a proxy that answers CONNECT by `answer(socket, target)`; default: a tunnel to `to` */
async function tunnelProxy(to, answer) {
  const seen = [];
  const proxy = turnout.createServer();
  proxy.on('connect', (req, socket) => {
    seen.push(`${req.url} ${req.headers.host} ${req.headers['proxy-authorization'] ?? ''}`);
    socket.on('error', () => {}).on('close', () => seen.push('closed'));
    if (answer) {
      answer(socket);
      socket.on('end', () => socket.end()).resume();
      return;
    }
    const there = net.connect(to, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(there).pipe(socket);
    });
    there.on('error', () => socket.destroy());
    cleanups.push(() => there.destroy());
  });
  return { port: await serve(proxy), seen };
}

function newAgent(options, Agent = turnout.Agent) {
  const agent = new Agent(options);
  cleanups.push(() => agent.destroy());
  return agent;
}

/** A request, and what is told of it. @return {Promise<string[]>} */
const told = (options, module = turnout) =>
  new Promise((resolve) => {
    const log = [];
    const req = module.request(options);
    req.on('timeout', () => {
      log.push('timeout');
      req.destroy();
    });
    req.on('response', (res) => {
      let body = '';
      res.on('data', (data) => (body += data)).on('end', () => log.push(`${res.statusCode} ${body}`));
    });
    req.on('error', (error) => log.push(`${error.code} ${error.message} ${error.statusCode ?? ''}`.trim()));
    req.on('close', () => setImmediate(resolve, log));
    req.end();
  });

describe('a request of http through a proxy', () => {
  it('names its whole URL, on a connection of the engine', async () => {
    const { port, seen } = await httpProxy();
    const agent = newAgent({ keepAlive: true, proxyEnv: { HTTP_PROXY: `http://u%40x:p@127.0.0.1:${port}` } });
    const { body, req } = await request({ host: 'name.test', path: '/a?b', agent });
    expect([String(body), req.path, req.socket._handle]).toEqual(['proxied', 'http://name.test/a?b', null]);
    expect(seen).toEqual([['GET', 'http://name.test/a?b', 'name.test', `Basic ${Buffer.from('u@x:p').toString('base64')}`, 'keep-alive']]);
  });

  it('goes to a proxy of https by TLS', async () => {
    const { port, seen } = await httpProxy(true);
    // Nobody trusts the certificate, and the connection to a proxy takes no options.
    const { out } = await program(
      `const agent = new http.Agent({ proxyEnv: { http_proxy: 'https://localhost:${port}' } });
      http.get({ host: 'name.test', path: '/a', agent }, (res) => res.on('data', (data) => console.log(String(data), res.socket.encrypted)));`,
      { env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } },
    );
    expect(out).toBe('proxied true\n');
    expect(seen).toEqual([['GET', 'http://name.test/a', 'name.test', undefined, 'close']]);
  });

  it.each([
    ['*', 'anything.test', false],
    ['', 'name.test', true],
    ['name.test', 'NAME.test', false],
    ['other.test, name.test:80', 'name.test', false],
    ['name.test:81', 'name.test', true],
    ['.name.test', 'name.test', false],
    ['.name.test', 'a.name.test', false],
    ['.name.test', 'aname.test', true],
    ['*.name.test', 'a.name.test', false],
    ['*.name.test', 'name.test', true],
    ['10.0.0.1-10.0.0.9', '10.0.0.5', false],
    ['10.0.0.1 - 10.0.0.9', '10.0.1.5', true],
    ['10.0.0.1-nonsense', '10.0.0.1', true],
  ])('NO_PROXY=%s, %s', (noProxy, host, isProxied) => {
    const agent = newAgent({ proxyEnv: { http_proxy: 'http://127.0.0.1:1', NO_PROXY: noProxy } });
    agent.createConnection = () => new PassThrough();
    const req = turnout.request({ host, agent });
    req.on('error', () => {}).destroy();
    expect(req.path).toBe(isProxied ? `http://${host.toLowerCase()}/` : '/');
  });

  it.each([
    ['a Host of somebody else', { headers: { host: 'other.test' } }, "The property 'Host in options.headers' must match the request authority (name.test). Received 'other.test'"],
    ['the same in a list', { headers: ['Host', 'other.test'] }, "The property 'Host in options.headers' must match the request authority (name.test). Received 'other.test'"],
    ['two of them', { headers: [['Host', 'name.test'], ['host', 'name.test']] }, "The property 'options.headers' must not contain duplicate Host headers. Received '(redacted)'"],
    ['a path that is none', { path: 'x' }, "The property 'options.path' must be in absolute-form or start with /. Received 'x'"],
    ['a URL of another scheme', { path: 'ftp://name.test/' }, "The property 'options.path' must use http: scheme when specified as an absolute URL. Received 'ftp:'"],
    ['a URL with a password', { path: 'http://u:p@name.test/' }, "The property 'options.path' must not contain userinfo, use options.auth instead. Received 'http://name.test/'"],
    ['a port that is none', { port: 65536 }, 'options.port should be >= 0 and < 65536. Received type number (65536).'],
  ])('is refused that contradicts itself: %s', (_, options, message) => {
    const agent = newAgent({ proxyEnv: { http_proxy: 'http://127.0.0.1:1' } });
    expect(() => turnout.request({ host: 'name.test', agent, ...options })).toThrow(message);
  });

  it('a proxy that is none is refused, and one of another protocol is for somebody else', async () => {
    for (const proxy of ['http://', 'http://a\rb']) {
      expect(() => new turnout.Agent({ proxyEnv: { http_proxy: proxy } })).toThrow(expect.objectContaining({ code: 'ERR_PROXY_INVALID_CONFIG' }));
    }
    const port = await serve(turnout.createServer((req, res) => res.end('direct')));
    expect(await told({ port, agent: newAgent({ proxyEnv: { http_proxy: 'socks5://127.0.0.1:1' } }) })).toEqual(['200 direct']);
  });
});

describe('a request of https through a proxy', () => {
  const serveTls = () => serve(https.createServer(certificate, (req, res) => res.end(`secret ${req.url} ${req.socket.servername}`)));
  const through = (port, more) => newAgent({ rejectUnauthorized: false, proxyEnv: { https_proxy: `http://u:p@127.0.0.1:${port}` }, ...more }, https.Agent);

  it('goes through a tunnel, which is kept', async () => {
    const { port, seen } = await tunnelProxy(await serveTls());
    const agent = through(port, { keepAlive: true });
    expect(await told({ host: 'name.test', path: '/1', agent }, https)).toEqual(['200 secret /1 name.test']);
    expect(await told({ host: 'name.test', path: '/2', agent }, https)).toEqual(['200 secret /2 name.test']);
    expect(seen).toEqual(['name.test:443 name.test:443 Basic dTpw']);
  });

  it.each([
    ['refuses', (socket) => socket.write('HTTP/1.1 407 No\r\n\r\n'), ['ERR_PROXY_TUNNEL Failed to establish tunnel to name.test:443 via http://127.0.0.1:PORT/: HTTP/1.1 407 No 407']],
    ['ends', (socket) => socket.end('HTTP/1.1 200'), ['ERR_PROXY_TUNNEL Connection to establish proxy tunnel ended unexpectedly']],
    ['says too much', (socket) => socket.write(`HTTP/1.1 200 OK\r\nA: ${'a'.repeat(16384)}`), ['ERR_PROXY_TUNNEL Proxy response headers exceeded 16384 bytes']],
    ['says nothing', () => {}, ['timeout', 'ERR_PROXY_TUNNEL Connection to establish proxy tunnel timed out after 40ms']],
  ])('hears of a proxy that %s, and leaves no connection behind', async (_, answer, expected) => {
    const { port, seen } = await tunnelProxy(0, answer);
    const log = await told({ host: 'name.test', agent: through(port), timeout: 40 }, https);
    expect(log.map((line) => line.replaceAll(String(port), 'PORT'))).toEqual(expected);
    await until(() => seen.includes('closed'));
  });

  it('reads what comes byte by byte, and what comes with the answer', async () => {
    const to = await serveTls();
    const { port } = await tunnelProxy(to, async (socket) => {
      for (const byte of 'HTTP/1.1 200 OK\r\n\r\n') {
        socket.write(byte);
        await new Promise(setImmediate);
      }
      const there = net.connect(to, '127.0.0.1');
      cleanups.push(() => there.destroy());
      socket.pipe(there).pipe(socket);
    });
    expect(await told({ host: 'name.test', agent: through(port) }, https)).toEqual(['200 secret / name.test']);
    const { port: other } = await tunnelProxy(0, (socket) => socket.write('HTTP/1.1 200 OK\r\n\r\nthis is no TLS'));
    expect((await told({ host: 'name.test', agent: through(other) }, https))[0]).toMatch(/^ERR_SSL_/);
  });
});

describe('the proxy of all requests', () => {
  it('is set for http and https by setGlobalProxyFromEnv(), and taken back', async () => {
    const { port, seen } = await httpProxy();
    const before = [turnout.globalAgent, https.globalAgent];
    const restore = turnout.setGlobalProxyFromEnv({ http_proxy: `http://127.0.0.1:${port}`, https_proxy: 'http://127.0.0.1:1' });
    try {
      const { body } = await request({ host: 'name.test', path: '/g' });
      expect([String(body), seen[0][1]]).toEqual(['proxied', 'http://name.test/g']);
      expect(await told({ host: 'name.test' }, https)).toEqual(['ECONNREFUSED connect ECONNREFUSED 127.0.0.1:1']);
      turnout.globalAgent.destroy();
    } finally {
      restore();
    }
    expect([turnout.globalAgent, https.globalAgent]).toEqual(before);
  });

  it('is checked, and asked for only where the environment names one', () => {
    const before = turnout.globalAgent;
    turnout.setGlobalProxyFromEnv({})();
    expect(turnout.globalAgent).toBe(before);
    expect(() => turnout.setGlobalProxyFromEnv({ https_proxy: 'nonsense' })).toThrow(expect.objectContaining({ code: 'ERR_PROXY_INVALID_CONFIG', message: 'nonsense' }));
    expect(() => turnout.setGlobalProxyFromEnv(1)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  });

  it('is that of the process, where Node takes it from the environment', async () => {
    if (Number(process.versions.node.split('.')[0]) < 24) return;
    const { port } = await httpProxy();
    const { code, out } = await program("http.get('http://name.test/x', (res) => res.pipe(process.stdout));", {
      env: { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: '' },
    });
    expect([code, out]).toEqual([0, 'proxied']);
  });
});
