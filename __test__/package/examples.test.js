'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { run, ROOT } = require('../support/child');

/** What each example must print, in order. */
const EXPECTED = {
  'upgrade.js': [/wants websocket; 0 bytes/, /got upgraded! 101 Web Socket Protocol Handshake/, /the echo is hello/, /server: closed/],
  'upgrade-zh.js': [/普通请求: 响应内容/, /服务器收到升级请求/, /接收到响应: 101/, /已关闭/],
  'upgrade-without-header.js': [/a response with status 101, upgrade: false/, /server: closed/],
  'websocket-no-server.js': [/connection to \/chat/, /client: received hello world/, /server: received hi/, /you said hi/, /closed with 1000/],
  'raw-protocols.js': [/Upgrade: example\/1, foo\/2/, /< Upgrade: example\/1\n/, /< Upgrade: TLS\/1.0, HTTP\/1.1/, /426 Upgrade Required/],
  'rules.js': [
    /no listener: HTTP\/1.1 200 OK/,
    /callback says no: HTTP\/1.1 200 OK/,
    /no listener: nothing, connection closed/,
    /the net.Socket: true - the stream: UpgradeStream/,
    /body he, body llo, stream raw/,
  ],
  'connect.js': [/200 Connection Established/, /hello from the other end/],
};

describe('examples', () => {
  it('are all listed here', () => {
    expect(fs.readdirSync(path.join(ROOT, 'examples')).sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  it.each(['upgrade.js', 'upgrade-zh.js', 'upgrade-without-header.js'])('%s: both halves are the engine’s', async (name) => {
    const { code, err } = await run(['--require', path.join(__dirname, '..', 'programs', 'engine-only.js'), path.join('examples', name)], { env: { PORT: '0' } });
    expect([code, err]).toEqual([0, '']);
  });

  for (const [name, patterns] of Object.entries(EXPECTED)) {
    it(`${name} prints its exchange and ends`, async () => {
      const { code, out, err } = await run([path.join('examples', name)], { env: { PORT: '0' } });
      expect(err).toBe('');
      expect(code).toBe(0);
      let rest = out;
      for (const pattern of patterns) {
        expect(rest).toMatch(pattern);
        rest = rest.slice(rest.search(pattern));
      }
    });
  }
});
