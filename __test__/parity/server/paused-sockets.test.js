'use strict';

/** What a program does to the socket of a request while HTTP is spoken: pauses, corks, resets. */

const { parity } = require('../../support/parity');
const { get } = require('../../support/server-asks');

const post = (path, body) => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** `/1` does `act`; every other request is answered. */
const first = (act) => ({
  handler(req, res, log) {
    req.on('error', () => {});
    if (req.url !== '/1') res.end('other.');
    else act(req, res, log);
  },
});
const GOES_ON = [{ until: 'one.' }, get('/2'), { until: 'other.' }];
const cases = {};

for (const [what, text] of [['without a body', get('/1')], ['with a body', post('/1', 'abc')], ['with a large body', post('/1', 'x'.repeat(300_000))]]) {
  const acts = {
    'is answered at once': (req, res) => res.end('one.'),
    'is answered later': (req, res) => setImmediate(() => res.end('one.')),
    'is read': (req, res) => req.on('data', () => {}).on('end', () => res.end('one.')),
    'is resumed': (req, res) => {
      req.resume();
      res.end('one.');
    },
  };
  for (const [how, act] of Object.entries(acts)) {
    cases[`a request ${what} whose socket is paused and which ${how} lets the next one come`] = {
      ...first((req, res) => {
        req.socket.pause();
        act(req, res);
      }),
      steps: [text, ...GOES_ON],
    };
  }
}

Object.assign(cases, {
  "a socket that is paused in its 'connection' event begins to flow all the same": {
    setup: (server) => server.on('connection', (socket) => socket.pause()),
    ...first((req, res) => res.end('one.')),
    steps: [get('/1'), ...GOES_ON],
  },
  'a socket that is resumed and paused in one go is read all the same': {
    setup: (server) => server.on('connection', () => {}),
    ...first((req, res) => {
      req.socket.pause();
      req.socket.resume();
      req.socket.pause();
      res.end('one.');
    }),
    steps: [get('/1'), ...GOES_ON],
  },
  "a socket that is paused after its 'connection' event stays so until it is resumed": {
    setup: (server, log) =>
      server.on('connection', (socket) =>
        process.nextTick(() => {
          socket.pause();
          log('paused');
          socket.on('resume', () => log('resumed'));
          setImmediate(() => setImmediate(() => socket.resume()));
        }),
      ),
    ...first((req, res, log) => {
      log('request');
      res.end('one.');
    }),
    steps: [{ log: 'paused' }, get('/1'), ...GOES_ON],
  },
  'a socket that is paused when its request has been read stays so': {
    ...first((req, res, log) => {
      req.resume().on('end', () => {
        req.socket.pause();
        res.on('close', () => setImmediate(() => log('paused', req.socket.isPaused())));
        res.end('one.');
      });
    }),
    steps: [post('/1', 'abc'), { until: 'one.' }, { log: 'paused' }],
  },
  'a socket that is paused in mid-body keeps the rest back until it is resumed': {
    ...first((req, res, log) => {
      const { socket } = req;
      socket.pause();
      setImmediate(() => {
        log('complete', req.complete);
        socket.resume();
        req.resume().on('end', () => res.end('one.'));
      });
    }),
    steps: [post('/1', 'abcdef').slice(0, -3), { log: 'complete' }, 'def', ...GOES_ON],
  },
  'a socket that is corked says nothing until it is uncorked': {
    ...first((req, res, log) => {
      req.socket.cork();
      res.write('o');
      setImmediate(() => {
        log('written', req.socket.writableLength > 0);
        req.socket.uncork();
        res.end('ne.');
      });
    }),
    steps: [get('/1'), { log: 'written' }, { until: 'ne.' }, get('/2'), { until: 'other.' }],
  },
  'an answer that ends uncorks the socket, however often it was corked': {
    ...first((req, res) => {
      req.socket.cork();
      req.socket.cork();
      res.write('on');
      setImmediate(() => res.end('e.'));
    }),
    steps: [get('/1'), { until: 'e.' }, get('/2'), { until: 'other.' }],
  },
  'an answer that ends uncorks a socket whose write() has been replaced': {
    ...first((req, res) => {
      const { write } = req.socket;
      req.socket.write = function (...args) {
        return write.apply(this, args);
      };
      req.socket.cork();
      res.write('on');
      setImmediate(() => res.end('e.'));
    }),
    steps: [get('/1'), { until: 'e.' }, get('/2'), { until: 'other.' }],
  },
  'what was written before a reset leaves before it': {
    ...first((req, res) => {
      res.writeProcessing();
      req.socket.resetAndDestroy();
    }),
    steps: [get('/1'), { until: '102 Processing' }, 'closed'],
  },
});

parity(__filename, cases);
