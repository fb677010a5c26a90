'use strict';

/** diagnostics_channel and perf_hooks: the same body against node:http and turnout; upgrades, which Node does not tell of, for ours. */

const diagnostics = require('node:diagnostics_channel');
const fs = require('node:fs');
const net = require('node:net');
const node = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { PerformanceObserver } = require('node:perf_hooks');
const turnout = require('../..');
const { program, run } = require('../support/child');
const { listening, closed } = require('../support/servers');

const GET = 'GET /path?x HTTP/1.1\r\nHost: a\r\n\r\n';
const UPGRADE = 'GET /up HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhead';
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n';

/** Everything the channels say, until the returned function is called. */
function listenTo(names, log) {
  const listeners = names.map((name) => {
    const listener = (message) => log(name, message);
    diagnostics.subscribe(name, listener);
    return [name, listener];
  });
  return () => listeners.forEach(([name, listener]) => diagnostics.unsubscribe(name, listener));
}

/** An observer that keeps the entries of one name, and a promise for `count` of them. */
function observerOf(wanted, count, entries) {
  let observer;
  const observed = new Promise((resolve) => {
    observer = new PerformanceObserver((list) => {
      entries.push(...list.getEntries().filter(({ name }) => name === wanted));
      if (entries.length >= count) resolve();
    });
  });
  return { observer, observed };
}

/** Starts a server, sends `text`, resolves when the connection and the server are closed. */
function exchange(http, listeners, text, onData) {
  return new Promise((resolve, reject) => {
    const server = http.createServer();
    for (const [event, listener] of Object.entries(listeners)) server.on(event, listener);
    server.listen(0, '127.0.0.1', () => {
      const client = net.connect(server.address().port, '127.0.0.1', () => client.write(text));
      client.on('error', reject);
      client.on('data', (chunk) => onData(client, String(chunk)));
      client.on('close', () => server.close(() => resolve(server)));
    });
  });
}

describe.each([['node:http', node], ['turnout', turnout]])('%s', (_, http) => {
  it('tells of requests, responses and sockets on Node\'s channels, in order', async () => {
    const told = [];
    const seen = {};
    const stop = listenTo(
      ['net.server.socket', 'http.server.response.created', 'http.server.request.start', 'http.server.response.finish'],
      (name, message) => {
        told.push(`${name} ${Object.keys(message).sort()}`);
        Object.assign(seen, message);
      },
    );
    const server = await exchange(
      http,
      { connection: () => told.push('connection'), request: (req, res) => (told.push('request'), res.on('finish', () => told.push('finish')).end('x')) },
      GET,
      (client) => client.end(),
    );
    stop();
    expect(told).toEqual([
      'connection',
      'net.server.socket socket',
      // Node 20 does not know this one.
      ...(http === turnout || process.versions.node >= '22' ? ['http.server.response.created request,response'] : []),
      'http.server.request.start request,response,server,socket',
      'request',
      'http.server.response.finish request,response,server,socket',
      'finish',
    ]);
    expect(seen.server).toBe(server);
    expect(seen.request).toBeInstanceOf(http.IncomingMessage);
    expect(seen.response).toBeInstanceOf(http.ServerResponse);
    expect(seen.socket).toBeInstanceOf(net.Socket);
    expect(seen.request.socket).toBe(seen.socket);
  });

  it('makes a performance entry for each request', async () => {
    const entries = [];
    const { observer, observed } = observerOf('HttpRequest', 1, entries);
    observer.observe({ type: 'http' });
    await exchange(http, { request: (req, res) => res.setHeader('X-A', 'b').writeHead(201, 'Made').end('x') }, GET, (client) => client.end());
    await observed;
    observer.disconnect();
    const [{ entryType, name, duration, detail }] = entries;
    expect({ entryType, name, detail: { ...detail, res: { ...detail.res, headers: { ...detail.res.headers } } } }).toEqual({
      entryType: 'http',
      name: 'HttpRequest',
      detail: {
        req: { method: 'GET', url: '/path?x', headers: { host: 'a' } },
        res: { statusCode: 201, statusMessage: 'Made', headers: { 'x-a': 'b' } },
      },
    });
    expect(duration).toBeGreaterThan(0);
    expect(duration).toBeLessThan(10_000);
  });

  it('makes a performance entry for each request of the client, while the channels tell of the request itself', async () => {
    const entries = [];
    const told = [];
    const { observer, observed } = observerOf('HttpClient', 2, entries);
    const stop = listenTo(['http.client.request.start', 'http.client.response.finish'], (name, { request }) => told.push([name, request]));
    observer.observe({ entryTypes: ['http'] });
    const server = net.createServer((socket) => socket.on('data', () => socket.write('HTTP/1.1 201 Made\r\nX-A: b\r\nContent-Length: 0\r\n\r\n')));
    await listening(server);
    const { port } = server.address();
    const agent = new http.Agent({ keepAlive: true });
    const requests = [];
    for (const method of ['GET', 'POST']) {
      const req = http.request({ port, host: '127.0.0.1', path: '/path?x', method, agent, headers: { Q: '1' } }, (res) => res.resume());
      requests.push(req.end(method === 'POST' ? 'body' : undefined));
      await new Promise((resolve) => req.on('close', resolve));
    }
    await observed;
    observer.disconnect();
    stop();
    agent.destroy();
    await closed(server);
    expect(told.map(([name, request]) => [name, requests.indexOf(request)])).toEqual(
      [0, 1].flatMap((n) => [['http.client.request.start', n], ['http.client.response.finish', n]]),
    );
    // Until Node 24 Node leaves the port out.
    const url = expect.stringMatching(http === turnout || process.versions.node >= '24' ? `^http://127.0.0.1:${port}/path\\?x$` : '^http://127.0.0.1/path');
    expect(entries.map(({ entryType, detail }) => ({ entryType, req: { ...detail.req, headers: { ...detail.req.headers } }, res: { ...detail.res, headers: { ...detail.res.headers } } }))).toEqual(
      ['GET', 'POST'].map((method) => ({
        entryType: 'http',
        req: { method, url, headers: { q: '1', host: `127.0.0.1:${port}` } },
        res: { statusCode: 201, statusMessage: 'Made', headers: { 'x-a': 'b', 'content-length': '0' } },
      })),
    );
    for (const { duration } of entries) expect(duration).toBeGreaterThan(0);
  });

  if (diagnostics.tracingChannel) {
    it('traces listen', async () => {
      const told = [];
      const names = ['asyncStart', 'asyncEnd', 'error'].map((name) => `tracing:net.server.listen:${name}`);
      const stop = listenTo(names, (name, { error }) => told.push([name, error?.code]));
      const first = http.createServer();
      await new Promise((resolve) => first.listen(0, '127.0.0.1', resolve));
      const second = http.createServer();
      await new Promise((resolve) => second.on('error', resolve).listen(first.address().port, '127.0.0.1'));
      await closed(first);
      stop();
      expect(told).toEqual([[names[0], undefined], [names[1], undefined], [names[0], undefined], [names[2], 'EADDRINUSE']]);
    });
  }
});

