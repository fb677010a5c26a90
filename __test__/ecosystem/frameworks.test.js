'use strict';

const { runsOnTurnout, play } = require('../support/ecosystem');

async function express(kit, require, name) {
  const express = require(name);
  const app = express();
  app.use(express.json({ limit: 100 }));
  app.get('/hi/:name', (req, res) => {
    const { ip, protocol, fresh, query } = req;
    res.json({ name: req.params.name, ip, agent: req.get('user-agent'), query, protocol, fresh });
  });
  app.post('/post', (req, res) => res.send(req.body));
  app.get('/fail', () => {
    throw new Error('oh');
  });
  app.get('/go', (req, res) => res.cookie('a', 'b').redirect('/hi/y'));
  app.get('/text', (req, res) => res.type('text').send('hello'));
  const sub = express();
  sub.get('/deep', (req, res) => res.end(`sub at ${req.baseUrl}${req.path}`));
  app.use('/sub', sub);
  app.use('/static', express.static('.'));
  // Four parameters are what makes an error handler.
  app.use((error, req, res, next) => (res.headersSent ? next(error) : res.status(error.status ?? 500).send(error.message)));
  const port = await kit.listen(kit.http.createServer(app));
  const json = (body) => ({ method: 'POST', body, headers: { 'content-type': 'application/json' } });

  const params = JSON.parse((await kit.fetch(port, '/hi/x?q=1', { headers: { 'user-agent': 'me' } })).body);
  const posted = await kit.fetch(port, '/post', json('{"a":[1,2]}'));
  const failed = await kit.fetch(port, '/fail');
  const go = await kit.fetch(port, '/go', { redirect: 'manual' });
  const etag = (await kit.fetch(port, '/text')).headers.get('etag');
  const again = await kit.raw(port, `GET /text HTTP/1.1\r\nHost: a\r\nIf-None-Match: ${etag}\r\nConnection: close\r\n\r\n`);
  const head = await kit.fetch(port, '/text', { method: 'HEAD' });
  const file = await kit.fetch(port, '/static/package.json');
  const range = await kit.fetch(port, '/static/package.json', { headers: { range: 'bytes=0-0' } });
  return {
    params,
    posted: [posted.status, JSON.parse(posted.body)],
    tooLarge: (await kit.fetch(port, '/post', json(`"${'x'.repeat(200)}"`))).status,
    missing: (await kit.fetch(port, '/missing')).status,
    failed: [failed.status, failed.body],
    redirect: [go.status, go.headers.get('location'), go.headers.get('set-cookie')],
    again: again.split('\r\n')[0],
    head: [head.status, head.headers.get('content-length'), head.body],
    sub: (await kit.fetch(port, '/sub/deep')).body,
    static: [file.status, JSON.parse(file.body).name, range.status, range.body],
  };
}

const EXPRESS = {
  params: { name: 'x', ip: '127.0.0.1', agent: 'me', query: { q: '1' }, protocol: 'http', fresh: false },
  posted: [200, { a: [1, 2] }],
  tooLarge: 413,
  missing: 404,
  failed: [500, 'oh'],
  redirect: [302, '/hi/y', 'a=b; Path=/'],
  again: 'HTTP/1.1 304 Not Modified',
  head: [200, '5', ''],
  sub: 'sub at /sub/deep',
  static: [200, 'turnout', 206, '{'],
};

describe('express', () => {
  for (const name of ['express', 'express4']) {
    runsOnTurnout(name, express, EXPRESS, name);

    it(`${name}, given to turnout.createServer() by a program that does not use turnout/register`, async () => {
      expect(await play(express, { argument: name, register: false })).toEqual(EXPRESS);
    });

    it(`${name} in a listener of the program, and serving node:http and turnout together`, async () => {
      const bodies = await play(async (kit, require, name) => {
        const app = require(name)();
        app.post('/', (req, res) => {
          let body = '';
          req.on('data', (data) => (body += data)).on('end', () => res.set('X-Ip', req.ip).send(`${req.headers.host.slice(0, 9)} ${body}`));
        });
        const ours = kit.http.createServer((req, res) => app(req, res));
        const node = require('http').createServer(app);
        const ports = [await kit.listen(ours)];
        await kit.once(node.listen(0, '127.0.0.1'), 'listening');
        ports.push(node.address().port);
        const answers = [];
        for (const port of [...ports, ...ports]) {
          const { status, headers, body } = await kit.fetch(port, '/', { method: 'POST', body: 'x'.repeat(20_000) });
          answers.push([status, headers.get('x-ip'), body.length]);
        }
        node.close();
        node.closeAllConnections();
        return answers;
      }, { argument: name, register: false });
      expect(bodies).toEqual(Array(4).fill([200, '127.0.0.1', 20_010]));
    });
  }
});

