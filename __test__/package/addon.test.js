'use strict';

/** The addon by itself: what it asks of the system that loads it, and what it makes of numbers that `lib/` would not send. */

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { program, ROOT } = require('../support/child');

const binaries = fs.readdirSync(ROOT).filter((name) => name.endsWith('.node'));
const hasReadelf = process.platform === 'linux' && spawnSync('readelf', ['--version']).status === 0;

(hasReadelf ? it : it.skip)('the addon has no static thread-local storage, with which musl refuses to load it', () => {
  expect(binaries.length).toBeGreaterThan(0);
  for (const name of binaries) {
    const { status, stdout } = spawnSync('readelf', ['--wide', '--dynamic', path.join(ROOT, name)], { encoding: 'utf8' });
    expect([status, stdout.includes('STATIC_TLS')]).toEqual([0, false]);
  }
});

describe('numbers that name nothing', () => {
  const NUMBERS = '[NaN, -1, -0.5, 63, 64, 65, 4095, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 1e300, Infinity, -Infinity]';

  it.each([0, 2, 63])('are errors or nothing to do, and the engine goes on, with %i threads listening', async (threads) => {
    const { code, signal, err, out } = await program(`
      const net = require('node:net');
      const { openPort } = require('./lib/seam/binding');
      const server = http.createServer({ threads: ${threads} }, (req, res) => res.end('served'));
      const config = { noDelay: true, keepAlive: true, hold: false, validation: 0 };
      for (const name of ['keepAliveInitialDelay', 'keepAliveTimeout', 'headersTimeout', 'requestTimeout', 'checkInterval', 'maxHeaderSize', 'maxHeadersCount']) config[name] = 0;
      server.listen(0, '127.0.0.1', () => {
        const port = openPort();
        const peer = net.connect(server.address().port, '127.0.0.1');
        peer.once('connect', () => {
          const fd = peer._handle.fd;
          for (const n of ${NUMBERS}) {
            for (const call of [
              () => port.send(n, true, n, n, n, n, n, Buffer.alloc(20)),
              () => port.send(0, false, n, 1, 1, 0, n, Buffer.alloc(40_000)),
              () => port.takeOver(n, n, n, n),
              () => port.abandon(n),
              () => port.configure(n, { ...config, validation: n, keepAliveTimeout: n, headersTimeout: n, requestTimeout: n, checkInterval: n, maxHeaderSize: n, maxHeadersCount: n, keepAliveInitialDelay: n }),
              () => port.closeListener(1000 + n),
              () => port.flush(n),
              () => port.adopt?.(n, n, 0),
              () => port.adopt?.(1000, fd, 0),
              () => port.adopt?.(1000, fd, 1),
              () => port.connect({ address: '127.0.0.1', port: n }, 7, 0),
              () => port.listen({ address: '127.0.0.1', port: 65536 + n, backlog: n, ipv6Only: false, reusePort: false }, config, 0),
            ]) {
              try { call(); } catch (error) { if (!(error instanceof Error) || /has failed/.test(error.message)) throw error; }
            }
          }
          let text = '';
          peer.setEncoding('latin1').on('data', (data) => (text += data)).on('end', () => { console.log(text.split('\\r\\n\\r\\n')[1]); process.exit(); });
          peer.write('GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n');
        });
      });`);
    expect([code, signal, err, out]).toEqual([0, null, '', 'served\n']);
  });
});

describe('connect()', () => {
  const canInline = ['linux', 'darwin'].includes(process.platform);

  it('puts a connection on the thread that it names, which must be there', async () => {
    const { code, signal, err, out } = await program(`
      const { openPort } = require('./lib/seam/binding');
      const { connectionOf } = require('./lib/connection/socket');
      const { limits } = require('./lib/seam/layout');
      const server = http.createServer({ threads: 3 }, (req, res) => res.end());
      server.listen(0, '127.0.0.1', async () => {
        const port = openPort();
        const { connect } = port;
        let thread;
        port.connect = (where, token, threads) => connect.call(port, where, token, threads, thread);
        const seen = [];
        for (thread of ${JSON.stringify(canInline ? [3, 1, 2, 3, 0] : [3, 1, 2, 3])}) {
          await new Promise((resolve, reject) => {
            const req = http.get({ port: server.address().port, host: '127.0.0.1', agent: false }, (res) => {
              seen.push(connectionOf(res.socket).index & ((1 << limits.STRIDE_BITS) - 1));
              res.resume().on('end', resolve);
            });
            req.on('error', reject);
          });
        }
        const refused = [4, 62, 64, 2 ** 32 - 1].map((number) => connect.call(port, { address: '127.0.0.1', port: server.address().port }, 1000, 0, number) < 0);
        console.log(JSON.stringify([seen, refused]));
        server.close();
      });`);
    expect([code, signal, err]).toEqual([0, null, '']);
    expect(JSON.parse(out)).toEqual([canInline ? [3, 1, 2, 3, 0] : [3, 1, 2, 3], [true, true, true, true]]);
  });
});