describe('turnout', () => {
  it('tells of upgrades, and of their end', async () => {
    const told = [];
    const stop = listenTo(['http.server.upgrade.start', 'http.server.upgrade.end', 'http.server.request.start'], (name, message) => {
      told.push([name, Object.keys(message).sort().join(), message.request.url, message.head && String(message.head)]);
    });
    const closed = new Promise((resolve) => {
      const upgrade = (req, socket) => {
        told.push('upgrade');
        socket.on('close', resolve);
        socket.write(SWITCH);
        socket.end();
      };
      exchange(turnout, { upgrade }, UPGRADE, () => {});
    });
    await closed;
    stop();
    expect(told).toEqual([
      ['http.server.upgrade.start', 'head,request,server,socket', '/up', 'head'],
      'upgrade',
      ['http.server.upgrade.end', 'request,server,socket', '/up', undefined],
    ]);
  });

  it('speaks under NODE_DEBUG=http', async () => {
    const { err } = await program(
      `const server = http.createServer((req, res) => res.end()).listen(0, () =>
         require('node:http').get({ port: server.address().port, agent: false }, () => server.close()));`,
      { env: { NODE_DEBUG: 'http' } },
    );
    expect(err).toMatch(/HTTP \d+: SERVER new http connection/);
  });

  /** The trace events of a client that asks a server which answers with 201. */
  async function traceOf(http, flags, start = '') {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'turnout-trace-'));
    const code = `
      ${start}
      const { createServer, get } = require('${http}');
      const server = createServer((req, res) => res.writeHead(201).end('x')).listen(0, '127.0.0.1', () => {
        get({ port: server.address().port, host: '127.0.0.1', path: '/path', agent: false }, (res) => res.resume().on('close', () => server.close()));
      });`;
    await run([...flags, '--trace-event-file-pattern', path.join(folder, '${rotation}.log'), '-e', code]);
    const { traceEvents } = JSON.parse(fs.readFileSync(path.join(folder, '1.log'), 'utf8'));
    fs.rmSync(folder, { recursive: true });
    return traceEvents.filter(({ name }) => name.startsWith('http.')).map(({ ph, name, cat, args }) => JSON.stringify([ph, name, cat, args])).sort();
  }

  it.each([
    ['from the start', ['--trace-event-categories', 'node.http'], ''],
    ['before listen()', [], "require('node:trace_events').createTracing({ categories: ['node.http'] }).enable();"],
  ])('writes the trace events that node:http writes, switched on %s', async (_, flags, start) => {
    const expected = await traceOf('node:http', flags, start);
    expect(expected.map((event) => JSON.parse(event).slice(0, 2).join(' '))).toEqual(['client', 'server', 'client', 'server'].map((side, i) => `${i < 2 ? 'b' : 'e'} http.${side}.request`));
    expect(await traceOf('./index.js', flags, start)).toEqual(expected);
  });

  it("its client says under NODE_DEBUG=http what Node's says", async () => {
    const said = async (name) => {
      const { err } = await program(
        `const net = require('node:net');
         const { Agent, get } = require('${name}');
         const server = net.createServer((socket) => socket.on('data', (data) =>
           socket.write(/bad/.test(data) ? 'nonsense' : 'HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n'))).listen(0, async () => {
           const agent = new Agent({ keepAlive: true });
           for (const path of ['/1', '/2', '/bad']) {
             await new Promise((resolve) => get({ port: server.address().port, path, agent }, (res) => res.resume())
               .on('error', () => {}).on('close', () => setImmediate(resolve)));
           }
           agent.destroy();
           server.close();
         });`,
        { env: { NODE_DEBUG: 'http' } },
      );
      const lines = err.split('\n').filter((line) => /^HTTP \d+: /.test(line) && !line.includes('use proxy'));
      return lines.map((line) => line.replace(/^HTTP \d+: /, '').replace(/localhost:\d+/, 'localhost:PORT'));
    };
    const ours = await said('./index.js');
    const nodes = await said('node:http');
    expect(ours.length).toBeGreaterThan(15);
    // The end of a request is told of when it has left.
    expect([...ours].sort()).toEqual([...nodes].sort());
  });
});
