'use strict';

/**
 * Connections of a server of ours that somebody else gets: servers of other protocols, who has taken the server's own listener of 'connection' off, a
 * program that waits. What node:http shows as well is in parity/server/given-sockets.test.js.
 */

const diagnostics = require('node:diagnostics_channel');
const { once } = require('node:events');
const http2 = require('node:http2');
const https = require('node:https');
const net = require('node:net');
const nodeHttp = require('node:http');
const tls = require('node:tls');
const turnout = require('../..');
const { connectionOf } = require('../../lib/connection/socket');
const certificate = require('../support/certificate');
const { run } = require('../support/child');
const { listening, closed, until } = require('../support/servers');

const get = (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

/** A raw peer whose `heard` is what it has read. */
function dial(port, text = '') {
  const peer = net.connect(port, '127.0.0.1');
  peer.heard = '';
  peer.setEncoding('latin1').on('data', (chunk) => (peer.heard += chunk));
  peer.on('error', () => {});
  if (text) peer.write(text);
  return peer;
}
const hears = (peer, text) => until(() => peer.heard.includes(text));

/** Takes the server's own listener off. @return {Function} it */
function takeOff(server) {
  const [own] = server.listeners('connection');
  server.removeListener('connection', own);
  return own;
}

/** A server whose requests are noted. */
function noting(seen, options = {}) {
  return turnout.createServer(options, (req, res) => {
    seen.push(req.url);
    res.end(`${req.url}.`);
  });
}

/** What a client of each protocol gets from a server to which connections are given. */
const PROTOCOLS = {
  tls: {
    server: () => tls.createServer(certificate, (socket) => socket.on('error', () => {}).end('over TLS')),
    async ask(port) {
      const client = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
      let text = '';
      for await (const chunk of client.setEncoding('utf8')) text += chunk;
      return text;
    },
    answer: 'over TLS',
  },
  https: {
    server: () => https.createServer(certificate, (req, res) => res.end(`https ${req.url}`)),
    async ask(port) {
      const req = https.get({ port, host: '127.0.0.1', path: '/s', rejectUnauthorized: false, agent: false });
      const [res] = await once(req, 'response');
      let text = '';
      for await (const chunk of res.setEncoding('utf8')) text += chunk;
      return text;
    },
    answer: 'https /s',
  },
  http2: {
    server: () => http2.createServer((req, res) => res.end(`http2 ${req.url}`)),
    async ask(port) {
      const client = http2.connect(`http://127.0.0.1:${port}`);
      const stream = client.request({ ':path': '/2' });
      let text = '';
      for await (const chunk of stream.setEncoding('utf8')) text += chunk;
      client.destroy();
      return text;
    },
    answer: 'http2 /2',
  },
  'node:http': {
    server: () => nodeHttp.createServer((req, res) => res.end(`node ${req.url}`)),
    async ask(port) {
      const peer = dial(port, get('/1'));
      await hears(peer, 'node /1');
      peer.write(get('/2'));
      await hears(peer, 'node /2');
      peer.destroy();
      return peer.heard.match(/HTTP\/1.1 200/g).join();
    },
    answer: 'HTTP/1.1 200,HTTP/1.1 200',
  },
  net: {
    server: () => net.createServer((socket) => socket.on('end', () => socket.end()).on('data', (chunk) => socket.write(`echo ${chunk.length}`))),
    async ask(port) {
      const peer = dial(port, get('/1'));
      await hears(peer, 'echo 28');
      peer.end();
      await once(peer, 'close');
      return peer.heard;
    },
    answer: 'echo 28',
  },
};

describe('a connection that is given to another server', () => {
  /** How it is given; whom to is not always asked. */
  const WAYS = {
    'by who has taken the own listener off': { give: (server, act) => takeOff(server) && server.on('connection', act), to: Object.keys(PROTOCOLS) },
    "by a listener before the server's own": { give: (server, act) => server.prependListener('connection', act), to: ['tls', 'https', 'http2', 'node:http'] },
    "by a listener after the server's own": { give: (server, act) => server.on('connection', act), to: ['tls', 'https', 'http2'] },
  };
  for (const [way, { give, to }] of Object.entries(WAYS)) {
    it.each(to)(`${way}: %s has it alone`, async (protocol) => {
      const { server: create, ask, answer } = PROTOCOLS[protocol];
      const seen = [];
      const server = noting(seen).on('clientError', (error) => seen.push(error.code));
      const other = create();
      const sockets = [];
      give(server, (socket) => {
        sockets.push(socket.on('error', () => {}));
        other.emit('connection', socket);
      });
      const port = await listening(server);
      expect(await ask(port)).toBe(answer);
      expect(seen).toEqual([]);
      for (const socket of sockets) socket.destroy();
      await closed(server);
    });
  }

  it("is nobody's but the first server's when it is given to node:http after that", async () => {
    const seen = [];
    const server = noting(seen);
    const other = nodeHttp.createServer((req, res) => {
      seen.push('other');
      res.end();
    });
    server.on('connection', (socket) => other.emit('connection', socket));
    const peer = dial(await listening(server), get('/1'));
    await hears(peer, '/1.');
    peer.write(get('/2'));
    await hears(peer, '/2.');
    expect(seen).toEqual(['/1', '/2']);
    expect(peer.heard.match(/HTTP\/1.1/g)).toHaveLength(2);
    peer.destroy();
    await closed(server);
  });

  it('is heard by a net.Server, too, that gets it beside HTTP, which answers once', async () => {
    const seen = [];
    const server = noting(seen);
    let bytes = 0;
    const other = net.createServer((socket) => socket.on('data', (chunk) => (bytes += chunk.length)));
    server.on('connection', (socket) => other.emit('connection', socket));
    const peer = dial(await listening(server), get('/1'));
    await hears(peer, '/1.');
    expect([seen, bytes]).toEqual([['/1'], 28]);
    peer.destroy();
    await closed(server);
  });

  it('is no HTTP any more when TLS is spoken on it in the midst of it', async () => {
    const server = turnout.createServer((req, res) => {
      const secure = new tls.TLSSocket(req.socket, { isServer: true, ...certificate });
      secure.on('error', () => {}).end('over TLS');
      // The answer is HTTP still, and what the peer says to it is not.
      res.end('go on');
    });
    const peer = net.connect(await listening(server), '127.0.0.1');
    peer.write(get('/'));
    let text = '';
    while (!text.includes('go on')) text += (await once(peer, 'data'))[0];
    const secure = tls.connect({ socket: peer, rejectUnauthorized: false });
    let heard = '';
    for await (const chunk of secure.setEncoding('utf8')) heard += chunk;
    expect(heard).toBe('over TLS');
    server.closeAllConnections();
    peer.destroy();
    await closed(server);
  });
});

describe("a server whose own listener of 'connection' was taken off", () => {
  it('answers nobody, and waits for the connections that it has', async () => {
    const seen = [];
    const server = noting(seen);
    server.removeAllListeners('connection');
    let made = null;
    const note = ({ socket }) => (made = socket);
    diagnostics.subscribe('net.server.socket', note);
    const watched = turnout.createServer((req, res) => res.end('watched'));
    const peer = dial(await listening(server), get('/'));
    const count = () => new Promise((resolve) => server.getConnections((error, n) => resolve(n)));
    await until(() => made !== null);
    diagnostics.unsubscribe('net.server.socket', note);
    // A round trip on another connection: by then this one would have been answered.
    const other = dial(await listening(watched), get('/'));
    await hears(other, 'watched');
    server.closeAllConnections();
    expect([seen, peer.heard, await count()]).toEqual([[], '', 1]);
    const over = closed(server);
    made.on('close', () => seen.push('gone')).destroy();
    await over;
    await once(peer, 'close');
    other.destroy();
    await closed(watched);
    expect(seen).toEqual(['gone']);
  });

  it.each([
    ['on()', (server, act) => server.on('connection', act), '/1.'],
    ['removeListener()', (server, act) => takeOff(server) && server.on('connection', act), 'plain'],
    ['removeAllListeners() of the event', (server, act) => server.removeAllListeners('connection').on('connection', act), 'plain'],
    ['removeAllListeners() of all', (server, act) => server.removeAllListeners().on('connection', act), 'plain'],
    ['off() and prependListener()', (server, act) => server.off('connection', server.listeners('connection')[0]).prependListener('connection', act), 'plain'],
  ])('hears of it by %s when it listens already, before the first connection', async (name, change, answer) => {
    const server = noting([]);
    const port = await listening(server);
    change(server, (socket) => {
      const { intake } = connectionOf(socket);
      // Nothing has been read.
      expect([socket.bytesRead, intake.had]).toEqual([0, 0]);
      if (answer === 'plain') socket.once('data', () => socket.end('plain'));
    });
    const peer = dial(port, get('/1'));
    await hears(peer, answer);
    peer.destroy();
    await closed(server);
  });

  it('speaks no HTTP behind the back of who has taken it off when bytes were parsed before the engine knew', async () => {
    const seen = [];
    const server = noting(seen);
    const port = await listening(server);
    // By a way that the server does not see.
    const { on, removeListener } = Object.getPrototypeOf(net.Server.prototype);
    removeListener.call(server, 'connection', server.listeners('connection')[0]);
    on.call(server, 'connection', (socket) => socket.once('data', () => socket.end('plain')));
    const first = dial(port, get('/1'));
    await until(() => first.heard !== '' || first.closed);
    expect([seen, ['', 'plain'].includes(first.heard)]).toEqual([[], true]);
    const second = dial(port, get('/2'));
    await hears(second, 'plain');
    first.destroy();
    second.destroy();
    await closed(server);
  });

  it.each([
    ['on the object', (server, keep) => {
      const { emit } = server;
      server.emit = (...args) => (args[0] === 'connection' ? keep(args[1]) : emit.apply(server, args));
      return server;
    }],
    ['in a class', (server, keep) => {
      class Keeping extends turnout.Server {
        emit(...args) {
          return args[0] === 'connection' ? keep(args[1]) : super.emit(...args);
        }
      }
      return new Keeping((req, res) => res.end('answered'));
    }],
  ])('is one whose emit() keeps the event from it, too: %s', async (name, change) => {
    const server = change(turnout.createServer((req, res) => res.end('answered')), (socket) => socket.once('data', (chunk) => socket.end(`kept ${chunk.length}`)));
    const peer = dial(await listening(server), get('/1'));
    await hears(peer, 'kept 28');
    await once(peer, 'close');
    expect(peer.heard).toBe('kept 28');
    await closed(server);
  });

  it('leaves the socket plain when a listener ahead of it throws', async () => {
    const { out } = await run([
      '-e',
      `const server = require('.').createServer((req, res) => res.end('answered'));
       const net = require('node:net');
       process.on('uncaughtException', (error) => console.log(error.message));
       server.prependListener('connection', (socket) => {
         socket.once('data', (chunk) => socket.end('plain'));
         throw new Error('thrown');
       });
       server.listen(0, '127.0.0.1', () => {
         const peer = net.connect(server.address().port, '127.0.0.1');
         peer.write('GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n');
         peer.on('data', (chunk) => console.log(String(chunk)));
         peer.on('close', () => server.close());
       });`,
    ]);
    expect(out.trim().split('\n')).toEqual(['thrown', 'plain']);
  });

  it('lets no limit of time count before HTTP begins, and each of them from then on', async () => {
    const expired = [];
    const server = noting([], { headersTimeout: 40, requestTimeout: 40, connectionsCheckingInterval: 10 });
    const own = takeOff(server);
    const sockets = [];
    server.on('connection', (socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      // The second one is the clock: its limit passes after that of the first would have.
      if (sockets.length === 2) own.call(server, socket);
    });
    server.on('clientError', (error, socket) => {
      expired.push([error.code, sockets.indexOf(socket)]);
      socket.destroy();
    });
    const port = await listening(server);
    const first = dial(port);
    await until(() => sockets.length === 1);
    const second = dial(port);
    await until(() => expired.length === 1);
    expect([expired, sockets[0].destroyed]).toEqual([[['ERR_HTTP_REQUEST_TIMEOUT', 1]], false]);
    own.call(server, sockets[0]);
    await until(() => expired.length === 2);
    expect(expired[1]).toEqual(['ERR_HTTP_REQUEST_TIMEOUT', 0]);
    first.destroy();
    second.destroy();
    await closed(server);
  });

  it('has the parser read by itself again once what came before HTTP has been parsed', async () => {
    const server = noting([]);
    const own = takeOff(server);
    let intake;
    server.on('connection', (socket) => {
      ({ intake } = connectionOf(socket));
      socket.once('data', (chunk) => {
        socket.unshift(chunk.subarray(1));
        own.call(server, socket);
        expect(intake.tapped).toBe(true);
      });
    });
    const peer = dial(await listening(server), `!${get('/1')}`);
    await hears(peer, '/1.');
    expect(intake.tapped).toBe(false);
    const { had } = intake;
    for (let i = 2; i < 5; i++) {
      peer.write(get(`/${i}`));
      await hears(peer, `/${i}.`);
    }
    // What the first request's answer found on its way may have come through JavaScript, nothing after that.
    expect(intake.had).toBe(had);
    peer.destroy();
    await closed(server);
  });

  it('keeps the order of what comes while reading changes hands', async () => {
    const seen = [];
    const server = noting(seen);
    const own = takeOff(server);
    server.on('connection', (socket) =>
      socket.once('readable', () => {
        setImmediate(() => own.call(server, socket));
      }),
    );
    const peer = dial(await listening(server));
    peer.setNoDelay(true);
    const paths = Array.from({ length: 400 }, (_, i) => `/${i}`);
    const text = paths.map(get).join('');
    // In pieces that come all the while, and end anywhere.
    for (let at = 0; at < text.length; at += 97) {
      peer.write(text.slice(at, at + 97));
      if (at % 5 === 0) await new Promise(setImmediate);
    }
    await hears(peer, '/399.');
    expect(seen).toEqual(paths);
    peer.destroy();
    await closed(server);
  });

  it('gives a plain socket its backpressure, both ways', async () => {
    const SIZE = 4 * 1024 * 1024;
    const server = noting([]);
    takeOff(server);
    let socket = null;
    server.on('connection', (made) => (socket = made.on('error', () => {})));
    const port = await listening(server);
    const peer = net.connect(port, '127.0.0.1');
    const sent = Buffer.alloc(SIZE, 'x');
    peer.write(sent);
    await until(() => socket !== null && socket.readableLength >= socket.readableHighWaterMark);
    // Nobody reads: what comes after that stays with the peer, but for the engine's window and a read.
    const most = 3 * 128 * 1024;
    expect(socket.bytesRead).toBeLessThan(most);
    let came = 0;
    peer.on('data', (chunk) => (came += chunk.length));
    socket.pipe(socket);
    await until(() => came === SIZE);
    peer.end();
    await once(peer, 'close');
    await closed(server);
  });
});
