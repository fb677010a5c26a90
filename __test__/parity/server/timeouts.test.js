'use strict';

const { parity } = require('../../support/parity');

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

parity(__filename, {
  'closes an idle connection after keepAliveTimeout': {
    options: { keepAliveTimeout: 20, keepAliveTimeoutBuffer: 0 },
    handler: (req, res) => res.end('x'),
    steps: [GET, { until: '\r\n\r\nx' }, 'closed'],
  },
  'answers 408 to a head that does not end': {
    options: { headersTimeout: 30, requestTimeout: 60, connectionsCheckingInterval: 10 },
    steps: ['GET / HTTP/1.1\r\nHo', 'closed'],
  },
  'answers 408 to a body that does not end': {
    options: { headersTimeout: 30, requestTimeout: 40, connectionsCheckingInterval: 10 },
    handler(req, res, log) {
      req.on('aborted', () => log('aborted'));
      req.on('error', (error) => log('error', error.code));
      req.resume();
    },
    steps: ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\na', 'closed', { log: 'error' }],
  },
  "emits 'clientError' with ERR_HTTP_REQUEST_TIMEOUT": {
    options: { headersTimeout: 30, requestTimeout: 60, connectionsCheckingInterval: 10 },
    setup: (server, log) =>
      server.on('clientError', (error, socket) => {
        log(error.code, error.message);
        socket.destroy();
      }),
    steps: ['GET / HTTP/1.1\r\nHo', 'closed'],
  },
  "emits the server's 'timeout'": {
    setup(server, log) {
      server.setTimeout(30, (socket) => {
        log('timeout', socket.timeout);
        socket.destroy();
      });
    },
    steps: [GET, 'closed'],
  },
  'a timeout that the server is given leaves connections alone that have come': {
    setup: (server, log) =>
      server.on('request', (req, res) => {
        server.setTimeout(30);
        log(!req.socket.timeout);
        res.end('x');
      }),
    steps: [GET, { until: '\r\n\r\nx' }],
  },
  'destroys an idle socket when nobody listens for timeout': {
    setup: (server) => {
      server.timeout = 30;
    },
    steps: [GET, 'closed'],
  },
});
