'use strict';

/** What a request says on a socket that its program has ended or written to by itself. */

const { HEAD_END } = require('../../support/client-asks');
const { parity } = require('../../support/parity');

/** A POST of six bytes; `act` runs when its socket has connected. */
function post({ http, port, agent, watch }, act) {
  const req = watch(http.request({ port, agent, method: 'POST', headers: { 'Content-Length': 6, Host: 'a' } }));
  req.on('socket', (socket) => socket.on('connect', () => act(req, socket)));
  return req;
}

const ENDED = [['ended', 'end']];
/** The server ends when the client has. */
const on = (act) => ({
  server: ENDED,
  async run(tools) {
    post(tools, (req, socket) => act(req, socket, tools));
    await tools.until('req close');
  },
});

parity(__filename, {
  'socket.end(), then more of the request in the same tick': on((req, socket, tools) => {
    req.write('abc');
    socket.end();
    tools.log(req.write('def'), req.end() === req);
  }),
  'socket.end(), then more of the request in the next round': on((req, socket) => {
    req.write('abc');
    socket.end();
    setImmediate(() => {
      req.write('def');
      req.end();
    });
  }),
  'socket.end() with bytes, then the request': on((req, socket) => {
    socket.end('RAW');
    req.end('abcdef');
  }),
  'socket.destroySoon(), then the end of the request': on((req, socket) => {
    req.write('abc');
    socket.destroySoon();
    req.end('def');
  }),
  'socket.end() before it has connected': {
    server: ENDED,
    async run({ http, port, agent, watch, until }) {
      const req = watch(http.request({ port, agent, method: 'POST', headers: { 'Content-Length': 6, Host: 'a' } }));
      req.on('socket', (socket) => {
        socket.end();
        req.end('abcdef');
      });
      await until('req close');
    },
  },
  'bytes on a corked socket stay ahead of the request': {
    server: [[HEAD_END, { until: 'abcdef' }, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n', 'end']],
    async run(tools) {
      post(tools, (req, socket) => {
        socket.cork();
        socket.write('RAW');
        req.end('abcdef');
        socket.uncork();
      });
      await tools.until('req close');
    },
  },
});
