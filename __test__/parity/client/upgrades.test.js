'use strict';

const { HEAD_END, OK, count } = require('../../support/client-asks');
const { parity } = require('../../support/parity');

const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n';
const HEADERS = { Connection: 'Upgrade', Upgrade: 'x' };

/** Listens for 'upgrade', logs it, and gives the socket to `use`. */
const upgrade = (use, options) => async (tools) => {
  const { http, port, host, agent, log, until, watch } = tools;
  const req = watch(http.request({ port, host, agent, headers: HEADERS, ...options }));
  req.on('upgrade', (res, socket, head) => {
    log('upgrade', res.statusCode, res.statusMessage, JSON.stringify(res.headers), `upgrade=${res.upgrade} complete=${res.complete} req=${res.req}`);
    log(`head=${head} isBuffer=${Buffer.isBuffer(head)} destroyed=${req.destroyed} socket=${socket === req.socket} flowing=${socket.readableFlowing}`);
    log(`sockets=${count(agent.sockets)} free=${count(agent.freeSockets)} total=${agent.totalSocketCount} message=${socket._httpMessage} parser=${socket.parser}`);
    process.nextTick(() => log('tick'));
    use(socket, { ...tools, req, res, head });
  });
  req.end();
  await until('done');
};

const readAll = (socket, { log }) => {
  let text = '';
  socket.on('data', (chunk) => (text += chunk));
  socket.on('end', () => log('end', text, `writable=${socket.writable} halfOpen=${socket.allowHalfOpen}`));
  socket.on('close', (hadError) => log('done', hadError));
  socket.on('error', (error) => log('socket error', error.code));
};

parity(__filename, {
  'an upgrade with bytes behind the 101': { server: [[HEAD_END, `${SWITCH}first`, { log: 'upgrade' }, 'second', 'end', 'ended']], run: upgrade(readAll) },
  'an upgrade, and the client speaks': {
    server: [[HEAD_END, SWITCH, { until: 'hello' }, 'world', { until: 'bye' }, 'ended', 'end']],
    run: upgrade((socket, tools) => {
      readAll(socket, tools);
      socket.write('hello');
      socket.once('data', () => socket.end('bye'));
    }),
  },
  'interim responses before the 101': { server: [[HEAD_END, `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nA: b\r\n\r\n${SWITCH}`, 'end']], run: upgrade(readAll) },
  'a 101 to a request that did not ask': { server: [[HEAD_END, `${SWITCH}zz`, 'end']], run: upgrade(readAll, { headers: {} }) },
  'a 101 that nobody listens for': {
    server: [[HEAD_END, `${SWITCH}zz`]],
    async run({ http, port, host, agent, watch, until, log }) {
      watch(http.get({ port, host, agent, headers: HEADERS }));
      await until('req close');
      log(count(agent.sockets), agent.totalSocketCount);
    },
  },
  'the upgrade is declined': {
    server: [[HEAD_END, OK]],
    async run({ http, port, host, agent, watch, until, log }) {
      watch(http.get({ port, host, agent, headers: HEADERS })).on('upgrade', () => log('upgrade'));
      await until('req close');
      log(count(agent.freeSockets));
    },
  },
  'a 200 that advertises an upgrade': {
    server: [[HEAD_END, 'HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok']],
    async run({ http, port, host, agent, watch, until, log }) {
      watch(http.get({ port, host, agent })).on('upgrade', () => log('upgrade'));
      await until('req close');
    },
  },
  'a 101 with a length that counts for nothing': {
    server: [[HEAD_END, 'HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nabcd', 'end']],
    run: upgrade(readAll),
  },
  'the request has not ended': {
    server: [[HEAD_END, SWITCH, { until: 'raw' }, 'end']],
    async run({ http, port, host, agent, log, until }) {
      const req = http.request({ port, host, agent, method: 'POST', headers: { ...HEADERS, 'Content-Length': 4 } });
      req.on('upgrade', (res, socket) => {
        log('upgrade', req.finished, req.write('lost'));
        socket.write('raw');
        socket.resume().on('close', () => log('done'));
      });
      req.flushHeaders();
      await until('done');
    },
  },
  'queued requests get another connection': {
    server: [[{ until: '/1' }, HEAD_END, SWITCH], [{ until: '/2' }, OK]],
    async run({ http, port, host, log, until }) {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      const req = http.get({ port, host, agent, path: '/1', headers: HEADERS });
      req.on('upgrade', (res, socket) => {
        log('upgrade', count(agent.requests));
        socket.on('close', () => log('closed'));
      });
      http.get({ port, host, agent, path: '/2' }, (res) => {
        log('second', res.statusCode);
        res.resume();
        req.socket.destroy();
        res.on('end', () => log('second end'));
      });
      await until('second end');
      await until('closed');
      agent.destroy();
    },
  },
  'an upgrade on a reused connection': {
    server: [[{ until: '/1' }, OK, { until: 'Upgrade: x' }, `${SWITCH}zz`, 'end']],
    async run(tools) {
      const { http, port, host, agent } = tools;
      await new Promise((resolve) => http.get({ port, host, agent, path: '/1' }, (res) => res.resume()).on('close', () => setImmediate(resolve)));
      await upgrade(readAll, { path: '/2' })(tools);
    },
  },
  'timers stay with the socket': {
    server: [[HEAD_END, SWITCH]],
    run: upgrade((socket, { log, req }) => {
      log(socket.timeout, socket.listenerCount('timeout'), req.listenerCount('timeout'));
      socket.on('timeout', () => {
        log('timeout');
        socket.destroy();
      });
      socket.on('close', () => log('done'));
    }, { timeout: 30 }),
  },
  'an AbortSignal does nothing any more': {
    server: [[HEAD_END, SWITCH, { until: 'still' }, 'end']],
    async run(tools) {
      const controller = new AbortController();
      await upgrade((socket, { req }) => {
        controller.abort();
        req.destroy();
        readAll(socket, tools);
        socket.write('still');
      }, { signal: controller.signal })(tools);
    },
  },
  'the peer resets': { server: [[HEAD_END, SWITCH, { log: 'upgrade' }, 'reset']], run: upgrade(readAll) },
  'CONNECT': {
    server: [[HEAD_END, 'HTTP/1.1 200 Connection established\r\nContent-Length: 3\r\n\r\nraw', { until: 'ping' }, 'pong', 'end']],
    async run({ http, port, host, agent, log, until, watch }) {
      const req = watch(http.request({ port, host, agent, method: 'CONNECT', path: 'a.test:443' }));
      req.on('connect', (res, socket, head) => {
        log('connect', res.statusCode, String(head), res.upgrade, res.complete);
        socket.write('ping');
        readAll(socket, { log });
      });
      req.end();
      await until('done');
    },
  },
  'CONNECT refused': {
    server: [[HEAD_END, 'HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n', 'end']],
    async run({ http, port, host, agent, log, until, watch }) {
      const req = watch(http.request({ port, host, agent, method: 'CONNECT', path: 'a.test:443' }));
      req.on('connect', (res, socket) => {
        log('connect', res.statusCode);
        readAll(socket, { log });
      });
      req.end();
      await until('done');
    },
  },
  'CONNECT that nobody listens for': {
    server: [[HEAD_END, 'HTTP/1.1 200 OK\r\n\r\n']],
    async run({ http, port, host, agent, until, watch }) {
      watch(http.request({ port, host, agent, method: 'CONNECT', path: 'a.test:443' })).end();
      await until('req close');
    },
  },
});
