'use strict';

/** Heads larger than the buffer that records cross in: only a raised maxHeaderSize lets them through. */

const net = require('node:net');
const node = require('node:http');
const turnout = require('../..');

/** Sends requests with one field of each size in one connection; resolves with the answers' bodies. */
function ask(http, sizes) {
  return new Promise((resolve, reject) => {
    const server = http.createServer({ maxHeaderSize: 4 * 1024 * 1024 }, (req, res) => {
      res.end(`<${req.url} ${req.headers['x-large'].length} ${req.headers['x-last']}>`);
    });
    server.listen(0, '127.0.0.1', () => {
      const socket = net.connect(server.address().port, '127.0.0.1');
      let text = '';
      socket.setEncoding('latin1').on('data', (chunk) => (text += chunk));
      socket.on('error', reject);
      socket.on('close', () => server.close(() => resolve(text.match(/<[^>]*>/g))));
      sizes.forEach((size, i) => {
        const close = i === sizes.length - 1 ? 'Connection: close\r\n' : '';
        socket.write(`GET /${i} HTTP/1.1\r\nHost: a\r\n${close}X-Large: ${'v'.repeat(size)}\r\nX-Last: ${i}\r\n\r\n`);
      });
    });
  });
}

describe.each([['node:http', node], ['turnout', turnout]])('%s', (_, http) => {
  it('reads heads of up to maxHeaderSize, small ones before and after', async () => {
    const sizes = [10, 300_000, 20, 2_000_000, 270_000, 30];
    expect(await ask(http, sizes)).toEqual(sizes.map((size, i) => `</${i} ${size} ${i}>`));
  });
});
