'use strict';

/** Whether an implementation still serves after a program: what one has broken, in the process and for good, shows here. */

const net = require('node:net');

const { setTimeout, clearTimeout } = globalThis;

/** Bytes of the body; large enough that it is not copied on its way. */
const BODY = 70_000;
const PATIENCE = 1_500;
const QUESTION = `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${BODY}\r\n\r\n${'b'.repeat(BODY)}`;

/** @return {Promise<string>} 'yes', or what came instead */
function serves(http, driver) {
  return new Promise((resolve) => {
    let text = '';
    const server = http.createServer(driver, (req, res) => {
      let wrong = 0;
      let length = 0;
      req.on('data', (chunk) => {
        length += chunk.length;
        for (const byte of chunk) if (byte !== 98) wrong += 1;
      });
      req.on('end', () => res.end(`${length} bytes, ${wrong} wrong`));
    });
    let peer;
    const settle = (word) => {
      clearTimeout(timer);
      peer?.destroy();
      server.close();
      server.closeAllConnections();
      resolve(word);
    };
    const timer = setTimeout(() => settle(`hangs after ${JSON.stringify(text.slice(0, 100))}`), PATIENCE);
    server.listen(0, '127.0.0.1', () => {
      peer = net.connect(server.address().port, '127.0.0.1');
      peer.setEncoding('latin1').on('data', (chunk) => (text += chunk));
      peer.on('error', ({ code }) => settle(code));
      peer.on('close', () => settle(text.endsWith(`\r\n\r\n${BODY} bytes, 0 wrong`) ? 'yes' : JSON.stringify(text.slice(-100))));
      peer.write(QUESTION);
    });
  });
}

module.exports = { serves };
