'use strict';

const { runsOnTurnout } = require('../support/ecosystem');

describe('packages that replace what http exports, or bring connections of their own', () => {
  runsOnTurnout(
    'nock',
    async (kit, require) => {
      const http = require('http');
      const nock = require('nock');
      const port = await kit.listen(http.createServer((req, res) => res.end('real')));
      const get = (url) => new Promise((resolve, reject) => {
        http.get(url, (res) => {
          let body = '';
          res.on('data', (data) => (body += data)).on('end', () => resolve([res.statusCode, body, res.headers['x-a'] ?? null]));
        }).on('error', reject);
      });
      nock('http://example.org').get('/a').reply(203, 'mocked', { 'X-A': 'b' });
      const mocked = await get('http://example.org/a');
      nock.enableNetConnect('127.0.0.1');
      const real = await get(`http://127.0.0.1:${port}/`);
      nock.disableNetConnect();
      const refused = await get('http://example.org/a').catch((error) => error.code);
      nock.restore();
      nock.enableNetConnect();
      return { mocked, real, refused, restored: await get(`http://127.0.0.1:${port}/`) };
    },
    { mocked: [203, 'mocked', 'b'], real: [200, 'real', null], refused: 'ERR_NOCK_NO_MATCH', restored: [200, 'real', null] },
  );

  runsOnTurnout(
    "msw's interceptors",
    async (kit, require) => {
      const http = require('http');
      const { ClientRequestInterceptor } = require('@mswjs/interceptors/ClientRequest');
      const port = await kit.listen(http.createServer((req, res) => res.end('real')));
      const interceptor = new ClientRequestInterceptor();
      interceptor.on('request', ({ request, controller }) => {
        if (new URL(request.url).pathname === '/mock') controller.respondWith(new Response('mocked', { status: 203 }));
      });
      interceptor.apply();
      const get = (path) => new Promise((resolve, reject) => {
        http.get({ host: '127.0.0.1', port, path }, (res) => {
          let body = '';
          res.on('data', (data) => (body += data)).on('end', () => resolve([res.statusCode, body]));
        }).on('error', reject);
      });
      const answers = [await get('/mock'), await get('/')];
      interceptor.dispose();
      return [...answers, await get('/mock')];
    },
    [[203, 'mocked'], [200, 'real'], [200, 'real']],
  );

  runsOnTurnout(
    'mockttp, which hands its server sockets of net',
    async (kit, require) => {
      const { WebSocket } = require('ws');
      const mock = require('mockttp').getLocal();
      await mock.start();
      await mock.forGet('/json').thenJson(200, { a: 1 });
      await mock.forPost('/callback').thenCallback(async (req) => ({ statusCode: 201, body: (await req.body.getText()).toUpperCase() }));
      await mock.forAnyWebSocket().thenEcho();
      const seen = await mock.forGet('/seen').thenReply(200, 'seen');
      const text = async (response) => [response.status, await response.text()];
      const result = {
        json: await text(await fetch(mock.urlFor('/json'))),
        callback: await text(await fetch(mock.urlFor('/callback'), { method: 'POST', body: 'hello' })),
        seen: [(await text(await fetch(mock.urlFor('/seen?q'))))[1], (await seen.getSeenRequests()).length],
        missing: (await fetch(mock.urlFor('/missing'))).status,
        chat: await kit.chat(new WebSocket(mock.url.replace('http', 'ws')), ['hello', Buffer.alloc(100_000)]),
      };
      await mock.stop();
      return result;
    },
    { json: [200, '{"a":1}'], callback: [201, 'HELLO'], seen: ['seen', 1], missing: 503, chat: ['hello', 'binary 100000'] },
  );
});
