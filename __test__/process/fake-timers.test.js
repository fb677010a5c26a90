'use strict';

/** Test libraries put clocks of their own in the place of timers, ticks and dates; sockets are served all the same, wherever node:http serves them. */

const { execFile } = require('node:child_process');
const net = require('node:net');
const path = require('node:path');

const TIMERS = ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'setInterval', 'clearInterval'];
const CLOCKS = ['Date', 'hrtime', 'performance', 'queueMicrotask'];
const PROGRAM = path.join(__dirname, '..', 'programs', 'fake-timers.js');
const SERVED = { requests: 400, bytes: 2_000_000, client: 'abcabc', inTime: true };

const run = (file, when, names) =>
  new Promise((resolve, reject) => {
    execFile(process.execPath, [PROGRAM, file, when, names.join()], { timeout: 15_000 }, (error, out) => (error ? reject(error) : resolve(JSON.parse(out))));
  });

describe.each(['after', 'before'])('a clock that was put in the place of timers %s turnout was loaded', (when) => {
  it.each([['timers', TIMERS], ['dates and microtasks', CLOCKS], ['all of them', [...TIMERS, ...CLOCKS]]])('%s', async (name, names) => {
    expect(await run(path.join(__dirname, '..', '..'), when, names)).toEqual(SERVED);
    expect(await run('node:http', when, names)).toEqual(SERVED);
  });
});

it('a process.nextTick that was replaced, and that node:http would ask, keeps nobody from an answer', async () => {
  const { nextTick } = process;
  const turnout = require('../..');
  const server = turnout.createServer((req, res) => {
    res.setHeader('Content-Type', 'text/plain');
    res.end(req.url);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  let text = '';
  try {
    process.nextTick = () => {};
    await new Promise((resolve) => {
      const socket = net.connect(server.address().port, '127.0.0.1');
      socket.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      socket.on('data', (chunk) => (text += chunk)).on('close', resolve);
    });
  } finally {
    process.nextTick = nextTick;
    await new Promise((resolve) => server.close(resolve));
  }
  expect(text).toMatch(/\/1HTTP[^]*\/2$/);
});

describe.each([
  ['modern', {}],
  ['legacy', { legacyFakeTimers: true }],
])("jest's %s timers", (name, options) => {
  afterEach(() => jest.useRealTimers());

  it.each(['before', 'after'])('installed %s turnout is loaded', async (when) => {
    jest.resetModules();
    if (when === 'before') jest.useFakeTimers(options);
    const turnout = require('../..');
    if (when === 'after') jest.useFakeTimers(options);
    const server = turnout.createServer((req, res) => req.pipe(res));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const agent = new turnout.Agent({ keepAlive: true });
    const ask = (body) =>
      new Promise((resolve, reject) => {
        const req = turnout.request({ port: server.address().port, host: '127.0.0.1', method: 'POST', agent }, (res) => {
          let text = '';
          res.on('data', (chunk) => (text += chunk)).on('end', () => resolve([text, Date.parse(res.headers.date) > Date.UTC(2020)]));
        });
        req.on('error', reject).end(body);
      });
    expect(await ask('abc')).toEqual(['abc', true]);
    expect(await ask('d'.repeat(500_000))).toEqual(['d'.repeat(500_000), true]);
    agent.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});
