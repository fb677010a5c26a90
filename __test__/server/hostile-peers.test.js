'use strict';

const net = require('node:net');
const { once } = require('node:events');
const turnout = require('../..');
const { program } = require('../support/child');
const { listening, closed } = require('../support/servers');

async function serve(listener) {
  const server = turnout.createServer(listener);
  await listening(server);
  return server;
}

async function ended(server) {
  server.closeAllConnections();
  await closed(server);
}

const GET = (path, fields = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;

describe('a pipeline', () => {
  let server;
  beforeEach(() => {
    server = null;
  });
  afterEach(() => server && ended(server));

  const send = (text) => {
    const socket = net.connect(server.address().port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(text);
    return socket;
  };

  async function answersTo(text) {
    const socket = send(text);
    let all = '';
    socket.setEncoding('latin1').on('data', (data) => (all += data));
    await once(socket, 'end');
    return all;
  }

  it('of 100,000 requests is answered whole and in order', async () => {
    server = await serve((req, res) => res.end(req.url));
    const N = 100_000;
    let text = '';
    for (let i = 1; i < N; i++) text += GET(`/${i}`);
    const all = await answersTo(text + GET('/last', 'Connection: close\r\n'));
    const urls = all.match(/\r\n\r\n\/\w+?(?=HTTP|$)/g).map((url) => url.slice(4));
    expect(urls.length).toBe(N);
    expect(urls.every((url, i) => url === (i === N - 1 ? '/last' : `/${i + 1}`))).toBe(true);
  });

  it('reaches the handlers though none of them answers, up to a thousand requests', async () => {
    const waiting = [];
    const full = new Promise((resolve) => {
      server = serve((req, res) => waiting.push(res) === 1000 && resolve());
    });
    server = await server;
    const socket = send(GET('/hold').repeat(1200));
    await full;
    let answers = 0;
    socket.setEncoding('latin1').on('data', (data) => (answers += data.split('HTTP/1.1 200').length - 1));
    // Each answer lets another request in.
    for (let i = 0; i < waiting.length; i++) {
      waiting[i].end();
      if (i === waiting.length - 1 && i < 1199) await once(server, 'request');
    }
    expect(waiting.length).toBe(1200);
  });

  it('that asks for more than its peer reads calls no handler beyond the burst', async () => {
    let calls = 0;
    const SIZE = 8 * 1024 ** 2;
    server = await serve((req, res) => {
      calls++;
      res.end(Buffer.alloc(SIZE));
    });
    const socket = send(GET('/large').repeat(200)).pause();
    await once(server, 'request');
    // Somebody else is served: the turn in which the rest of the packet would have been handled is over.
    for (let i = 0; i < 3; i++) expect(await answersTo(GET('/', 'Connection: close\r\n'))).toMatch(/^HTTP\/1.1 200/);
    expect(calls - 3).toBeLessThanOrEqual(16);
    let bytes = 0;
    socket.on('data', (data) => (bytes += data.length) > 40 * SIZE && socket.destroy());
    await once(socket.resume(), 'close');
    expect(calls - 3).toBeGreaterThan(16);
  });

  it('goes on after a handler that throws at the end of a burst', async () => {
    const { out, err } = await program(`
      const net = require('node:net');
      process.on('uncaughtException', ({ message }) => console.log(message));
      const server = http.createServer((req, res) => {
        res.end('x');
        if (req.url === '/16') throw new Error('sixteen');
      });
      server.listen(0, '127.0.0.1', () => {
        let text = '';
        for (let i = 1; i <= 40; i++) text += 'GET /' + i + ' HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n';
        const socket = net.connect(server.address().port, '127.0.0.1');
        socket.write(text + 'GET /last HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n');
        let all = '';
        socket.on('data', (data) => (all += data)).on('end', () => {
          console.log(all.split('HTTP/1.1 200').length - 1);
          server.close();
        });
      });`);
    expect(err).toBe('');
    expect(out).toBe('sixteen\n41\n');
  });

  it('keeps every write of a response that waits for its turn', async () => {
    const WRITES = 5000;
    let first;
    server = await serve(async (req, res) => {
      if (req.url === '/first') {
        first = res;
        return;
      }
      // Each in a turn of its own: what one tick writes leaves as one chunk.
      for (let i = 0; i < WRITES; i++) {
        res.write('x');
        await new Promise(setImmediate);
      }
      res.end();
      first.end('first');
    });
    const all = await answersTo(GET('/first') + GET('/second', 'Connection: close\r\n'));
    const [, second] = all.split('first');
    expect(second.match(/1\r\nx\r\n/g).length).toBe(WRITES);
    expect(second.endsWith('0\r\n\r\n')).toBe(true);
  });
});

describe('deadlines', () => {
  it('for another request do not cut a response that its peer is slow to read', async () => {
    const SIZE = 32 * 1024 ** 2;
    const server = turnout.createServer({ keepAliveTimeout: 40, keepAliveTimeoutBuffer: 0 }, (req, res) => res.end(Buffer.alloc(req.url === '/large' ? SIZE : 1)));
    await listening(server);
    const ask = (path) => {
      const socket = net.connect(server.address().port, '127.0.0.1');
      socket.write(GET(path));
      return socket;
    };
    const slow = ask('/large').pause();
    await once(server, 'request');
    // The time passes as others see it: they are closed because of it.
    for (let i = 0; i < 4; i++) await once(ask('/').resume(), 'close');
    let bytes = 0;
    slow.on('data', (data) => (bytes += data.length)).resume();
    // With everything read, the time begins.
    await once(slow, 'close');
    expect(bytes).toBeGreaterThan(SIZE);
    await ended(server);
  });

  it('that hundreds of connections miss together are told to each', async () => {
    const PEERS = 300;
    const server = turnout.createServer({ headersTimeout: 40, requestTimeout: 40, connectionsCheckingInterval: 20 });
    await listening(server);
    // On a busy machine a head may begin only after the deadline of its connection: it then gets one of its own.
    const late = new Set();
    server.prependListener('clientError', (error, socket) => {
      if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') late.add(socket);
      socket.end('HTTP/1.1 408 Request Timeout\r\n\r\n');
    });
    const answers = await Promise.all(
      Array.from({ length: PEERS }, async () => {
        const socket = net.connect(server.address().port, '127.0.0.1');
        socket.write('GET / HTTP/1.1\r\nHo');
        const [data] = await once(socket, 'data');
        socket.destroy();
        return data.latin1Slice(0, 12);
      }),
    );
    expect(answers.filter((answer) => answer === 'HTTP/1.1 408').length).toBe(PEERS);
    expect(late.size).toBe(PEERS);
    await ended(server);
  });
});
