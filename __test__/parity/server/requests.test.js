'use strict';

const { parity } = require('../../support/parity');

const HOST = 'Host: a\r\n';
const get = (path, fields = '') => `GET ${path} HTTP/1.1\r\n${HOST}${fields}\r\n`;

/** Answers with what the request said. */
function describeRequest(req, res) {
  res.end(
    JSON.stringify([
      req.method,
      req.url,
      req.httpVersion,
      req.headers,
      req.rawHeaders,
      req.headersDistinct,
      req.upgrade,
      req.socket === req.connection,
    ]) + '.',
  );
}

parity(__filename, {
  'shows method, url, version and fields of a request': {
    handler: describeRequest,
    steps: [get('/a?b=c', 'X-One: 1\r\nAccept: */*\r\n'), { until: '.' }],
  },
  'joins repeated fields by their kind': {
    handler: describeRequest,
    steps: [
      get('/', 'Cookie: a=1\r\nCookie: b=2\r\nSet-Cookie: x\r\nset-cookie: y\r\nX-Y: 1\r\nx-y: 2\r\nUser-Agent: a\r\nUser-Agent: b\r\nReferer: c\r\nReferer: d\r\n'),
      { until: '.' },
    ],
  },
  'joins the first-wins fields too with joinDuplicateHeaders': {
    options: { joinDuplicateHeaders: true },
    handler: describeRequest,
    steps: [get('/', 'User-Agent: a\r\nUser-Agent: b\r\nAuthorization: x\r\nAuthorization: y\r\n'), { until: '.' }],
  },
  'shows latin1 field values': { handler: describeRequest, steps: [get('/', 'X: \xe9\xff\r\n'), { until: '.' }] },
  'answers pipelined requests in order, whatever order they are answered in': {
    handler(req, res, log) {
      log(req.url);
      const { server } = req.socket;
      server.unanswered = { ...server.unanswered, [req.url]: res };
      if (req.url !== '/3') return;
      for (const url of ['/3', '/1', '/2']) server.unanswered[url].end(`${url};`);
    },
    steps: [get('/1') + get('/2') + get('/3'), { until: '/3;' }],
  },
  'keeps an HTTP/1.1 connection and closes an HTTP/1.0 one': {
    handler: (req, res) => res.end(req.url),
    steps: [get('/1'), { until: '/1' }, 'GET /2 HTTP/1.0\r\n\r\n', 'closed'],
  },
  'keeps an HTTP/1.0 connection that asks for it when the length is known': {
    handler(req, res) {
      res.setHeader('Content-Length', 2);
      res.end('ok');
    },
    steps: ['GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', { until: 'ok' }, 'GET / HTTP/1.0\r\n\r\n', 'closed'],
  },
  'closes after Connection: close': { handler: (req, res) => res.end('x'), steps: [get('/', 'Connection: close\r\n'), 'closed'] },
  'refuses an HTTP/1.1 request without Host': { handler: (req, res, log) => log('request'), steps: ['GET / HTTP/1.1\r\n\r\n', 'closed'] },
  'lets a request without Host pass with requireHostHeader: false': {
    options: { requireHostHeader: false },
    handler: (req, res) => res.end('ok.'),
    steps: ['GET / HTTP/1.1\r\n\r\n', { until: 'ok.' }],
  },
  "says 'dropRequest' and 503 past maxRequestsPerSocket": {
    setup(server, log) {
      server.maxRequestsPerSocket = 2;
      server.on('dropRequest', (req) => log('drop', req.url));
    },
    handler: (req, res) => res.end('x'),
    steps: [get('/1'), { until: 'x' }, get('/2') + get('/3'), { until: '503 Service' }, { log: 'drop' }],
  },
  "emits 'connection' with the socket the request shows": {
    setup(server, log) {
      server.on('connection', (socket) => {
        log(socket.remoteFamily, socket.remoteAddress, socket.localAddress, socket.server === server, socket.allowHalfOpen);
        server.seen = socket;
      });
    },
    handler(req, res, log) {
      log(req.socket === req.socket.server.seen, res.socket === req.socket, res.connection === res.socket, req.client === req.socket);
      res.end('x');
    },
    steps: [get('/'), { until: 'x' }],
  },
  'reads the body of a request in pieces': {
    handler(req, res, log) {
      req.on('data', (chunk) => log(chunk.toString()));
      req.on('end', () => {
        log('end', req.complete);
        res.end('x');
      });
    },
    steps: [`POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhe`, { log: 'he' }, 'llo', { log: 'end' }, { until: 'x' }],
  },
  'reads a chunked body and its trailers': {
    handler(req, res, log) {
      req.on('data', (chunk) => log(chunk.toString()));
      req.on('end', () => {
        log(JSON.stringify([req.trailers, req.rawTrailers, req.trailersDistinct, req.complete]));
        res.end('x');
      });
    },
    steps: [
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`,
      { log: 'abc' },
      '2;ext=1\r\nde\r\n0\r\nFoo: bar\r\nFoo: baz\r\n\r\n',
      { until: 'x' },
    ],
  },
  'drops a body nobody reads and goes on with the next request': {
    handler: (req, res, log) => {
      log(req.url);
      res.end(`${req.url};`);
    },
    steps: [`POST /1 HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello${get('/2')}`, { until: '/2;' }],
  },
  "is 'end'ed and 'close'd after a body, once the response is out": {
    handler(req, res, log) {
      req.on('end', () => log('end'));
      req.on('close', () => log('close', req.destroyed));
      req.resume();
      res.end('x');
    },
    steps: [get('/'), { log: 'close' }],
  },
  'aborts a request whose client resets in mid-body': {
    handler(req, res, log) {
      req.on('aborted', () => log('aborted', req.aborted));
      req.on('error', (error) => log('error', error.code, error.message));
      req.on('close', () => log('close'));
      res.on('close', () => log('response close', res.writableFinished));
      req.once('data', () => log('data'));
    },
    steps: [`POST / HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\nab`, { log: 'data' }, 'reset', { log: 'error' }, { log: 'close' }],
  },
  'closes the connection when the request is destroyed': {
    handler(req, res, log) {
      req.on('error', (error) => log('error', error.message));
      req.on('close', () => log('close'));
      res.on('close', () => log('response close'));
      req.destroy(new Error('boo'));
    },
    steps: [`POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\n`, 'closed', { log: 'response close' }],
  },
  'pauses and resumes a body': {
    handler(req, res, log) {
      req.pause();
      req.on('data', (chunk) => log('data', chunk.toString()));
      req.on('end', () => res.end('done.'));
      setImmediate(() => {
        log(req.isPaused());
        req.resume();
      });
    },
    steps: [`POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`, { until: 'done.' }],
  },
  'iterates over a body': {
    async handler(req, res, log) {
      for await (const chunk of req) log(chunk.toString());
      res.end('done.');
    },
    steps: [`POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`, { until: 'done.' }],
  },
  'sends 100 by itself and emits request': {
    handler(req, res, log) {
      log(req.headers.expect);
      req.on('end', () => res.end('x'));
      req.resume();
    },
    steps: [`POST / HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`, { until: '100 Continue' }, 'ab', { until: 'x' }],
  },
  "leaves 100 to 'checkContinue'": {
    setup(server, log) {
      server.on('checkContinue', (req, res) => {
        log('checkContinue');
        res.writeContinue();
        res.end('y.');
      });
    },
    steps: [`POST / HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`, { until: 'y.' }],
  },
  'closes after a final answer instead of 100': {
    setup: (server) =>
      server.on('checkContinue', (req, res) => {
        res.writeHead(417);
        res.end();
      }),
    steps: [`POST / HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`, 'closed'],
  },
  'answers 417 to another expectation': {
    handler: (req, res, log) => log('request'),
    steps: [get('/', 'Expect: foo\r\n'), { until: '417' }],
  },
  "asks 'checkExpectation' about another expectation": {
    setup: (server, log) =>
      server.on('checkExpectation', (req, res) => {
        log(req.headers.expect);
        res.end('z.');
      }),
    steps: [get('/', 'Expect: foo\r\n'), { until: 'z.' }],
  },
  "skips 'end' of requests without body fields with optimizeEmptyRequests": {
    options: { optimizeEmptyRequests: true },
    handler(req, res, log) {
      req.on('end', () => log(req.method, 'end'));
      req.on('data', (chunk) => log('data', chunk));
      res.end(`${req.method}.`);
    },
    steps: [get('/'), { until: 'GET.' }, `POST / HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nab`, { until: 'POST.' }, { log: 'end' }],
  },
});
