'use strict';

/** The documents' own programs, as they stand except for `require` and the port. */

const fs = require('node:fs');
const path = require('node:path');
const { WebSocket } = require('ws');
const { run, freePort } = require('../support/child');

const FOLDER = path.join(__dirname, '..', 'programs', 'documents');

/** Both halves of the pairs are the engine's. */
const ENGINE_ONLY = ['--require', path.join(__dirname, '..', 'programs', 'engine-only.js')];

async function runDocument(name, documentPort, onLine, flags = ENGINE_ONLY) {
  const port = await freePort();
  const code = fs.readFileSync(path.join(FOLDER, name), 'utf8').replaceAll(String(documentPort), String(port));
  return run([...flags, '-e', code], { cwd: FOLDER, onLine: onLine && ((line, child) => onLine(line, child, port)) });
}

describe('documents', () => {
  it('the English pair upgrades and exits', async () => {
    const { code, out } = await runDocument('upgrade-001-en.js', 1337);
    expect([code, out]).toEqual([0, 'got upgraded!\n']);
  });

  it('the Chinese pair upgrades and exits', async () => {
    const { code, out } = await runDocument('upgrade-001-zh.js', 1337);
    expect([code, out]).toEqual([0, '接收到响应\n']);
  });

  it("the pair without the Upgrade field gets to the server's event and no further", async () => {
    // Its client gets a 'response' that it does not listen for: the program waits for ever, so it is ended here.
    const { signal, out } = await runDocument('upgrade-000.js', 1337, (line, child) => {
      if (line === 'req') child.kill();
    });
    expect([signal, out]).toEqual(['SIGTERM', 'lal\nreq\n']);
  });

  it('the ws guide serves WebSockets through noServer and handleUpgrade', async () => {
    let received;
    const { out } = await runDocument('websocket-003.js', 8999, (line, child, port) => {
      if (line === 'server started') {
        const client = new WebSocket(`ws://127.0.0.1:${port}/path?x=1`);
        client.on('message', (message) => {
          received = String(message);
          client.send('ping');
        });
      } else if (line === 'server: received: ping') {
        child.kill();
      }
    });
    expect(received).toBe('hello world');
    expect(out).toBe('server started\npathname /path\nserver: receive connection.\nserver: received: ping\n');
  });
});
