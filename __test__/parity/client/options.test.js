'use strict';

/** Options of requests and agents that the other features do not touch. */

const dns = require('node:dns');
const net = require('node:net');
const { HEAD_END, OK, answers, ask, count } = require('../../support/client-asks');
const { parity } = require('../../support/parity');

/** One exchange with these options. */
const asked = (options, answer = OK) => ({
  server: [[HEAD_END, answer, 'end']],
  async run(tools) {
    await ask(tools, '/', typeof options === 'function' ? options(tools) : options);
  },
});

/** What a response with a control character, with a folded line and with a bare LF comes to under one validation. */
const validated = (options) => ({
  server: ['A: b\x01c\r\n', 'A: b\r\n c\r\n', 'A: b\n'].map((field) => [HEAD_END, `HTTP/1.1 200 OK\r\n${field}Content-Length: 0\r\n\r\n`, 'end']),
  async run(tools) {
    for (const path of ['/control', '/folded', '/lf']) await ask(tools, path, { agent: false, ...options });
  },
});

const thrown = (attempt) => ({
  async run({ http, log }) {
    try {
      attempt(http);
      log('did not throw');
    } catch (error) {
      log(error.constructor.name, error.code, error.message);
    }
  },
});

/** As in Node there is no 'close': the request never had a connection. */
const refused = (createConnection) => ({
  async run({ http, until, watch }) {
    watch(http.get({ host: 'name.test', createConnection }));
    await until('mine');
  },
});

/** Two requests at once leave two free connections; the third shows which of them is taken first. */
const scheduled = (scheduling) => ({
  server: [[{ until: 'HTTP' }, HEAD_END, OK, { until: '/third' }, OK]],
  async run(tools) {
    const agent = new tools.http.Agent({ keepAlive: true, scheduling });
    const made = [];
    const first = await Promise.all(['/first', '/second'].map((path) => ask({ ...tools, agent, log() {} }, path)));
    made.push(...Object.values(agent.freeSockets)[0]);
    const third = await ask({ ...tools, agent }, '/third');
    tools.log(first.every((req) => made.includes(req.socket)), made.indexOf(third.socket));
    agent.destroy();
  },
});

