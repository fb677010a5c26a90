'use strict';

/** The ways by which streams come to requests, and what becomes of requests when they come in unusual states. */

const net = require('node:net');
const { Duplex, PassThrough } = require('node:stream');
const { HEAD_END, OK, count } = require('../../support/client-asks');
const { parity } = require('../../support/parity');
const { quiet } = require('../../support/servers');

/** Logs the request, and what becomes of its stream. */
function watchAll({ log, watch }, req) {
  watch(req);
  req.once('socket', (stream) => {
    stream.on('close', () => log('stream close', stream.destroyed));
    stream.on('error', (error) => log('stream error', error.code, error.message));
  });
  return req;
}

/** A request for which nobody has a stream says 'error' alone. */
const closing = (req) =>
  new Promise((resolve) => {
    for (const event of ['close', 'error']) req.on(event, () => resolve(quiet()));
  });

/** A case of one request whose stream takes what is written as `write` says. */
const writingTo = (write) => ({
  async run(tools) {
    const stream = new Duplex({ read() {}, write });
    const req = watchAll(tools, tools.http.request({ method: 'POST', createConnection: () => stream }));
    req.write('one', (error) => tools.log('written', error?.message));
    req.end('two', (error) => tools.log('ended', error?.message));
    await closing(req);
  },
});

/** A case of one request that something in `options` brings a stream for. */
const brought = (options, steps = [HEAD_END, OK, 'ended', 'end'], act = (req) => req.end()) => ({
  server: [steps],
  async run(tools) {
    const { http, port, host, log } = tools;
    let req;
    try {
      req = watchAll(tools, http.request({ port, host, path: '/a', ...options(tools) }));
    } catch (error) {
      log('threw', error.code, error.message);
      return;
    }
    const over = closing(req);
    act(req, tools);
    await over;
    log(req.reusedSocket, req.destroyed, req.socket?.destroyed);
  },
});

/** Two ends of nothing: what is written to one is read from the other. */
function pair(options) {
  const make = () => {
    let done = null;
    const end = new Duplex({
      ...options,
      read() {
        const taken = done;
        done = null;
        taken?.();
      },
      write(chunk, encoding, callback) {
        if (end.other.push(chunk)) callback();
        else end.other.hold(callback);
      },
      final(callback) {
        end.other.push(null);
        callback();
      },
    });
    end.hold = (callback) => {
      done = callback;
    };
    return end;
  };
  const [one, other] = [make(), make()];
  one.other = other;
  other.other = one;
  return [one, other];
}

/** A peer that is no socket. @param {(end: Duplex, text: string) => void} answer to the head of a request, once */
const paired = (answer, act, options) => ({
  async run(tools) {
    const { http, log, until } = tools;
    const [near, far] = pair(options);
    let text = '';
    let isAnswered = false;
    far.on('data', (chunk) => {
      text += chunk;
      if (isAnswered || !text.includes('\r\n\r\n')) return;
      isAnswered = true;
      answer(far, text, tools);
    });
    far.on('end', () => {
      log('far end');
      far.end();
    });
    far.on('error', (error) => log('far error', error.message));
    const req = watchAll(tools, http.request({ host: 'a.test', createConnection: () => near, method: act ? 'POST' : 'GET' }));
    const over = closing(req);
    if (act) act(req, { ...tools, near, far });
    else req.end();
    await over;
    await until('req close');
    log(JSON.stringify(text.length > 300 ? `${text.slice(0, 100)} ${text.length}` : text));
  },
});

/** An agent that knows only how requests are added. */
const adding = (add) => (tools) => ({
  agent: new (class extends tools.http.Agent {
    addRequest(req, options) {
      tools.log('addRequest', options.host, options.port, options.path);
      add(req, tools);
    }
  })({ keepAlive: true }),
});

class Pool {
  defaultPort = 80;
  protocol = 'http:';
  constructor(add) {
    this.addRequest = add;
  }
}

