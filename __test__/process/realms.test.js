'use strict';

/**
 * What a realm leaves behind that has loaded the package, served, asked and closed what it opened: jest makes one for each test file, a worker thread is
 * one, and so is a require cache that was emptied.
 */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { program, run, ROOT } = require('../support/child');
const { debugArgs, debugEnv, hasDebugAddon } = require('../support/debug-addon');

const BIG = process.env.TURNOUT_BIG !== undefined;
const ROUNDS = 3;
/** Realms of a round: with the rounds, more than fifty in one process. */
const REALMS = BIG ? 100 : 25;
const PATIENCE = 120_000;
/** KiB of heap that each realm may leave: Node's record of a module it has loaded, of an addon registered once more. One that is kept has 500 and more. */
const HEAP_OF_REALM = 60;
/** KiB outside the heap, in all: one crossing alone has two buffers of 256 KiB. */
const EXTERNAL_ROOM = 500;
/** KiB of resident memory that each realm may leave, and 25 at least: pages that malloc and V8 keep. One that is kept has 1,000 and more. */
const RESIDENT_OF_REALM = 400;

/** @param {object[]} left after each round; the first is what the process itself needs @param {number} size realms of a round */
function expectNothingLeft(left, size) {
  const [first, ...others] = left;
  expect(others.length).toBeGreaterThan(1);
  for (const { descriptors, threads, exitListeners } of others) {
    expect({ descriptors, threads, exitListeners }).toEqual({ descriptors: first.descriptors, threads: first.threads, exitListeners: 0 });
  }
  const grown = (name) => Math.min(...others.slice(1).map((round, i) => round[name] - others[i][name]));
  expect(grown('heap')).toBeLessThan(size * HEAP_OF_REALM);
  expect(grown('external')).toBeLessThan(EXTERNAL_ROOM);
  expect(grown('resident')).toBeLessThan(Math.max(size, 25) * RESIDENT_OF_REALM);
}

async function leftBy(name, manner, size, { args = [], env = {} } = {}) {
  const command = ['--expose-gc', ...args, path.join(__dirname, '..', 'programs', name), manner, String(size), String(ROUNDS)];
  const { code, err, out } = await run(command, { env, patience: PATIENCE });
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out);
}

(process.platform === 'linux' ? describe : describe.skip)('what is left of', () => {
  it.each([
    ['contexts that load the package', 'context'],
    ['a require cache that is emptied', 'cache'],
  ])('%s: nothing', async (_, kind) => {
    const left = await leftBy('realms.js', kind, REALMS);
    expectNothingLeft(left, REALMS);
    // Node keeps the AsyncLocalStorage of whoever has loaded the addon first.
    expect(left.at(-1).alive).toBeLessThanOrEqual(1);
  }, PATIENCE);

  it.each([
    ['close their server and end', 'end'],
    ['are terminated in the middle of a request', 'terminate'],
  ])('worker threads that %s: nothing', async (_, manner) => {
    const size = BIG ? 200 : 12;
    expectNothingLeft(await leftBy('workers.js', manner, size), size);
  }, PATIENCE);

  (hasDebugAddon ? it.each : it.skip.each)([
    ['realms.js', 'cache'],
    ['workers.js', 'end'],
    ['workers.js', 'terminate'],
  ])('a runtime without libuv, %s %s: nothing', async (file, manner) => {
    const size = 10;
    expectNothingLeft(await leftBy(file, manner, size, { args: debugArgs, env: { ...debugEnv, TURNOUT_WITHOUT_LIBUV: '1' } }), size);
  }, PATIENCE);

  it('the files of a jest run in one process: nothing', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'turnout-'));
    try {
      const files = BIG ? 100 : 30;
      for (let i = 0; i < files; i++) fs.writeFileSync(path.join(folder, `${i}.test.js`), TEST_FILE);
      const config = { rootDir: folder, testEnvironment: 'node', transform: {}, reporters: [path.join(__dirname, '..', 'programs', 'jest-reporter.js')] };
      const jest = path.join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
      const args = ['--expose-gc', jest, '--runInBand', '--no-cache', '--config', JSON.stringify(config)];
      const { code, out } = await run(args, { cwd: folder, patience: PATIENCE });
      const left = out.trim().split('\n').map((line) => JSON.parse(line));
      expect([code, left.length]).toEqual([0, files / 10]);
      expectNothingLeft(left, 10);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  }, PATIENCE);
});