describe('frameworks', () => {
  runsOnTurnout(
    'koa',
    async (kit, require) => {
      const Koa = require('koa');
      const { Readable } = require('node:stream');
      const app = new Koa();
      app.silent = true;
      app.use(async (ctx, next) => {
        await next();
        ctx.set('X-Behind', 'yes');
      });
      app.use(async (ctx) => {
        if (ctx.path === '/fail') ctx.throw(418, 'teapot');
        if (ctx.path === '/stream') ctx.body = Readable.from(['a', 'b', 'c']);
        else if (ctx.path === '/fresh') Object.assign(ctx, { status: 200, etag: 'x', body: ctx.fresh ? null : 'stale' });
        else if (ctx.path === '/json') ctx.body = { ip: ctx.ip, query: ctx.query, host: ctx.host.replace(/\d+$/, ''), secure: ctx.secure };
      });
      const port = await kit.listen(require('http').createServer(app.callback()));
      const json = await kit.fetch(port, '/json?a=b');
      const fail = await kit.fetch(port, '/fail');
      return {
        json: [json.status, JSON.parse(json.body), json.headers.get('x-behind')],
        stream: (await kit.fetch(port, '/stream')).body,
        fail: [fail.status, fail.body],
        missing: (await kit.fetch(port, '/')).status,
        listen: (await kit.fetch(kit.opened(await new Promise((done) => { const server = app.listen(0, () => done(server)); })), '/stream')).body,
      };
    },
    {
      json: [200, { ip: '127.0.0.1', query: { a: 'b' }, host: '127.0.0.1:', secure: false }, 'yes'],
      stream: 'abc',
      fail: [418, 'teapot'],
      missing: 404,
      listen: 'abc',
    },
  );

  const FASTIFY = {
    json: [200, { id: 7, ip: '127.0.0.1', host: '127.0.0.1' }],
    posted: [200, { got: [1] }],
    invalid: 400,
    stream: 'chunks',
    hijacked: 'raw',
    missing: 404,
    hints: ['HTTP/1.1 103 Early Hints', 'HTTP/1.1 200 OK'],
    injected: [200, { id: 8, ip: '127.0.0.1', host: 'localhost' }],
    closed: ['onClose', false],
  };

  async function fastify(kit, require, factory) {
    const { Readable } = require('node:stream');
    const options = factory ? { serverFactory: (handler) => kit.http.createServer(handler) } : {};
    const app = require('fastify')({ ...options, forceCloseConnections: true, keepAliveTimeout: 1000 });
    const closed = [];
    app.addHook('onClose', async () => closed.push('onClose'));
    const schema = { params: { type: 'object', properties: { id: { type: 'integer' } } } };
    app.get('/item/:id', { schema }, async (request) => ({ id: request.params.id, ip: request.ip, host: request.hostname.replace(/:.*/, '') }));
    app.post('/post', { schema: { body: { type: 'object', required: ['a'] } } }, async (request) => ({ got: request.body.a }));
    app.get('/stream', (request, reply) => reply.send(Readable.from(['chu', 'nks'])));
    app.get('/hijack', (request, reply) => {
      reply.hijack();
      reply.raw.end('raw');
    });
    app.get('/hints', async (request, reply) => {
      reply.raw.writeEarlyHints({ link: '</a.css>; rel=preload' });
      return 'after';
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const port = kit.opened(app.server);
    const json = (body) => ({ method: 'POST', body, headers: { 'content-type': 'application/json' } });
    const item = await kit.fetch(port, '/item/7');
    const posted = await kit.fetch(port, '/post', json('{"a":[1]}'));
    const hints = await kit.raw(port, 'GET /hints HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const injected = await app.inject('/item/8');
    const result = {
      json: [item.status, JSON.parse(item.body)],
      posted: [posted.status, JSON.parse(posted.body)],
      invalid: (await kit.fetch(port, '/post', json('{"b":1}'))).status,
      stream: (await kit.fetch(port, '/stream')).body,
      hijacked: (await kit.fetch(port, '/hijack')).body,
      missing: (await kit.fetch(port, '/missing')).status,
      hints: hints.split('\r\n').filter((line) => line.startsWith('HTTP/')),
      injected: [injected.statusCode, injected.json()],
    };
    await app.close();
    return { ...result, closed: [...closed, app.server.listening] };
  }

  runsOnTurnout('fastify', fastify, FASTIFY, false);
  runsOnTurnout('fastify with serverFactory', fastify, FASTIFY, true);
  it('fastify with serverFactory, without turnout/register', async () => {
    expect(await play(fastify, { argument: true, register: false })).toEqual(FASTIFY);
  });

  runsOnTurnout(
    'connect, with body-parser, compression, cors, express-session, finalhandler, helmet, morgan, on-finished and serve-static',
    async (kit, require) => {
      const zlib = require('node:zlib');
      const connect = require('connect');
      const log = [];
      const finished = [];
      const app = connect();
      app.use((req, res, next) => {
        require('on-finished')(res, (error) => finished.push([req.originalUrl, res.statusCode, error?.code ?? null]));
        next();
      });
      app.use(require('morgan')(':method :url :status :res[content-type]', { stream: { write: (line) => log.push(line.trim()) } }));
      app.use(require('helmet')());
      app.use(require('cors')());
      app.use(require('compression')({ threshold: 0 }));
      app.use(require('express-session')({ secret: 'x', resave: false, saveUninitialized: true }));
      app.use(require('body-parser').urlencoded({ extended: false }));
      app.use('/count', (req, res) => {
        req.session.count = (req.session.count ?? 0) + 1;
        res.end(String(req.session.count));
      });
      app.use('/big', (req, res) => {
        res.setHeader('Content-Type', 'text/plain');
        for (let i = 0; i < 20; i++) res.write('x'.repeat(1000));
        res.end();
      });
      app.use('/form', (req, res) => res.end(JSON.stringify(req.body)));
      app.use('/files', require('serve-static')('examples'));
      const fall = require('finalhandler');
      const port = await kit.listen(require('http').createServer((req, res) => app(req, res, fall(req, res))));

      const first = await kit.fetch(port, '/count');
      const cookie = first.headers.get('set-cookie').split(';')[0];
      const second = await kit.fetch(port, '/count', { headers: { cookie } });
      const packed = await kit.raw(port, 'GET /big HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n');
      const form = { method: 'POST', body: 'a=1&b=2', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
      const preflight = await kit.fetch(port, '/', { method: 'OPTIONS' });
      const result = {
        count: [first.body, second.body],
        helmet: first.headers.get('x-content-type-options'),
        gzip: zlib.gunzipSync(Buffer.from(packed.slice(packed.indexOf('\r\n\r\n') + 4), 'latin1')).length,
        encoding: /\r\ncontent-encoding: gzip\r\n/i.test(packed),
        form: JSON.parse((await kit.fetch(port, '/form', form)).body),
        cors: [preflight.status, preflight.headers.get('access-control-allow-origin')],
        file: (await kit.fetch(port, '/files/upgrade.js')).status,
        missing: (await kit.fetch(port, '/missing')).status,
      };
      // 'finish' may come after the client's last byte.
      while (log.length < 7 || finished.length < 7) await new Promise(setImmediate);
      return { ...result, log, finished };
    },
    {
      count: ['1', '2'],
      helmet: 'nosniff',
      gzip: 20_000,
      encoding: true,
      form: { a: '1', b: '2' },
      cors: [204, '*'],
      file: 200,
      missing: 404,
      log: [
        'GET /count 200 -',
        'GET /count 200 -',
        'GET /big 200 text/plain',
        'OPTIONS / 204 -',
        'POST /form 200 -',
        'GET /files/upgrade.js 200 text/javascript; charset=utf-8',
        'GET /missing 404 text/html; charset=utf-8',
      ],
      finished: [
        ['/count', 200, null],
        ['/count', 200, null],
        ['/big', 200, null],
        ['/', 204, null],
        ['/form', 200, null],
        ['/files/upgrade.js', 200, null],
        ['/missing', 404, null],
      ],
    },
  );

  runsOnTurnout(
    'multer in express, driven by supertest',
    async (kit, require) => {
      const express = require('express');
      const multer = require('multer');
      const request = require('supertest');
      const app = express();
      app.post('/upload', multer({ storage: multer.memoryStorage() }).single('file'), (req, res) => {
        res.json({ name: req.file.originalname, size: req.file.size, word: req.body.word });
      });
      // supertest makes and closes the server itself.
      const upload = await request(app).post('/upload').field('word', 'hello').attach('file', Buffer.alloc(200_000, 1), 'a.bin').expect(200);
      const server = require('http').createServer(app);
      const missing = await request(server).get('/').set('X-A', 'b').expect(404).expect('Content-Type', /html/);
      return { upload: upload.body, missing: missing.status, listening: server.listening };
    },
    { upload: { name: 'a.bin', size: 200_000, word: 'hello' }, missing: 404, listening: false },
  );

  runsOnTurnout(
    'better-sse, cookie-parser, cookie-session, method-override and vhost in express 4',
    async (kit, require) => {
      const express = require('express4');
      const { createSession } = await import('better-sse');
      const app = express();
      app.use(require('vhost')('a.example.org', (req, res) => res.end(`host ${req.vhost.hostname}`)));
      app.use(require('method-override')('X-HTTP-Method-Override'));
      app.use(require('cookie-parser')('secret'));
      app.use(require('cookie-session')({ keys: ['k'] }));
      const closed = new Promise((resolve) => {
        app.get('/events', async (req, res) => {
          const session = await createSession(req, res, { keepAlive: null });
          session.once('disconnected', () => resolve(session.isConnected));
          session.push({ n: 1 }, 'first');
        });
      });
      app.put('/put', (req, res) => res.send(`${req.method} ${req.originalMethod}`));
      app.get('/cookies', (req, res) => {
        req.session.views = (req.session.views ?? 0) + 1;
        res.cookie('signed', 'v', { signed: true }).json({ views: req.session.views, plain: req.cookies.plain, signed: req.signedCookies.signed });
      });
      const port = await kit.listen(require('http').createServer(app));
      const stop = new AbortController();
      const events = await fetch(`http://127.0.0.1:${port}/events`, { signal: stop.signal });
      const reader = events.body.getReader();
      let stream = '';
      while (!stream.includes('data:{"n":1}')) stream += new TextDecoder().decode((await reader.read()).value);
      stop.abort();
      const first = await kit.fetch(port, '/cookies');
      const cookie = `plain=p; ${first.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ')}`;
      return {
        events: events.headers.get('content-type'),
        connected: await closed,
        put: (await kit.fetch(port, '/put', { method: 'POST', headers: { 'x-http-method-override': 'PUT' } })).body,
        cookies: JSON.parse((await kit.fetch(port, '/cookies', { headers: { cookie } })).body),
        vhost: (await kit.raw(port, 'GET / HTTP/1.1\r\nHost: a.example.org\r\nConnection: close\r\n\r\n')).split('\r\n').at(-1),
      };
    },
    { events: 'text/event-stream', connected: false, put: 'PUT POST', cookies: { views: 2, plain: 'p', signed: 'v' }, vhost: 'host a.example.org' },
  );

  runsOnTurnout(
    'h3',
    async (kit, require) => {
      const { createApp, createRouter, eventHandler, getQuery, readBody, toNodeListener, setCookie, createError } = require('h3');
      const router = createRouter();
      router.get('/q', eventHandler((event) => getQuery(event)));
      router.post('/body', eventHandler(async (event) => ({ body: await readBody(event) })));
      router.get('/cookie', eventHandler((event) => setCookie(event, 'a', 'b') ?? 'set'));
      router.get('/fail', eventHandler(() => { throw createError({ statusCode: 422, statusMessage: 'No' }); }));
      const port = await kit.listen(require('http').createServer(toNodeListener(createApp().use(router))));
      const json = { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } };
      return {
        query: JSON.parse((await kit.fetch(port, '/q?a=1&b=2')).body),
        body: JSON.parse((await kit.fetch(port, '/body', json)).body),
        cookie: (await kit.fetch(port, '/cookie')).headers.get('set-cookie'),
        fail: (await kit.fetch(port, '/fail')).status,
      };
    },
    { query: { a: '1', b: '2' }, body: { body: { a: 1 } }, cookie: 'a=b; Path=/', fail: 422 },
  );

  runsOnTurnout(
    '@hono/node-server',
    async (kit) => {
      // Both are ESM, and import http by name.
      const { serve } = await import('@hono/node-server');
      const { Hono } = await import('hono');
      const app = new Hono();
      app.get('/json', (c) => c.json({ ua: c.req.header('user-agent'), q: c.req.query('q') }));
      app.post('/echo', async (c) => c.text((await c.req.text()).toUpperCase()));
      app.get('/stream', () => new Response(new ReadableStream({
        start(controller) {
          for (const word of ['one ', 'two ', 'three']) controller.enqueue(new TextEncoder().encode(word));
          controller.close();
        },
      })));
      const server = await new Promise((done) => { const made = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () => done(made)); });
      const port = kit.opened(server);
      const json = await kit.fetch(port, '/json?q=x', { headers: { 'user-agent': 'me' } });
      return {
        json: JSON.parse(json.body),
        echo: (await kit.fetch(port, '/echo', { method: 'POST', body: 'hello' })).body,
        stream: (await kit.fetch(port, '/stream')).body,
        missing: (await kit.fetch(port, '/missing')).status,
      };
    },
    { json: { ua: 'me', q: 'x' }, echo: 'HELLO', stream: 'one two three', missing: 404 },
  );
});