parity(__filename, {
  'httpValidation: strict': validated({ httpValidation: 'strict' }),
  'httpValidation: relaxed': validated({ httpValidation: 'relaxed' }),
  'httpValidation: insecure': validated({ httpValidation: 'insecure' }),
  'insecureHTTPParser: false': validated({ insecureHTTPParser: false }),
  'an invalid httpValidation': thrown((http) => http.get({ httpValidation: 'x' })),
  'httpValidation beside insecureHTTPParser': thrown((http) => http.get({ httpValidation: 'strict', insecureHTTPParser: true })),
  'httpValidation: relaxed counts for what is sent': {
    server: [[HEAD_END, OK]],
    async run(tools) {
      await ask(tools, '/', { httpValidation: 'relaxed', headers: { A: 'b\x01c' } });
    },
  },
  'scheduling: lifo': scheduled('lifo'),
  'scheduling: fifo': scheduled('fifo'),
  'an invalid maxTotalSockets': thrown((http) => new http.Agent({ maxTotalSockets: 0 })),
  'a maxTotalSockets that is no number': thrown((http) => new http.Agent({ maxTotalSockets: '1' })),
  'agentKeepAliveTimeoutBuffer': {
    server: [[HEAD_END, 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=10\r\nContent-Length: 2\r\n\r\nok']],
    async run(tools) {
      for (const agentKeepAliveTimeoutBuffer of [undefined, 0, 4000, 10000, -1, '1']) {
        const agent = new tools.http.Agent({ keepAlive: true, timeout: 60000, agentKeepAliveTimeoutBuffer });
        const req = await ask({ ...tools, agent }, '/');
        tools.log(agent.agentKeepAliveTimeoutBuffer, count(agent.freeSockets), req.socket.timeout);
        agent.destroy();
      }
    },
  },
  'methods of an agent are called in order, also overridden ones': {
    server: [answers(3)],
    async run(tools) {
      class Watched extends tools.http.Agent {}
      for (const name of ['addRequest', 'createSocket', 'keepSocketAlive', 'reuseSocket', 'removeSocket', 'destroy']) {
        Watched.prototype[name] = function (...args) {
          tools.log(name, args.length);
          return tools.http.Agent.prototype[name].apply(this, args);
        };
      }
      const agent = new Watched({ keepAlive: true });
      agent.on('free', (socket) => tools.log('free', count(agent.freeSockets), socket.destroyed));
      for (const path of ['/1', '/2', '/3']) await ask({ ...tools, agent }, path);
      const [[socket]] = Object.values(agent.freeSockets);
      const closed = new Promise((resolve) => socket.on('close', resolve));
      agent.destroy();
      await closed;
    },
  },
  'keepSocketAlive that says no': {
    server: [[HEAD_END, OK, 'ended', 'end']],
    async run(tools) {
      const agent = new tools.http.Agent({ keepAlive: true });
      agent.keepSocketAlive = () => false;
      const req = await ask({ ...tools, agent }, '/');
      tools.log(count(agent.freeSockets), req.socket.destroyed);
      agent.destroy();
    },
  },
  'a free connection fails': {
    server: [answers(1)],
    async run(tools) {
      const { socket } = await ask(tools, '/1');
      const closed = new Promise((resolve) => socket.on('close', resolve));
      socket.destroy(new Error('mine'));
      tools.log(await closed, count(tools.agent.freeSockets), tools.agent.totalSocketCount);
    },
  },
  'requests to other hosts wait for maxTotalSockets, too': {
    server: [[{ until: 'HTTP' }, HEAD_END, OK, 'ended', 'end']],
    async run(tools) {
      const agent = new tools.http.Agent({ maxTotalSockets: 1 });
      await Promise.all(['127.0.0.1', '127.0.0.2', '127.0.0.1'].map((host, i) => ask({ ...tools, host, agent, log() {} }, `/${i}`)));
      tools.log(count(agent.requests));
      agent.destroy();
    },
  },
  'an Agent-like object': asked(({ http }) => ({
    agent: { addRequest: (req, options) => req.onSocket(net.connect(options.port, options.host)), protocol: 'http:', defaultPort: http.globalAgent.defaultPort },
  })),
  'createConnection with a callback': asked(() => ({
    agent: undefined,
    createConnection(options, callback) {
      const socket = net.connect(options.port, options.host, () => callback(null, socket));
    },
  })),
  'createConnection that fails': refused((options, callback) => void callback(new Error('mine'))),
  'createConnection that throws': refused(() => {
    throw new Error('mine');
  }),
  'family': {
    server: [[HEAD_END, OK, 'end']],
    async run(tools) {
      const lookup = (name, options, callback) => {
        tools.log(name, options.family, options.all, options.hints === dns.ADDRCONFIG);
        if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
        else callback(null, '127.0.0.1', 4);
      };
      await ask({ ...tools, host: 'name.test' }, '/4', { family: 4, lookup });
      await ask({ ...tools, host: 'name.test' }, '/text', { family: 'IPv4', lookup, agent: false });
      await ask({ ...tools, host: 'name.test' }, '/hints', { hints: dns.V4MAPPED, lookup, agent: false });
      await ask({ ...tools, host: 'name.test' }, '/either', { family: 0, lookup, agent: false });
      await ask({ ...tools, host: 'name.test' }, '/one', { autoSelectFamily: false, lookup, agent: false });
      tools.log(Object.keys(tools.agent.freeSockets).map((name) => name.replace(/\d{4,}/, 'PORT')).join());
    },
  },
  'defaultPort and protocol': asked(({ port }) => ({ defaultPort: port, port: undefined, protocol: 'http:' })),
  'hostname before host': asked({ hostname: '127.0.0.1', host: 'name.test' }),
  'highWaterMark': {
    server: [[HEAD_END, OK, { until: 'body' }, HEAD_END, OK]],
    async run({ http, port, host, agent, log, until }) {
      const req = http.request({ port, host, agent, method: 'POST', highWaterMark: 10 });
      log(req.writableHighWaterMark, req.write('body'), req.write('more than ten'));
      req.on('socket', (socket) => log(req.writableHighWaterMark, socket.writableHighWaterMark));
      req.on('response', (res) => res.resume()).on('close', () => log('close'));
      req.end();
      await until('close');
    },
  },
  'cork and uncork': {
    server: [[{ until: '0\r\n\r\n' }, OK]],
    async run({ http, port, host, agent, log, until }) {
      const req = http.request({ port, host, agent, method: 'POST' });
      req.cork();
      req.write('a');
      req.write('b');
      log(req.writableCorked);
      process.nextTick(() => {
        req.uncork();
        req.end('c');
      });
      req.on('response', (res) => res.resume()).on('close', () => log('close'));
      await until('close');
    },
  },
  'callbacks of write() and end()': {
    server: [[{ until: '0\r\n\r\n' }, OK]],
    async run({ http, port, host, agent, log, until }) {
      const req = http.request({ port, host, agent, method: 'POST' });
      req.write('a', () => log('written'));
      req.end('b', () => log('ended'));
      req.on('response', (res) => res.resume()).on('close', () => log('close'));
      await until('close');
      await until('ended');
    },
  },
  'clearTimeout': {
    server: [[HEAD_END, OK]],
    async run({ http, port, host, agent, log, until }) {
      const req = http.request({ port, host, agent, timeout: 50 });
      req.clearTimeout();
      req.on('socket', (socket) => socket.on('connect', () => log(socket.timeout)));
      req.on('timeout', () => log('timeout'));
      req.on('response', (res) => res.resume()).on('close', () => log('close'));
      req.end();
      await until('close');
    },
  },
  'setGlobalProxyFromEnv': {
    server: [[HEAD_END, OK], [HEAD_END, OK]],
    async run(tools) {
      const { http, port } = tools;
      const before = http.globalAgent;
      tools.log(typeof http.setGlobalProxyFromEnv({}), http.globalAgent === before);
      const restore = http.setGlobalProxyFromEnv({ http_proxy: `http://u:p@127.0.0.1:${port}`, no_proxy: '127.0.0.1' });
      try {
        tools.log(http.globalAgent === before);
        await ask({ ...tools, host: 'name.test', agent: undefined }, '/proxied');
        await ask({ ...tools, agent: undefined }, '/direct');
        http.globalAgent.destroy();
      } finally {
        restore();
      }
      tools.log(http.globalAgent === before);
    },
  },
  'an invalid proxy': thrown((http) => http.setGlobalProxyFromEnv({ http_proxy: 'nonsense' })),
  'a proxy of the agent': {
    server: [[HEAD_END, OK], [HEAD_END, OK]],
    async run(tools) {
      const agent = new tools.http.Agent({ proxyEnv: { HTTP_PROXY: `http://127.0.0.1:${tools.port}`, NO_PROXY: '.direct.test,127.0.0.1' } });
      await ask({ ...tools, host: 'name.test', agent }, '/proxied?a=b', { headers: { A: 'b' } });
      await ask({ ...tools, agent }, '/direct');
      agent.destroy();
    },
  },
});