const TEST_FILE = `
const http = require(${JSON.stringify(ROOT)});
test('serves', (done) => {
  const server = http.createServer((req, res) => req.resume().on('end', () => res.end('x')));
  server.listen(0, '127.0.0.1', () => {
    const req = http.request({ port: server.address().port, method: 'POST', agent: new http.Agent() }, (res) => {
      res.resume().on('close', () => server.close(done));
    });
    req.end(Buffer.alloc(100_000));
  });
});
`;

describe('turnout/register', () => {
  it('of a require cache that was emptied gives the new copy, and lets go of the former', async () => {
    const { code, err, out } = await run(['--expose-gc', '-e', `
      const self = module;
      (async () => {
        const faces = [];
        for (let i = 0; i < 4; i++) {
          for (const file of Object.keys(require.cache)) delete require.cache[file];
          self.children.length = 0;
          require('./register.js');
          faces.push(new WeakRef(require('http')));
          console.log(require('http') === require('./index.js'));
          await new Promise(setImmediate);
        }
        self.children.length = 0;
        gc();
        console.log(faces.filter((face) => face.deref() !== undefined).length);
      })();`]);
    expect([code, err, out]).toEqual([0, '', 'true\ntrue\ntrue\ntrue\n1\n']);
  });
});

describe('a copy that the require cache has forgotten', () => {
  it('serves, asks and writes to a socket of its program beside the new one', async () => {
    const { code, err, out } = await run(['-e', `
      const { PassThrough } = require('node:stream');
      const copies = [0, 1].map(() => {
        for (const file of Object.keys(require.cache)) delete require.cache[file];
        return require('./index.js');
      });
      for (const [i, http] of copies.entries()) {
        const server = http.createServer((req, res) => res.end(String(i))).listen(0, '127.0.0.1', () => {
          const asking = copies[1 - i];
          asking.get({ port: server.address().port, host: '127.0.0.1', agent: new asking.Agent() }, (res) => {
            res.on('data', (data) => console.log('asked', String(data))).on('end', () => server.close());
          });
        });
        const socket = new PassThrough().on('data', (data) => console.log('assigned', i, /^HTTP/.test(data)));
        const res = new http.ServerResponse({ method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1, headers: {} });
        res.assignSocket(socket);
        res.end();
      }`]);
    expect([code, err, out.trim().split('\n').sort()]).toEqual([0, '', ['asked 0', 'asked 1', 'assigned 0 true', 'assigned 1 true']]);
  });
});

describe('a process', () => {
  it('ends when all it has opened is closed, and says its exit listeners are gone', async () => {
    const { code, out } = await program(`
      const before = process.listenerCount('exit');
      const server = http.createServer((req, res) => res.end('x'));
      server.listen(0, '127.0.0.1', () => {
        console.log(process.listenerCount('exit') - before);
        http.get({ port: server.address().port, agent: new http.Agent() }, (res) => res.resume().on('close', () => server.close(() => {
          const look = () => (process.listenerCount('exit') > before ? setImmediate(look) : console.log(0));
          look();
        })));
      });`);
    expect([code, out]).toEqual([0, '1\n0\n']);
  });

  it('goes on serving when the program has let go of everything but the server', async () => {
    const { code, out } = await run(['--expose-gc', '-e', `
      const net = require('node:net');
      let port;
      (() => {
        const http = require('./index.js');
        const server = http.createServer((req, res) => { res.end('served'); server.close(); });
        server.listen(0, '127.0.0.1', () => { ({ port } = server.address()); setImmediate(look); });
      })();
      for (const file of Object.keys(require.cache)) delete require.cache[file];
      module.children.length = 0;
      function look() {
        for (let i = 0; i < 4; i++) gc();
        const peer = net.connect(port, '127.0.0.1', () => peer.write('GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n'));
        peer.on('data', (data) => console.log(String(data).split('\\r\\n\\r\\n')[1]));
      }`]);
    expect([code, out]).toEqual([0, 'served\n']);
  });
});
