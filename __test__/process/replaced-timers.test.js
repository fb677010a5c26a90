'use strict';

/** Programs replace timers, setImmediate and nextTick, to have a clock of their own; servers go on all the same. */

const { program, run } = require('../support/child');

/** Twenty peers send forty requests each, which take more than one round of the loop; tells how many were served. */
const LOAD = `
const net = require('node:net');
let served = 0;
const server = http.createServer((req, res) => req.resume().on('end', () => {
  res.end('ok');
  if (++served === 800) { console.log(served); process.exit(); }
}));
const load = () => {
  for (let i = 0; i < 20; i++) {
    const peer = net.connect(server.address().port, '127.0.0.1');
    peer.on('data', () => {}).on('error', () => {});
    peer.write(('POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 5000\\r\\n\\r\\n' + 'a'.repeat(5000)).repeat(40));
  }
};
`;

/** What replaces them: functions that never call. `clock` marks them, as fake timers do. */
const FAKE = `
const timer = { unref: () => timer, ref: () => timer, hasRef: () => false, refresh: () => timer };
const fake = () => Object.assign(() => timer, { clock: {} });
for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']) globalThis[name] = fake();
`;
const FAKE_TICKS = 'process.nextTick = fake();';

describe('a server', () => {
  it('under load serves on when timers are replaced', async () => {
    const { code, out } = await program(`${LOAD} server.listen(0, '127.0.0.1', () => { ${FAKE} load(); });`);
    expect([code, out]).toEqual([0, '800\n']);
  });

  it('under load serves on when it was loaded after timers had been replaced', async () => {
    const { code, out } = await run(['-e', `${FAKE} const http = require('./index.js'); ${LOAD} server.listen(0, '127.0.0.1', load);`]);
    expect([code, out]).toEqual([0, '800\n']);
  });

  it('answers, also later than its handler returns, when it was loaded after nextTick had been replaced', async () => {
    const { code, out } = await run(['-e', `
      const { nextTick } = process;
      const { setTimeout } = globalThis;
      const net = require('node:net');
      ${FAKE} ${FAKE_TICKS}
      const http = require('./index.js');
      process.nextTick = nextTick;
      const server = http.createServer((req, res) => setTimeout(() => res.end('late'), 5));
      server.listen(0, '127.0.0.1', () => {
        const peer = net.connect(server.address().port, '127.0.0.1', () => peer.write('GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n'));
        let text = '';
        peer.on('data', (data) => (text += data)).on('end', () => { console.log(text.split('\\r\\n\\r\\n')[1]); process.exit(); });
      });`]);
    expect([code, out]).toEqual([0, 'late\n']);
  });
});
