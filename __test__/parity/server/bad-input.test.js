'use strict';

const { parity } = require('../../support/parity');
const { deaf, CLOSED } = require('../../support/server-asks');

const HOST = 'Host: a\r\n';

/** Logs what 'clientError' tells and answers by hand. */
function tell(server, log) {
  server.on('clientError', (error, socket) => {
    log(error.code, error.reason, error.bytesParsed, JSON.stringify(String(error.rawPacket)), error.message, socket.writable);
    socket.end('HTTP/1.1 418 X\r\n\r\n');
  });
}

const HEADS = {
  'an unknown method': 'GARBAGE / HTTP/1.1\r\n\r\n',
  'a lower-case method': 'get / HTTP/1.1\r\n\r\n',
  'a target that is none': 'GET example.com HTTP/1.1\r\n\r\n',
  'an unknown version': `GET / HTTP/1.2\r\n${HOST}\r\n`,
  'white space in a field name': 'GET / HTTP/1.1\r\nBad Header: x\r\n\r\n',
  'white space before the colon': 'GET / HTTP/1.1\r\nHost : x\r\n\r\n',
  'a NUL in a value': 'GET / HTTP/1.1\r\nA: x\0y\r\n\r\n',
  'a bare LF behind a field': 'GET / HTTP/1.1\r\nA: x\nB: y\r\n\r\n',
  'a bare CR in a value': 'GET / HTTP/1.1\r\nA: x\ry\r\n\r\n',
  'a folded line': 'GET / HTTP/1.1\r\nA: x\r\n y\r\n\r\n',
  'a signed Content-Length': `POST / HTTP/1.1\r\n${HOST}Content-Length: +5\r\n\r\n`,
  'two Content-Lengths': `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nContent-Length: 5\r\n\r\n`,
  'a length and a coding': `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
  'a coding behind chunked': `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, gzip\r\n\r\n`,
  'the HTTP/2 preface': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a TLS hello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
};

const cases = {};
for (const [name, head] of Object.entries(HEADS)) {
  cases[`tells of ${name}`] = { setup: tell, handler: (req, res) => res.end(), steps: [head, 'closed'] };
}

parity(__filename, {
  ...cases,
  "garbage that is put into the socket in its 'connection' event, and then the peer's end": {
    setup(server, log) {
      deaf(server, log);
      server.on('connection', (socket) => socket.unshift('garbage'));
    },
    handler: (req, res) => res.end(),
    steps: ['end', ...CLOSED],
  },
  'answers 400 by itself': { steps: ['GARBAGE\r\n\r\n', 'closed'] },
  'answers 431 to a head that is too large': { steps: [`GET / HTTP/1.1\r\nX: ${'a'.repeat(20000)}\r\n\r\n`, 'closed'] },
  'answers 431 at maxHeaderSize': { options: { maxHeaderSize: 100 }, steps: [`GET / HTTP/1.1\r\nX: ${'a'.repeat(200)}\r\n\r\n`, 'closed'] },
  'answers 431 past maxHeadersCount': {
    setup: (server) => {
      server.maxHeadersCount = 3;
    },
    steps: ['GET / HTTP/1.1\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\n\r\n', 'closed'],
  },
  'answers 413 to endless chunk extensions': {
    handler: (req) => req.resume(),
    steps: [`POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(20000)}\r\n`, 'closed'],
  },
  'tells of a malformed chunk': {
    setup: tell,
    handler(req, res, log) {
      req.on('data', (chunk) => log('data', chunk));
      req.on('error', (error) => log('error', error.code));
    },
    steps: [`POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`, { log: 'data abc' }, 'zz\r\n', 'closed', { log: 'error ECONNRESET' }],
  },
  'tells of a FIN in mid-head': {
    setup(server, log) {
      server.on('clientError', (error, socket) => {
        log(error.code, error.reason, error.bytesParsed, 'rawPacket' in error, socket.writable);
        socket.destroy();
      });
    },
    steps: ['GET / HTTP/1.1\r\nHo', 'end', 'closed'],
  },
  'says nothing of a FIN in mid-body after the last answer': {
    setup: (server, log) => server.on('clientError', (error) => log(error.code)),
    handler(req, res, log) {
      req.on('data', (chunk) => log('data', chunk));
      res.end('x');
    },
    steps: [`POST / HTTP/1.1\r\n${HOST}Connection: close\r\nContent-Length: 5\r\n\r\nhe`, 'end', 'closed'],
  },
  'tells of bytes behind a message that closes': {
    setup: (server, log) => server.on('clientError', (error) => log(error.code, error.reason, error.bytesParsed)),
    handler: (req, res) => res.end('x'),
    steps: [`GET / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\nGET / HTTP/1.1\r\n${HOST}\r\n`, 'closed'],
  },
  'keeps what was answered before the garbage': {
    setup: (server, log) => server.on('clientError', (error, socket) => {
      log(error.code);
      socket.destroy();
    }),
    handler: (req, res, log) => {
      log(req.url);
      res.end('x');
    },
    steps: [`GET /1 HTTP/1.1\r\n${HOST}\r\n`, { until: '\r\n\r\nx' }, 'GARBAGE\r\n\r\n', 'closed'],
  },
  'accepts more with insecureHTTPParser': {
    options: { insecureHTTPParser: true },
    handler: (req, res) => res.end(`${req.headers.a}.`),
    steps: [`GET / HTTP/1.1\r\n${HOST}A: x\r\n y\r\n\r\n`, { until: '.' }],
  },
});
