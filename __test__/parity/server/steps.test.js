'use strict';

/** What a packet brings is told in one step: when ticks and promises run in between, and from when on an answer counts as sent. */

const { Readable } = require('node:stream');
const { parity } = require('../../support/parity');
const { get } = require('../../support/server-asks');

const post = (path, text, length = text.length) => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${text}`;
const GARBAGE = 'garbage\r\n\r\n';
const promise = (act) => Promise.resolve().then(act);
const now = (act) => act();
const LATER = { 'a tick': process.nextTick, 'a promise': promise };
const WHEN = { 'the handler': now, ...LATER };

/** Tells when whatever the handler has begun must be over. */
const settle = (log) => setImmediate(() => setImmediate(log, 'settled'));
const each = (table, make) => Object.fromEntries(Object.entries(table).flatMap(([name, value]) => Object.entries(make(name, value))));

const order = {
  'requests of one packet come before their ticks and promises': {
    handler(req, res, log) {
      log('request', req.url);
      process.nextTick(log, 'tick', req.url);
      promise(() => log('promise', req.url));
      if (req.url === '/3') settle(log);
    },
    steps: [get('/1') + get('/2') + get('/3'), { log: 'settled' }],
  },
  'ticks and promises come after a piece of a body, and before its end': {
    handler(req, res, log) {
      log('request', req.url);
      req.on('data', (chunk) => log('data', chunk));
      process.nextTick(() => log('tick', req.complete));
      promise(() => log('promise', req.complete));
      req.on('end', () => res.end());
    },
    steps: [post('/1', 'hello'), { until: '200 OK' }],
  },
  'an upgrade comes before the ticks of the request ahead of it': {
    setup: (server, log) => server.on('upgrade', () => log('upgrade')),
    handler(req, res, log) {
      log('request', req.url);
      process.nextTick(log, 'tick');
    },
    steps: [`${get('/1')}GET /u HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`, { log: 'tick' }],
  },
  ...each(LATER, (name, later) => ({
    [`a body that is unpiped in ${name} has been piped`]: {
      handler(req, res, log) {
        req.pipe(res);
        req.on('data', (chunk) => log('data', chunk));
        later(() => req.unpipe());
      },
      steps: [post('/1', 'hello'), { until: 'hello' }],
    },
    [`a body that is paused in ${name} has been heard`]: {
      handler(req, res, log) {
        req.on('data', (chunk) => log('data', chunk));
        later(() => log('paused', req.pause().isPaused()));
      },
      steps: [post('/1', 'hello'), { log: 'paused' }],
    },
    [`listeners of a body that leave in ${name} have heard it`]: {
      handler(req, res, log) {
        req.on('data', (chunk) => log('data', chunk));
        later(() => req.removeAllListeners('data'));
        req.on('end', () => res.end());
      },
      steps: [post('/1', 'hello'), { until: '200 OK' }],
    },
  })),
};

/** The first request is answered, and then one of its messages is destroyed. */
const destroyed = (act, later, from = now) => ({
  handler(req, res) {
    from(() => {
      res.end(`${req.url}.`);
      if (req.url === '/1') later(() => act(req, res));
    });
  },
  steps: [get('/1'), { until: '/1.' }, get('/2'), { until: '/2.' }],
});
const pipelined = (one) => ({ ...one, steps: [get('/1') + get('/2'), { until: '/2.' }] });
const heard = (one) => ({
  ...one,
  steps: [...one.steps, { log: '/2 finish' }],
  handler(req, res, log) {
    res.on('finish', () => log(req.url, 'finish', res.writableFinished));
    one.handler(req, res, log);
  },
});

const answered = {
  ...each(LATER, (name, later) => {
    const one = destroyed((req, res) => res.destroy(), later);
    return {
      [`a response that is destroyed in ${name} after its end`]: one,
      [`a response that is destroyed in ${name} after its end, others after it`]: pipelined(one),
      [`a response that is destroyed in ${name} after its end, and listened to`]: heard(one),
      [`a response that is destroyed with an error in ${name} after its end`]: destroyed((req, res) => res.destroy(new Error('late')), later),
    };
  }),
  'a response that is destroyed after its end, in a round of its own': destroyed((req, res) => res.destroy(), promise, setImmediate),
  'a response that is destroyed after its end, in a tick of its own': destroyed((req, res) => res.destroy(), process.nextTick, process.nextTick),
  'a request that is destroyed in a promise after its answer': destroyed((req) => req.destroy(), promise),
  'a request that is destroyed in a promise after its answer, others after it': pipelined(destroyed((req) => req.destroy(), promise)),
  'a request that is destroyed in a promise after its answer, and listened to': {
    handler(req, res, log) {
      if (req.url === '/1') for (const event of ['aborted', 'end', 'close']) req.on(event, () => log(event));
      res.end(`${req.url}.`);
      if (req.url === '/1') promise(() => req.destroy());
    },
    steps: [get('/1'), { log: 'close' }, get('/2'), { until: '/2.' }],
  },
  'a request that is destroyed a round after its answer': destroyed((req) => req.destroy(), setImmediate),
  'a response that is destroyed in its own pipe, others after it': {
    handler(req, res) {
      if (req.url !== '/1') return void res.end(`${req.url}.`);
      Readable.from([Buffer.from('piped')]).pipe(res);
      res.on('finish', () => res.destroy());
    },
    steps: [get('/1') + get('/2'), { until: '/2.' }],
  },
  'a response that is destroyed where it is ended': {
    handler: (req, res) => res.end(`${req.url}.`).destroy(),
    steps: [get('/1'), 'closed'],
  },
};

const refused = each(WHEN, (name, when) => {
  const handler = (req, res) => when(() => res.end(`${req.url}.`));
  const note = (req, res, log) => {
    res.on('finish', () => log('finish'));
    res.on('close', () => log('close'));
    req.on('aborted', () => log('aborted'));
    handler(req, res);
  };
  return {
    [`garbage behind a request, answered in ${name}`]: { handler, steps: [get('/1') + GARBAGE, 'closed'] },
    [`garbage behind a request, answered in ${name} and listened to`]: { handler: note, steps: [get('/1') + GARBAGE, 'closed', { log: 'close' }] },
    [`garbage behind a body, answered in ${name}`]: { handler, steps: [post('/1', 'hello') + GARBAGE, 'closed'] },
    [`garbage behind the second piece of a body, answered in ${name}`]: {
      handler,
      steps: [post('/1', 'hel', 5), { until: '/1.' }, `lo${GARBAGE}`, 'closed'],
    },
    [`a chunk that is none, answered in ${name}`]: {
      handler,
      steps: ['POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 'closed'],
    },
    [`a body that is cut short, answered in ${name}`]: { handler, steps: [post('/1', 'hel', 500), 'end', 'closed'] },
    [`a head that is cut short behind a request, answered in ${name}`]: { handler, steps: [`${get('/1')}GET /2 HT`, 'end', 'closed'] },
  };
});

/** Ends the response, and then writes to it again. */
const LATE = {
  'end()': (res, log) => res.end('late', () => log('called back')),
  'end() without a chunk': (res, log) => res.end((error) => log('called back', error?.code)),
  'write()': (res, log) => res.write('late', (error) => log('called back', error.code)),
};
const late = each(LATE, (name, again) => {
  const afterEnd = (later, from = now) => (req, res, log) => {
    from(() => {
      res.end('first');
      later(() => {
        again(res, log);
        settle(log);
      });
    });
  };
  const errors = (handler) => (req, res, log) => {
    res.on('error', (error) => log('error', error.code));
    handler(req, res, log);
  };
  const steps = [get('/1'), { until: 'first' }, { log: 'settled' }];
  return {
    // Nobody listens for 'error': it would be an uncaught exception.
    [`${name} in a promise after the end`]: { handler: afterEnd(promise), steps },
    [`${name} in a promise after the end, listened to`]: { handler: errors(afterEnd(promise)), steps },
    [`${name} in a promise after the end, in a round of its own`]: { handler: afterEnd(promise, setImmediate), steps },
    [`${name} in a round after the end`]: { handler: afterEnd(setImmediate), steps },
    [`${name} where it has been ended`]: {
      handler: errors((req, res, log) => {
        res.end('first');
        again(res, log);
      }),
      steps: [get('/1'), { until: 'first' }, { log: 'called back' }],
    },
    [`${name} in a promise after the end, which waits for its turn`]: {
      handler(req, res, log) {
        if (req.url === '/1') setImmediate(() => setImmediate(() => res.end('one')));
        else {
          errors(() => res.end('first'))(req, res, log);
          promise(() => again(res, log));
        }
      },
      steps: [get('/1') + get('/2'), { until: 'first' }, { log: 'called back' }],
    },
  };
});

parity(__filename, { ...order, ...answered, ...refused, ...late });