parity(__filename, {
  'createConnection that calls back': brought(({ port, host }) => ({
    createConnection(options, done) {
      const socket = net.connect(port, host, () => done(null, socket));
    },
  })),
  'createConnection that returns and calls back': brought(({ port, host, log }) => ({
    createConnection(options, done) {
      const socket = net.connect(port, host);
      setImmediate(() => {
        done(null, new PassThrough());
        done(new Error('late'));
        log('called back');
      });
      return socket;
    },
  })),
  'createConnection that calls back at once': brought(({ port, host }) => ({
    createConnection: (options, done) => void done(null, net.connect(port, host)),
  })),
  'createConnection that calls back twice, with an error first': brought(({ port, host }) => ({
    createConnection(options, done) {
      done(new Error('mine'));
      done(null, net.connect(port, host));
    },
  }), []),
  'createConnection that brings nothing': brought(() => ({ createConnection: (options, done) => void setImmediate(done, new Error('nothing')) }), []),
  'createConnection that throws': brought(() => ({
    createConnection() {
      throw new Error('mine');
    },
  }), []),
  'createConnection of an agent that throws': brought(({ http }) => ({
    agent: new (class extends http.Agent {
      createConnection() {
        throw new Error('mine');
      }
    })(),
  }), []),
  'createConnection of an agent that calls back with an error': brought(({ http }) => ({
    agent: new (class extends http.Agent {
      createConnection(options, done) {
        setImmediate(done, new Error('mine'));
      }
    })(),
  }), []),
  'createConnection with a signal that aborts': {
    server: [[HEAD_END]],
    async run(tools) {
      const { http, port, host, until } = tools;
      const controller = new AbortController();
      const createConnection = ({ signal }) => net.connect({ port, host, signal });
      const req = watchAll(tools, http.request({ port, host, createConnection, signal: controller.signal }));
      const over = closing(req);
      req.end();
      until('req finish').then(() => controller.abort());
      await over;
    },
  },
  'createConnection with a signal that has aborted': brought(({ port, host }) => ({ signal: AbortSignal.abort(), createConnection: () => net.connect(port, host) }), []),
  'a stream that comes after the request has been destroyed': {
    server: [['ended']],
    async run(tools) {
      const { http, port, host, log } = tools;
      const socket = net.connect(port, host);
      socket.on('close', () => log('stream close'));
      const req = watchAll(tools, http.request({ port, host, createConnection: (options, done) => void setTimeout(done, 20, null, socket) }));
      req.destroy();
      log('destroyed');
      await tools.until('stream close');
      await tools.until('req close');
    },
  },
  'a stream that has been destroyed': brought(({ port, host }) => ({
    createConnection() {
      const socket = net.connect(port, host);
      socket.destroy();
      return socket;
    },
  }), []),
  'a stream that has closed': {
    async run(tools) {
      const { http, log } = tools;
      const stream = new PassThrough();
      stream.destroy();
      await new Promise((resolve) => stream.on('close', resolve));
      const req = tools.watch(http.request({ createConnection: () => stream }));
      req.end();
      await quiet();
      log(req.destroyed, req.closed);
    },
  },
  'a stream that has ended': brought(() => ({
    createConnection() {
      const stream = new PassThrough();
      stream.end();
      stream.resume();
      return stream;
    },
  }), []),
  'an agent that only adds requests': brought(adding((req, { port, host }) => req.onSocket(net.connect(port, host)))),
  'an agent that adds them later': brought(adding((req, { port, host }) => {
    const socket = net.connect(port, host, () => req.onSocket(socket));
  })),
  'an agent that has none': brought(adding((req) => req.onSocket(null, new Error('mine'))), []),
  'an agent that has none, and a stream to destroy': brought(adding((req, { port, host }) => req.onSocket(net.connect(port, host), new Error('mine'))), []),
  'an object that adds requests': brought(({ port, host }) => ({ agent: new Pool((req) => req.onSocket(net.connect(port, host))) })),
  'an agent that only makes sockets': brought(({ http, port, host, log }) => ({
    agent: new (class extends http.Agent {
      createSocket(req, options, done) {
        log('createSocket', options.port, options.host, options._agentKey, options.path);
        done(null, net.connect(port, host));
      }
    })({ keepAlive: true }),
  }), [HEAD_END, OK, 'end', 'ended']),
  'an agent that keeps no socket alive': {
    server: [[HEAD_END, OK, 'ended', 'end']],
    async run(tools) {
      const { http, port, host, log } = tools;
      const agent = new (class extends http.Agent {
        keepSocketAlive(socket) {
          log('keepSocketAlive', socket.destroyed);
          return false;
        }
        createConnection() {
          return net.connect(port, host);
        }
      })({ keepAlive: true });
      const req = watchAll(tools, http.get({ port, host, agent }));
      await tools.until('stream close');
      log(count(agent.freeSockets), agent.totalSocketCount, req.destroyed);
    },
  },
  'a socket among the free ones': {
    server: [[{ until: '/a' }, OK]],
    async run(tools) {
      const { http, port, host, agent, log } = tools;
      const socket = net.connect(port, host);
      await new Promise((resolve) => socket.on('connect', resolve));
      agent.freeSockets[agent.getName({ host, port })] = [socket];
      const req = watchAll(tools, http.get({ port, host, agent, path: '/a' }));
      await closing(req);
      log(req.reusedSocket, req.socket === socket, count(agent.freeSockets), count(agent.sockets));
      socket.destroy();
    },
  },
  'a stream with bytes in it': {
    async run(tools) {
      const stream = new Duplex({ read() {}, write: (chunk, encoding, done) => done(), final: (done) => void stream.destroy(null, done) });
      stream.push(OK);
      const req = watchAll(tools, tools.http.get({ createConnection: () => stream }));
      await closing(req);
    },
  },
  'a stream with bytes in it, and its end': {
    async run(tools) {
      const stream = new Duplex({ read() {}, write: (chunk, encoding, done) => done() });
      stream.push(OK);
      stream.push(null);
      const req = watchAll(tools, tools.http.get({ createConnection: () => stream }));
      await closing(req);
    },
  },
  'a stream with small buffers': paired((far) => {
    far.write(`HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n${'b'.repeat(40)}`);
  }, (req, { log }) => {
    log(req.write('a'.repeat(100)), req.writableLength > 0);
    req.on('drain', () => log('drained'));
    req.end('end');
  }, { highWaterMark: 8 }),
  'a peer that is no socket': paired((far) => far.write(OK)),
  'a peer that ends': paired((far) => far.end(OK)),
  'a peer that answers twice in a piece': paired((far) => far.write(OK + OK)),
  'a peer that answers within the write': paired((far) => far.write(OK), (req) => {
    req.on('socket', () => req.removeAllListeners('drain'));
    req.end('body');
  }),
  'a stream that fails to write': writingTo((chunk, encoding, done) => done(new Error('no write'))),
  'a stream that fails later': writingTo((chunk, encoding, done) => void setImmediate(done, new Error('no write'))),
  'a stream that closes without an end': {
    async run(tools) {
      const stream = new Duplex({ read() {}, write: (chunk, encoding, done) => done() });
      const req = watchAll(tools, tools.http.get({ createConnection: () => stream }));
      const over = closing(req);
      await tools.until('req finish');
      stream.push('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc');
      await tools.until('response');
      stream.destroy();
      await over;
    },
  },
  'a stream that fails in the midst of a response': {
    async run(tools) {
      const stream = new Duplex({ read() {}, write: (chunk, encoding, done) => done() });
      const req = watchAll(tools, tools.http.get({ createConnection: () => stream }));
      const over = closing(req);
      await tools.until('req finish');
      stream.push('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc');
      await tools.until('response');
      stream.destroy(new Error('mine'));
      await over;
    },
  },
  'a timeout of the request': brought(({ port, host }) => ({ timeout: 30, createConnection: () => net.connect(port, host) }), [HEAD_END], (req, { log }) => {
    req.on('timeout', () => {
      log('timed out', req.socket.timeout);
      req.destroy();
    });
    req.on('socket', (socket) => socket.setTimeout(30));
    req.end();
  }),
  'setTimeout of the request': brought(({ port, host }) => ({ createConnection: () => net.connect(port, host) }), [HEAD_END], (req, { log }) => {
    req.setTimeout(30, () => {
      log('timed out', req.socket.timeout);
      req.destroy();
    });
    req.end();
  }),
  'a timeout of the response': brought(({ port, host }) => ({ createConnection: () => net.connect(port, host) }), [HEAD_END, 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'], (req, { log }) => {
    req.on('response', (res) => res.setTimeout(30, () => {
      log('timed out', req.socket.timeout);
      req.destroy();
    }));
    req.end();
  }),
  'methods of sockets': brought(({ port, host, log }) => ({
    createConnection() {
      const socket = net.connect(port, host);
      for (const name of ['setNoDelay', 'setKeepAlive']) socket[name] = (...args) => log(name, ...args);
      return socket;
    },
  }), undefined, (req) => {
    req.setNoDelay(true);
    req.setSocketKeepAlive(true, 5);
    req.end();
  }),
  'corked': brought(({ port, host }) => ({ method: 'POST', createConnection: () => net.connect(port, host) }), [{ until: '0\r\n\r\n' }, OK, 'ended', 'end'], (req, { log }) => {
    req.cork();
    req.write('one');
    req.write('two');
    log(req.writableCorked);
    req.uncork();
    req.end();
  }),
  'the stream is written to by the program': brought(({ port, host }) => ({ createConnection: () => net.connect(port, host) }), undefined, (req) => {
    req.on('socket', (socket) => socket.write('PROXY x\r\n'));
    req.end();
  }),
  'a body nobody reads': {
    server: [[HEAD_END, `HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n${'b'.repeat(3_000_000)}`, 'ended', 'end']],
    async run(tools) {
      const { http, port, host, log } = tools;
      const req = tools.watch(http.get({ port, host, createConnection: () => net.connect(port, host) }), { data: false });
      const res = await new Promise((resolve) => req.on('response', resolve));
      await quiet();
      const kept = req.socket.bytesRead;
      log(kept < 1_000_000, req.socket.isPaused(), req.socket.readableFlowing);
      let bytes = 0;
      for await (const chunk of res) bytes += chunk.length;
      log(bytes, req.socket.isPaused());
      await tools.until('req close');
    },
  },
  'pipe() and pause()': {
    server: [[HEAD_END, 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc', { log: 'paused' }, 'def', 'ended', 'end']],
    async run(tools) {
      const { http, port, host, log } = tools;
      const req = tools.watch(http.get({ port, host, createConnection: () => net.connect(port, host) }), { data: false });
      req.on('response', (res) => {
        res.once('data', (chunk) => {
          log('data', chunk);
          res.pause();
          log('paused');
          setTimeout(() => {
            res.on('data', (more) => log('more', more));
            res.resume();
          }, 20);
        });
      });
      await tools.until('req close');
    },
  },
  'a tunnel, and a request in it': {
    server: [[{ until: 'CONNECT' }, 'HTTP/1.1 200 OK\r\n\r\n', { until: '/in' }, OK, { until: '/again' }, OK, 'ended', 'end']],
    async run(tools) {
      const { http, port, host, log } = tools;
      const outer = tools.watch(http.request({ port, host, method: 'CONNECT', path: 'a.test:80' }));
      outer.end();
      const socket = await new Promise((resolve) => outer.on('connect', (res, one) => resolve(one)));
      const agent = new (class extends http.Agent {
        createConnection() {
          return socket;
        }
      })({ keepAlive: true });
      for (const path of ['/in', '/again']) {
        const req = watchAll(tools, http.get({ host: 'a.test', path, agent }));
        await closing(req);
        log(req.reusedSocket, req.socket === socket, socket.listenerCount('data'), socket.listenerCount('end'));
      }
      agent.destroy();
      await tools.until('stream close', 2);
    },
  },
  'an upgraded stream speaks HTTP': {
    server: [[{ until: '/up' }, 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n', { until: '/in' }, OK, 'ended', 'end']],
    async run(tools) {
      const { http, port, host, log } = tools;
      const outer = tools.watch(http.get({ port, host, path: '/up', createConnection: () => net.connect(port, host), headers: { Connection: 'Upgrade', Upgrade: 'x' } }));
      const socket = await new Promise((resolve) => outer.on('upgrade', (res, one) => resolve(one)));
      const req = watchAll(tools, http.get({ host: 'a.test', path: '/in', createConnection: () => socket }));
      await closing(req);
      log(req.socket === socket);
    },
  },
});
