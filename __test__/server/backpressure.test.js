'use strict';

const { program } = require('../support/child');

/** Bytes moved each way; the full gigabyte with TURNOUT_BIG=1. */
const SIZE = process.env.TURNOUT_BIG ? 1024 ** 3 : 192 * 1024 ** 2;
/** MiB of growth above the start: stream buffers, the window, sockets' buffers and garbage not yet collected. */
const ROOM = 96;

const CODE = `
const net = require('node:net');
const SIZE = ${SIZE};
const chunk = Buffer.alloc(65536, 'x');
const start = process.memoryUsage.rss();
let peak = start;
const watch = () => { peak = Math.max(peak, process.memoryUsage.rss()); };
const report = (bytes) => { console.log(JSON.stringify({ bytes, grown: Math.round((peak - start) / 1048576) })); process.exit(); };
`;

describe('backpressure', () => {
  it('slows an upload down to the pace of a slow reader', async () => {
    const { out, err } = await program(`${CODE}
      const server = http.createServer(async (req, res) => {
        let bytes = 0;
        for await (const piece of req) {
          bytes += piece.length;
          if (bytes % (4 * 1048576) < piece.length) { watch(); await new Promise(setImmediate); }
        }
        report(bytes);
      });
      server.listen(0, '127.0.0.1', () => {
        const socket = net.connect(server.address().port, '127.0.0.1');
        socket.write('POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: ' + SIZE + '\\r\\n\\r\\n');
        let sent = 0;
        const fill = () => { while (sent < SIZE) { sent += chunk.length; if (!socket.write(chunk)) return; } };
        socket.on('drain', fill);
        fill();
      });`, { env: { NODE_OPTIONS: '--max-semi-space-size=2' } });
    expect(err).toBe('');
    const { bytes, grown } = JSON.parse(out);
    expect(bytes).toBe(SIZE);
    expect(grown).toBeLessThan(ROOM);
  });

  it('does not read an upload that nobody takes', async () => {
    const { out } = await program(`${CODE}
      // Others are served meanwhile, so whatever would be read has been read.
      const others = async () => {
        for (let i = 0; i < 100; i++) {
          await new Promise((resolve) => http.get({ port: server.address().port, host: '127.0.0.1', agent: false }, (res) => res.resume().on('close', resolve)));
        }
      };
      const server = http.createServer((req, res) => {
        if (req.method === 'GET') return void res.end();
        req.once('readable', async () => {
          await others();
          const before = req.socket.bytesRead;
          await others();
          console.log(JSON.stringify({ before, after: req.socket.bytesRead, buffered: req.readableLength }));
          process.exit();
        });
      });
      server.listen(0, '127.0.0.1', () => {
        const socket = net.connect(server.address().port, '127.0.0.1');
        socket.write('POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: ' + SIZE + '\\r\\n\\r\\n');
        for (let i = 0; i < 64; i++) socket.write(Buffer.alloc(1048576));
      });`);
    const { before, after, buffered } = JSON.parse(out);
    expect(after).toBe(before);
    expect(buffered).toBeLessThanOrEqual(256 * 1024);
    expect(after).toBeLessThan(1024 * 1024);
  });

  it('slows a download down to the pace of a slow peer', async () => {
    const { out, err } = await program(`${CODE}
      let refused = 0;
      const server = http.createServer((req, res) => {
        res.writeHead(200, { 'Content-Length': SIZE });
        let sent = 0;
        const fill = () => {
          while (sent < SIZE) { sent += chunk.length; if (!res.write(chunk)) { refused++; return; } }
          res.end();
        };
        res.on('drain', fill);
        fill();
      });
      server.listen(0, '127.0.0.1', () => {
        const socket = net.connect(server.address().port, '127.0.0.1');
        socket.write('GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n');
        let bytes = 0;
        socket.on('data', (piece) => {
          bytes += piece.length;
          if (bytes % (4 * 1048576) < piece.length) { watch(); socket.pause(); setImmediate(() => socket.resume()); }
          if (bytes >= SIZE) { if (refused === 0) throw new Error('write() never said false'); report(bytes >= SIZE); }
        });
      });`, { env: { NODE_OPTIONS: '--max-semi-space-size=2' } });
    expect(err).toBe('');
    const { bytes, grown } = JSON.parse(out);
    expect(bytes).toBe(true);
    expect(grown).toBeLessThan(ROOM);
  });
});
