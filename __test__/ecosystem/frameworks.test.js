'use strict';

const { runsOnTurnout, play } = require('../helpers/ecosystem');

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
