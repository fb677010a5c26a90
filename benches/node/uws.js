'use strict';

/** uWebSockets.js as a server of the benches: `uws.js SCENARIO`; prints its port. */

const path = require('node:path');
const uws = require(path.join(__dirname, '..', '.peers', 'node_modules', '@trufflesuite', 'uws-js-unofficial'));

const [, , scenario] = process.argv;
const LARGE = Buffer.alloc(1 << 20, 'x');

/** Gathers a request's body and hands it on whole. */
function whole(res, done) {
  let parts = [];
  res.onAborted(() => (parts = undefined));
  res.onData((chunk, last) => {
    if (!parts) return;
    parts.push(Buffer.from(chunk.slice(0)));
    if (last) res.cork(() => done(Buffer.concat(parts)));
  });
}

const app = uws.App();
if (scenario === 'ws' || scenario === 'broadcast') {
  app.ws('/*', {
    compression: 0,
    maxPayloadLength: 1 << 20,
    maxBackpressure: 1 << 24,
    idleTimeout: 0,
    open: (socket) => socket.subscribe('all'),
    message(socket, message, isBinary) {
      if (scenario === 'ws') socket.send(message, isBinary);
      else app.publish('all', message, isBinary);
    },
  });
} else if (scenario === 'echo') app.post('/', (res) => whole(res, (body) => res.end(body)));
else if (scenario === 'post') app.post('/', (res) => whole(res, (body) => res.end(String(body.length))));
else if (scenario === 'large') app.get('/', (res) => res.end(LARGE));
else app.get('/', (res) => res.writeHeader('Content-Type', 'text/plain').end('okay'));

app.listen('127.0.0.1', 0, (listener) => console.log(uws.us_socket_local_port(listener)));
process.stdin.resume().on('end', () => process.exit());
