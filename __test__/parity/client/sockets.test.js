'use strict';

const { HEAD_END, OK, answers, ask, count } = require('../../support/client-asks');
const { parity } = require('../../support/parity');

const pool = (agent) => `sockets=${count(agent.sockets)} free=${count(agent.freeSockets)} requests=${count(agent.requests)} total=${agent.totalSocketCount}`;

/** Sockets are counted down when they have closed, which is when the engine says so. */
const emptied = async (agent) => {
  while (agent.totalSocketCount > 0) await new Promise(setImmediate);
};

parity(__filename, {
  'requests one after the other use one connection': {
    server: [answers(3)],
    async run(tools) {
      for (const path of ['/1', '/2', '/3']) {
        await ask(tools, path);
        tools.log(pool(tools.agent));
      }
    },
  },
  'the socket is free when the request has closed': {
    server: [answers(1)],
    async run(tools) {
      const { agent, log } = tools;
      agent.on('free', (socket, options) => log('free', socket.destroyed, options.port === tools.port, pool(agent)));
      const req = await ask(tools, '/1');
      log(pool(agent), req.destroyed, req.socket === Object.values(agent.freeSockets)[0][0], req.res.socket, req.socket._httpMessage);
    },
  },
  'an agent without keepAlive closes': {
    server: [[HEAD_END, OK, 'ended']],
    async run(tools) {
      const agent = new tools.http.Agent();
      await ask({ ...tools, agent }, '/1');
      tools.log(pool(agent));
    },
  },
  'maxSockets queues': {
    server: [answers(3)],
    async run(tools) {
      const agent = new tools.http.Agent({ keepAlive: true, maxSockets: 1 });
      const all = ['/1', '/2', '/3'].map((path) => ask({ ...tools, agent }, path));
      tools.log(pool(agent));
      await Promise.all(all);
      tools.log(pool(agent));
      agent.destroy();
    },
  },
  'maxSockets without keepAlive': {
    server: [answers(2)],
    async run(tools) {
      const agent = new tools.http.Agent({ maxSockets: 1 });
      await Promise.all(['/1', '/2'].map((path) => ask({ ...tools, agent }, path)));
      await emptied(agent);
      tools.log(pool(agent));
    },
  },
  'maxTotalSockets': {
    server: [answers(2)],
    async run(tools) {
      const agent = new tools.http.Agent({ keepAlive: true, maxTotalSockets: 1 });
      await Promise.all(['/1', '/2'].map((path) => ask({ ...tools, agent }, path)));
      tools.log(pool(agent));
      agent.destroy();
    },
  },
  'maxFreeSockets': {
    server: [[HEAD_END, OK]],
    async run(tools) {
      const agent = new tools.http.Agent({ keepAlive: true, maxFreeSockets: 1 });
      await Promise.all(['/a', '/a'].map((path) => ask({ ...tools, agent }, path)));
      tools.log(count(agent.freeSockets));
      agent.destroy();
    },
  },
  'a destroyed agent': {
    server: [answers(1)],
    async run(tools) {
      await ask(tools, '/1');
      tools.agent.destroy();
      await emptied(tools.agent);
      tools.log(pool(tools.agent));
    },
  },
  'getName': {
    async run({ http, log }) {
      const agent = new http.Agent();
      log(agent.getName({ host: 'a', port: 1, localAddress: 'b' }), agent.getName({ host: 'a', port: 1, family: 6 }), agent.getName({ socketPath: '/x' }), agent.getName());
      log(agent.defaultPort, agent.protocol, agent.maxSockets, agent.maxFreeSockets, agent.keepAlive, agent.scheduling, agent.maxTotalSockets, agent.keepAliveMsecs);
      log(http.globalAgent.keepAlive, http.globalAgent.options.timeout, http.globalAgent.scheduling, http.globalAgent instanceof http.Agent);
    },
  },
  'Keep-Alive: timeout of the server is heeded': {
    server: [[HEAD_END, 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n']],
    async run(tools) {
      await ask(tools, '/1');
      await emptied(tools.agent);
      tools.log(pool(tools.agent));
    },
  },
  'the server closes an idle connection': {
    server: [[...answers(1), { log: 'idle' }, 'end', 'ended'], [{ until: '/2' }, OK]],
    async run(tools) {
      const req = await ask(tools, '/1');
      req.socket.on('close', () => tools.log('socket closed', pool(tools.agent)));
      tools.log('idle', pool(tools.agent));
      await tools.until('socket closed');
      await ask(tools, '/2');
    },
  },
  'the server resets an idle connection': {
    server: [[...answers(1), { log: 'idle' }, 'reset']],
    async run(tools) {
      const req = await ask(tools, '/1');
      req.socket.on('close', (hadError) => tools.log('socket closed', hadError, pool(tools.agent)));
      tools.log('idle');
      await tools.until('socket closed');
    },
  },
  'the server speaks on an idle connection': {
    server: [[...answers(1), { log: 'idle' }, OK]],
    async run(tools) {
      const req = await ask(tools, '/1');
      req.socket.on('close', () => tools.log('socket closed', pool(tools.agent)));
      tools.log('idle');
      await tools.until('socket closed');
    },
  },
  'the server closes a reused connection instead of answering': {
    server: [[...answers(1), { until: '/2' }, 'end']],
    async run(tools) {
      await ask(tools, '/1');
      await ask(tools, '/2');
      tools.log(pool(tools.agent));
    },
  },
  'Connection: close in the answer': {
    server: [[HEAD_END, 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok', 'ended', 'end']],
    async run(tools) {
      await ask(tools, '/1');
      tools.log(count(tools.agent.freeSockets));
    },
  },
  'nobody there': {
    async run({ http, watch, until, agent, server, port }) {
      await new Promise((resolve) => server.close(resolve));
      watch(http.get({ port, host: '127.0.0.1', agent }));
      await until('req close');
      server.listen(0);
    },
  },
  'nobody there: what the error says': {
    async run({ http, log, until, agent, server, port }) {
      await new Promise((resolve) => server.close(resolve));
      http.get({ port, host: '127.0.0.1', agent }).on('error', (error) => log(JSON.stringify(error), error.errno, error.syscall, error.address, error.port));
      await until('ECONNREFUSED');
      server.listen(0);
    },
  },
  'a path without a socket': {
    async run({ http, log, until, agent }) {
      http.get({ socketPath: '/nonexistent/turnout.sock', agent }).on('error', (error) => log(JSON.stringify(error))).on('close', () => log('closed'));
      await until('closed');
    },
  },
  'lookup': {
    server: [[HEAD_END, OK]],
    async run({ http, port, agent, log, until }) {
      const lookup = (host, options, callback) => {
        log('lookup', host, options.all, options.family, typeof options.hints);
        process.nextTick(callback, null, options.all ? [{ address: '127.0.0.1', family: 4 }] : '127.0.0.1', 4);
      };
      const req = http.get({ port, host: 'name.test', agent, lookup }, (res) => {
        res.resume();
        log(res.statusCode);
      });
      req.on('socket', (socket) => {
        log(socket.connecting, socket.pending, socket.readyState);
        for (const event of ['lookup', 'connectionAttempt', 'connect', 'ready', 'close']) {
          socket.on(event, (...args) => log('socket', event, socket.connecting, JSON.stringify(args)));
        }
      });
      req.on('close', () => log('closed', req.socket.remoteAddress, req.socket.remoteFamily));
      await until('closed');
    },
  },
  'lookup fails': {
    async run({ http, port, agent, until, watch }) {
      const lookup = (host, options, callback) => process.nextTick(callback, Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
      watch(http.get({ port, host: 'name.test', agent, lookup }));
      await until('req close');
    },
  },
  'lookup finds nonsense': {
    async run({ http, port, agent, until, watch }) {
      const lookup = (host, options, callback) => process.nextTick(callback, null, options.all ? [{ address: 'x', family: 4 }] : 'x', 4);
      watch(http.get({ port, host: 'name.test', agent, lookup }));
      await until('req close');
    },
  },
  'the second of several addresses answers': {
    server: [[HEAD_END, OK]],
    async run({ http, port, agent, log, until }) {
      const lookup = (host, options, callback) => callback(null, [{ address: '127.0.0.2', family: 4 }, { address: '127.0.0.1', family: 4 }]);
      const req = http.get({ port, host: 'name.test', agent, lookup, autoSelectFamily: true }, (res) => {
        res.resume();
        log(res.statusCode, JSON.stringify(req.socket.autoSelectFamilyAttemptedAddresses));
      });
      req.on('socket', (socket) => {
        for (const event of ['connectionAttempt', 'connectionAttemptFailed', 'connect']) socket.on(event, (address, at, family, error) => log(event, address, family, error?.code));
      });
      req.on('error', (error) => log(error.code)).on('close', () => log('closed'));
      await until('closed');
    },
  },
  'all of several addresses refuse': {
    async run({ http, agent, log, until, server, port }) {
      await new Promise((resolve) => server.close(resolve));
      const lookup = (host, options, callback) => callback(null, [{ address: '127.0.0.2', family: 4 }, { address: '127.0.0.1', family: 4 }]);
      const req = http.get({ port, host: 'name.test', agent, lookup, autoSelectFamily: true });
      req.on('error', (error) => log(error.name, error.code, error.errors.length, error.errors.map((one) => one.message).join())).on('close', () => log('closed'));
      await until('closed');
      server.listen(0);
    },
  },
  'localAddress': {
    server: [[HEAD_END, OK]],
    async run({ http, port, host, agent, log, until }) {
      const req = http.get({ port, host, agent, localAddress: '127.0.0.5' }, (res) => {
        log(req.socket.localAddress, req.socket.remoteAddress, req.socket.localFamily);
        res.resume().on('end', () => log('end'));
      });
      await until('end');
    },
  },
  'a localAddress that is not ours': {
    async run({ http, port, host, agent, until, watch }) {
      watch(http.get({ port, host, agent, localAddress: '192.0.2.1' }));
      await until('req close');
    },
  },
  'the timeout option': {
    server: [[HEAD_END]],
    async run({ http, port, host, agent, until, watch }) {
      const req = watch(http.get({ port, host, agent, timeout: 30 }));
      req.on('timeout', () => req.destroy());
      await until('req close');
    },
  },
  'setTimeout': {
    server: [[HEAD_END]],
    async run({ http, port, host, agent, until, watch, log }) {
      const req = watch(http.get({ port, host, agent }));
      log(req.setTimeout(30, () => log('callback')) === req);
      req.on('timeout', () => req.destroy(new Error('mine')));
      await until('req close');
    },
  },
  "the agent's timeout": {
    server: [[HEAD_END]],
    async run({ http, port, host, until, watch }) {
      const agent = new http.Agent({ keepAlive: true, timeout: 30 });
      const req = watch(http.get({ port, host, agent }));
      req.on('timeout', () => req.abort());
      await until('req close');
    },
  },
  'a timeout in the body': {
    server: [[HEAD_END, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort']],
    async run({ http, port, host, agent, until, watch, log }) {
      const req = watch(http.get({ port, host, agent, timeout: 30 }));
      req.on('response', (res) => res.on('timeout', () => {
        log('res timeout');
        res.destroy();
      }));
      await until('req close');
    },
  },
  'abort() before the socket': {
    server: [[]],
    async run({ http, port, host, agent, until, watch }) {
      watch(http.get({ port, host, agent })).abort();
      await until('req close');
    },
  },
  'destroy() before the socket': {
    server: [[]],
    async run({ http, port, host, agent, until, watch, log }) {
      const req = watch(http.get({ port, host, agent }));
      log(req.destroy() === req, req.destroyed, req.aborted);
      await until('req close');
    },
  },
  'destroy(error) before the socket': {
    server: [[]],
    async run({ http, port, host, agent, until, watch }) {
      watch(http.get({ port, host, agent })).destroy(new Error('mine'));
      await until('req close');
    },
  },
  "destroy() on 'socket'": {
    server: [[]],
    async run({ http, port, host, agent, until, watch }) {
      const req = watch(http.get({ port, host, agent }));
      req.on('socket', () => req.destroy());
      await until('req close');
    },
  },
  'abort() while waiting for the answer': {
    server: [[HEAD_END, { log: 'req finish' }]],
    async run({ http, port, host, agent, until, watch }) {
      const req = watch(http.get({ port, host, agent }));
      req.on('finish', () => req.abort());
      await until('req close');
    },
  },
  "abort() on 'response'": {
    server: [[HEAD_END, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort']],
    async run({ http, port, host, agent, until, watch }) {
      const req = watch(http.get({ port, host, agent }));
      req.on('response', () => req.abort());
      await until('req close');
    },
  },
  'destroy() after the end of the response': {
    server: [[HEAD_END, OK]],
    async run({ http, port, host, agent, until, watch, log }) {
      const req = watch(http.get({ port, host, agent }));
      req.on('response', (res) => res.on('end', () => req.destroy()));
      await until('req close');
      log(pool(agent));
    },
  },
  'an AbortSignal': {
    server: [[HEAD_END]],
    async run({ http, port, host, agent, until, watch }) {
      const controller = new AbortController();
      const req = watch(http.get({ port, host, agent, signal: controller.signal }));
      req.on('finish', () => controller.abort());
      await until('req close');
    },
  },
  'an AbortSignal that has fired': {
    async run({ http, port, host, agent, until, watch }) {
      watch(http.get({ port, host, agent, signal: AbortSignal.abort() }));
      await until('req close');
    },
  },
  'setNoDelay and setSocketKeepAlive': {
    server: [[HEAD_END, OK]],
    async run({ http, port, host, agent, until, watch, log }) {
      const req = watch(http.get({ port, host, agent }));
      log(req.setNoDelay(true), req.setSocketKeepAlive(true, 1000));
      await until('req close');
    },
  },
  'writing to a request whose connection is gone': {
    server: [[HEAD_END, 'reset']],
    async run({ http, port, host, agent, until, watch, log }) {
      const req = watch(http.request({ port, host, agent, method: 'POST' }));
      req.flushHeaders();
      await until('req close');
      log(req.write('x', (error) => log('write', error?.code)));
      req.end();
      await until('write');
    },
  },
  'writing after end': {
    server: [[HEAD_END, { log: 'req error' }, OK]],
    async run({ http, port, host, agent, until, watch, log }) {
      const req = watch(http.request({ port, host, agent, method: 'POST' }));
      req.end('x');
      req.write('y', (error) => log('write', error.code));
      await until('req close');
    },
  },
  'diagnostics channels': {
    server: [[HEAD_END, OK], [HEAD_END, 'end']],
    async run({ http, port, host, agent, log, until, watch }) {
      const diagnostics = require('node:diagnostics_channel');
      const heard = ['http.client.request.created', 'http.client.request.start', 'http.client.response.finish', 'http.client.request.error'].map((name) => {
        const listener = (message) => log(name, message.request.path, Object.keys(message).sort().join(), message.error?.code);
        diagnostics.subscribe(name, listener);
        return () => diagnostics.unsubscribe(name, listener);
      });
      try {
        watch(http.get({ port, host, agent, path: '/good' }));
        await until('req close');
        watch(http.get({ port, host, agent: false, path: '/bad' }));
        await until('req close', 2);
      } finally {
        heard.forEach((stop) => stop());
      }
    },
  },
  'headers cannot change once they are sent': {
    server: [[HEAD_END, OK]],
    async run({ http, port, host, agent, log, until }) {
      const req = http.request({ port, host, agent, method: 'POST' });
      req.on('close', () => log('closed')).on('response', (res) => res.resume());
      req.flushHeaders();
      for (const act of [() => req.setHeader('a', 1), () => req.removeHeader('a'), () => req._implicitHeader()]) {
        try {
          act();
        } catch (error) {
          log(error.code, error.message);
        }
      }
      req.end();
      await until('closed');
    },
  },
  'listeners on the socket in its phases': {
    server: [answers(2)],
    async run(tools) {
      const { agent, http, port, host, log, until } = tools;
      const listeners = (socket) => socket.eventNames().map((name) => `${String(name)}:${socket.listenerCount(name)}`).filter((one) => /^(close|error|drain|free|timeout|agentRemove)/.test(one)).sort().join(' ');
      const req = http.get({ port, host, agent, path: '/1', timeout: 1000 }, (res) => {
        log('response', listeners(req.socket), req.socket.timeout);
        res.resume();
      });
      req.on('socket', (socket) => log('socket', listeners(socket), socket.timeout));
      req.on('close', () => setImmediate(() => log('freed', listeners(req.socket), req.socket.timeout)));
      await until('freed');
    },
  },
});
