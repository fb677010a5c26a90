'use strict';

/** Packages that ask through http.request and http.Agent: with turnout/register their requests are turnout's. */

const { runsOnTurnout } = require('../support/ecosystem');

describe('client libraries', () => {
  runsOnTurnout(
    'axios: JSON, redirects, streams, cancellation, timeouts, errors, an agent that keeps connections',
    async (kit, require) => {
      const http = require('http');
      const axios = require('axios');
      const stop = new AbortController();
      const server = http.createServer((req, res) => {
        if (req.url === '/away') return res.writeHead(302, { Location: '/json' }).end();
        if (req.url === '/slow') return stop.abort();
        if (req.url === '/missing') return res.writeHead(404).end('no');
        if (req.method === 'POST') {
          res.setHeader('Content-Type', req.headers['content-type']);
          return req.pipe(res);
        }
        res.setHeader('Content-Type', 'application/json');
        return res.end(JSON.stringify({ url: req.url, auth: req.headers.authorization }));
      });
      const connections = new Set();
      server.on('connection', (socket) => connections.add(socket));
      const httpAgent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      const client = axios.create({ baseURL: `http://127.0.0.1:${await kit.listen(server)}`, httpAgent });
      const got = await client.get('/json', { auth: { username: 'u', password: 'p' } });
      const redirected = await client.get('/away');
      const posted = await client.post('/', { a: [1, 2, 3] });
      const large = await client.post('/', Buffer.alloc(2_000_000, 1), { responseType: 'arraybuffer', maxBodyLength: Infinity });
      const streamed = await client.get('/stream', { responseType: 'stream' });
      let text = '';
      for await (const chunk of streamed.data) text += chunk;
      const missing = await client.get('/missing').catch((error) => [error.code, error.response.status, error.response.data]);
      // axios takes another connection when it follows a redirect.
      const kept = connections.size;
      const cancelled = await client.get('/slow', { signal: stop.signal }).catch((error) => error.code);
      const late = await client.get('/slow', { timeout: 20 }).catch((error) => error.code);
      const refused = await axios.get('http://127.0.0.1:1/').catch((error) => error.code);
      httpAgent.destroy();
      const ours = got.request.socket === undefined || kit.host !== 'turnout' || got.request.socket._handle === null;
      return { got: got.data, redirected: redirected.data.url, posted: posted.data, large: large.data.length, text, missing, kept, cancelled, late, refused, ours };
    },
    {
      got: { url: '/json', auth: 'Basic dTpw' },
      redirected: '/json',
      posted: { a: [1, 2, 3] },
      large: 2_000_000,
      text: '{"url":"/stream"}',
      missing: ['ERR_BAD_REQUEST', 404, 'no'],
      kept: 2,
      cancelled: 'ERR_CANCELED',
      late: 'ECONNABORTED',
      refused: 'ECONNREFUSED',
      ours: true,
    },
  );

  runsOnTurnout(
    'got: retries, streams, timeouts, pagination of redirects, Unix sockets',
    async (kit, require) => {
      const http = require('http');
      const got = require('got');
      const { mkdtempSync } = require('node:fs');
      const { join } = require('node:path');
      let failures = 2;
      const server = http.createServer((req, res) => {
        if (req.url === '/flaky' && failures-- > 0) return res.writeHead(503).end();
        if (req.url === '/away') return res.writeHead(301, { Location: '/there' }).end();
        if (req.url === '/slow') return undefined;
        if (req.method === 'POST') return req.pipe(res);
        return res.end(req.url);
      });
      const url = `http://127.0.0.1:${await kit.listen(server)}`;
      const flaky = await got(`${url}/flaky`, { retry: { limit: 3, calculateDelay: ({ computedValue }) => (computedValue ? 1 : 0) } });
      const away = await got(`${url}/away`);
      const json = await got.post(url, { json: { a: 1 } }).json();
      const late = await got(`${url}/slow`, { timeout: 50, retry: 0 }).catch((error) => error.code);
      const { PassThrough } = require('node:stream');
      const stream = got.stream.post(url, { isStream: true });
      stream.end(Buffer.alloc(500_000));
      let length = 0;
      for await (const chunk of stream.pipe(new PassThrough())) length += chunk.length;
      const path = join(mkdtempSync(join(require('node:os').tmpdir(), 'turnout-')), 's');
      const local = http.createServer((req, res) => res.end(`unix ${req.url}`)).listen(path);
      await kit.listen(local);
      const unix = await got(`http://unix:${path}:/x`);
      const phases = Object.keys(flaky.timings.phases).filter((name) => flaky.timings.phases[name] !== undefined).sort();
      return { flaky: flaky.body, retries: flaky.retryCount, away: [away.body, away.redirectUrls.length], json, late, length, unix: unix.body, phases };
    },
    {
      flaky: '/flaky',
      retries: 2,
      away: ['/there', 1],
      json: { a: 1 },
      late: 'ETIMEDOUT',
      length: 500_000,
      unix: 'unix /x',
      phases: ['dns', 'download', 'firstByte', 'request', 'tcp', 'total', 'wait'],
    },
  );

  runsOnTurnout(
    'node-fetch: bodies, abort, premature close',
    async (kit, require) => {
      const http = require('http');
      const fetch = require('node-fetch');
      const stop = new AbortController();
      const server = http.createServer((req, res) => {
        if (req.url === '/cut') {
          res.write('part');
          return setImmediate(() => res.socket.destroy());
        }
        if (req.url === '/slow') return stop.abort();
        return req.pipe(res);
      });
      const url = `http://127.0.0.1:${await kit.listen(server)}`;
      const echoed = await (await fetch(url, { method: 'POST', body: 'hello' })).text();
      const cut = await (await fetch(`${url}/cut`)).text().catch((error) => error.message.slice(-15));
      const aborted = await fetch(`${url}/slow`, { signal: stop.signal }).catch((error) => error.name);
      const refused = await fetch('http://127.0.0.1:1/').catch((error) => error.code);
      return { echoed, cut, aborted, refused };
    },
    { echoed: 'hello', cut: 'Premature close', aborted: 'AbortError', refused: 'ECONNREFUSED' },
  );

  runsOnTurnout(
    'superagent and supertest',
    async (kit, require) => {
      const http = require('http');
      const superagent = require('superagent');
      const supertest = require('supertest');
      const server = http.createServer((req, res) => {
        if (req.url === '/away') return res.writeHead(307, { Location: '/' }).end();
        if (req.method === 'POST') {
          res.setHeader('Content-Type', 'application/json');
          return req.pipe(res);
        }
        return res.end(req.url);
      });
      const url = `http://127.0.0.1:${await kit.listen(server)}`;
      const posted = await superagent.post(url).send({ a: 1 });
      const redirected = await superagent.get(`${url}/away`);
      const uploaded = await superagent.post(url).attach('file', Buffer.alloc(1000), 'a.bin').catch((error) => error.message);
      const tested = await supertest(server).get('/tested').expect(200, '/tested');
      return { posted: posted.body, redirected: redirected.redirects.length, uploaded: typeof uploaded, tested: tested.text };
    },
    { posted: { a: 1 }, redirected: 1, uploaded: 'string', tested: '/tested' },
  );

  runsOnTurnout(
    'follow-redirects',
    async (kit, require) => {
      const { http } = require('follow-redirects');
      const server = require('http').createServer((req, res) => {
        const n = Number(req.url.slice(1));
        if (n > 0) return res.writeHead(n % 2 ? 302 : 308, { Location: `/${n - 1}` }).end();
        let size = 0;
        return req.on('data', (chunk) => (size += chunk.length)).on('end', () => res.end(`${req.method} ${size}`));
      });
      const port = await kit.listen(server);
      const ask = (path, options, body) =>
        new Promise((resolve) => {
          const req = http.request({ host: '127.0.0.1', port, path, ...options }, async (res) => {
            let text = '';
            for await (const chunk of res) text += chunk;
            resolve([text, new URL(res.responseUrl).pathname]);
          });
          req.on('error', (error) => resolve(error.code));
          req.end(body);
        });
      return [await ask('/5'), await ask('/0', { method: 'POST' }, 'abc'), await ask('/2', { method: 'PUT' }, 'abcd'), await ask('/30')];
    },
    [['GET 0', '/0'], ['POST 3', '/0'], ['PUT 4', '/0'], 'ERR_FR_TOO_MANY_REDIRECTS'],
  );

  runsOnTurnout(
    'agentkeepalive: its sockets are reused, counted and let go',
    async (kit, require) => {
      const http = require('http');
      const Agent = require('agentkeepalive');
      const port = await kit.listen(http.createServer((req, res) => res.end('ok')));
      const agent = new Agent({ maxSockets: 2, freeSocketTimeout: 50 });
      const ask = () =>
        new Promise((resolve, reject) => {
          http.get({ port, host: '127.0.0.1', agent }, (res) => res.resume().on('end', () => setImmediate(resolve))).on('error', reject);
        });
      for (let i = 0; i < 5; i++) await ask();
      const { createSocketCount, requestCount } = agent.getCurrentStatus();
      while (agent.getCurrentStatus().closeSocketCount < 1) await new Promise(setImmediate);
      return { createSocketCount, requestCount, closed: agent.getCurrentStatus().closeSocketCount };
    },
    { createSocketCount: 1, requestCount: 5, closed: 1 },
  );

  runsOnTurnout(
    'http-proxy-agent, an agent that makes its connections by itself',
    async (kit, require) => {
      const http = require('http');
      const { HttpProxyAgent } = require('http-proxy-agent');
      const seen = [];
      const proxy = http.createServer((req, res) => {
        seen.push(req.url);
        res.end('through');
      });
      const agent = new HttpProxyAgent(`http://127.0.0.1:${await kit.listen(proxy)}`);
      const body = await new Promise((resolve, reject) => {
        http.get('http://name.test/x', { agent }, async (res) => {
          let text = '';
          for await (const chunk of res) text += chunk;
          resolve(text);
        }).on('error', reject);
      });
      agent.destroy();
      return { body, seen };
    },
    { body: 'through', seen: ['http://name.test/x'] },
  );

  runsOnTurnout(
    'ws and socket.io-client, both ends',
    async (kit, require) => {
      const http = require('http');
      const { WebSocket, WebSocketServer } = require('ws');
      const server = http.createServer();
      const sockets = new WebSocketServer({ server, perMessageDeflate: true });
      sockets.on('connection', (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })));
      const port = await kit.listen(server);
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: true });
      const chat = await kit.chat(socket, ['hello', Buffer.alloc(300_000)]);
      const refusing = http.createServer().on('upgrade', (req, raw) => raw.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'));
      const refused = await new Promise((resolve) => {
        kit.listen(refusing).then((at) => new WebSocket(`ws://127.0.0.1:${at}/`).on('error', (error) => resolve(error.message)));
      });
      sockets.close();

      const { Server } = require('socket.io');
      const { io } = require('socket.io-client');
      const web = http.createServer();
      const rooms = new Server(web);
      rooms.on('connection', (one) => one.on('ask', (what, answer) => answer(what.toUpperCase())));
      const at = await kit.listen(web);
      const answers = [];
      for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
        const client = io(`http://127.0.0.1:${at}`, { transports, forceNew: true });
        answers.push(await client.emitWithAck('ask', 'a'));
        client.disconnect();
      }
      await rooms.close();
      return { chat, refused, answers };
    },
    { chat: ['hello', 'binary 300000'], refused: 'Unexpected server response: 403', answers: ['A', 'A', 'A'] },
  );
});
