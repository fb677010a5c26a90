'use strict';

// Streams that a server is given (`emit('connection', stream)`), at their ends: what they say after it, and that their peer's is heard.

const net = require('node:net');
const { Duplex } = require('node:stream');
const { EventEmitter, once } = require('node:events');
const { _connectionListener, createServer } = require('../..');
const { until } = require('../support/servers');

/** A Duplex whose peer is the test: `brings()` is what it reads, `wrote` what it was told to write. */
class Line extends Duplex {
  wrote = '';

  brings(text) {
    this.push(text);
  }

  _read() {}

  _write(chunk, encoding, done) {
    this.wrote += chunk.toString('latin1');
    setImmediate(done);
  }
}

const get = (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const rounds = async (count) => {
  for (let n = 0; n < count; n++) await new Promise(setImmediate);
};

/** @return {{server: object, line: Line}} a server that is given a stream, and keeps the responses to `/later` */
function given(options, kept = [], Kind = Line) {
  const server = createServer((req, res) => {
    if (req.url === '/later') kept.push(res);
    else res.end('answer');
  });
  const line = new Kind(options);
  server.emit('connection', line);
  return { server, line };
}

describe('a stream that a server is given', () => {
  it('may push and fail when it has closed', async () => {
    const { server, line } = given();
    const told = [];
    server.on('request', (req) => told.push(req.url));
    server.on('clientError', ({ code }) => told.push(code));
    line.brings(get('/'));
    await rounds(4);
    line.destroy();
    await once(line, 'close');
    line.emit('data', Buffer.from(get('/nobody')));
    line.emit('pause');
    line.emit('resume');
    line.emit('drain');
    line.emit('end');
    line.emit('timeout');
    line.emit('error', Object.assign(new Error('late'), { code: 'LATE' }));
    expect(told).toEqual(['/']);
  });

  it('is ended when its peer has ended, though an answer waits for one that has not come', async () => {
    const { line } = given({ writableHighWaterMark: 1 });
    line.brings(get('/later') + get('/'));
    await rounds(4);
    line.brings(null);
    await once(line, 'finish');
    expect(line.wrote).toBe('');
  });

  it('is not resumed by an answer when its program has paused it', async () => {
    const { server, line } = given({ writableHighWaterMark: 1 });
    const told = [];
    server.on('request', (req) => {
      told.push(req.url);
      // When the request is over: until then node:http reads on all the same.
      setImmediate(() => req.socket.pause());
    });
    line.brings(get('/'));
    await rounds(8);
    line.brings(get('/paused'));
    await rounds(8);
    expect([told, line.isPaused()]).toEqual([['/'], true]);
    line.resume();
    await rounds(8);
    expect(told).toEqual(['/', '/paused']);
    line.destroy();
  });

  it('flows again at the end of the message in which its program has paused it', async () => {
    const { server, line } = given();
    const told = [];
    server.on('request', (req) => {
      told.push(req.url);
      req.socket.pause();
    });
    line.brings(get('/'));
    await rounds(8);
    line.brings(get('/2'));
    await rounds(8);
    expect([told, line.isPaused()]).toEqual([['/', '/2'], false]);
    line.destroy();
  });

  it('is given up on when it never brings a byte', async () => {
    // Nothing that went before wakes the engine.
    await rounds(4);
    const server = createServer({ headersTimeout: 30, requestTimeout: 60, connectionsCheckingInterval: 10 });
    const line = new Line();
    const told = [];
    server.on('clientError', ({ code }, stream) => {
      told.push([code, stream === line]);
      stream.destroy();
    });
    const began = performance.now();
    server.emit('connection', line);
    await until(() => line.closed);
    expect(told).toEqual([['ERR_HTTP_REQUEST_TIMEOUT', true]]);
    // Not only when the limit of a stream before it, which are seconds, lets the engine look.
    expect(performance.now() - began).toBeLessThan(3000);
  });
});

describe('a given stream that is upgraded while it takes no more answers', () => {
  const connect = 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n';

  /** What is written to it has left some rounds of the loop later. */
  class SlowLine extends Line {
    _write(chunk, encoding, done) {
      this.wrote += chunk.toString('latin1');
      rounds(4).then(() => done());
    }
  }

  /** @return {Promise<{ line: Line, heard: string[] }>} what was heard of a stream whose program ends it when its peer has, or at once */
  async function connected(text, endsAtOnce = false) {
    const { server, line } = given({ writableHighWaterMark: 1 }, [], SlowLine);
    const heard = [];
    line.on('pause', () => heard.push('pause'));
    server.on('connect', (req, stream) => {
      stream.on('data', (data) => heard.push(String(data)));
      stream.on('end', () => {
        heard.push('end');
        stream.end();
      });
      if (endsAtOnce) stream.end();
    });
    line.brings(text);
    await rounds(1);
    line.brings(null);
    await once(line, 'close');
    return { line, heard };
  }

  it('has its answers written before its program hears that the peer has ended', async () => {
    const { line, heard } = await connected(`${get('/')}${get('/')}${connect}`);
    expect(line.wrote.match(/answer/g)).toHaveLength(2);
    expect(heard.at(-1)).toBe('end');
    expect(line.eventNames()).not.toContain('resume');
  });

  it('is not paused for an answer that has been written', async () => {
    const { line, heard } = await connected(`${get('/')}${connect}`);
    expect(line.wrote).toMatch(/answer$/);
    expect(heard).toEqual(['end']);
  });

  it('goes on when its program has ended it', async () => {
    const { heard } = await connected(`${get('/')}${get('/')}${get('/')}${connect}`, true);
    expect(heard).toContain('end');
  });
});

describe('messages on a given stream', () => {
  it.each([createServer, require('node:http').createServer])('have its high-water marks, each its own direction', async (create) => {
    const line = new Line({ readableHighWaterMark: 7, writableHighWaterMark: 9 });
    const marks = [];
    const server = create((req, res) => marks.push(req.readableHighWaterMark, res.writableHighWaterMark));
    server.emit('connection', line);
    line.brings('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n');
    await rounds(2);
    expect(marks).toEqual([7, 9]);
    line.destroy();
  });
});

describe('garbage behind the last request of a socket that a server is given', () => {
  it.each([createServer, require('node:http').createServer])('is told though the answer that closes has been written', async (create) => {
    const told = [];
    const server = create((req, res) => res.end('answer'));
    server.on('clientError', ({ code }, socket) => {
      told.push(code);
      socket.destroy();
    });
    const front = net.createServer((socket) => server.emit('connection', socket));
    await once(front.listen(0, '127.0.0.1'), 'listening');
    const peer = net.connect(front.address().port, '127.0.0.1');
    peer.on('error', () => {}).resume();
    peer.write('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhelloGARBAGE');
    await once(peer, 'close');
    front.close();
    expect(told).toEqual(['HPE_CLOSED_CONNECTION']);
  });
});

describe('a given stream that ends amid a request while it takes no more answers', () => {
  it.each([createServer, require('node:http').createServer])('aborts the request, and nobody hears of an error of the peer', async (create) => {
    const told = [];
    const server = create((req, res) => {
      res.end('answer');
      req.on('error', ({ code }) => told.push(`${req.url} ${code}`));
    });
    server.on('clientError', ({ code }) => told.push(code));
    const line = new Line({ writableHighWaterMark: 1 });
    server.emit('connection', line);
    line.brings(`${get('/one')}${get('/two')}POST /three HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n`);
    line.brings(null);
    await once(line, 'close');
    await rounds(2);
    expect(told).toEqual(expect.arrayContaining(['/three ECONNRESET']));
    expect(told).not.toContain('HPE_INVALID_EOF_STATE');
  });
});

describe('_connectionListener()', () => {
  it('serves what is no server, as mocks use it', async () => {
    const { on, emit } = EventEmitter.prototype;
    const mock = { on, emit };
    let text = '';
    const stream = new Duplex({
      read() {},
      write(chunk, encoding, done) {
        text += chunk;
        done();
      },
    });
    mock.on('request', (req, res) => res.end(`${req.url} ${req.socket === stream} ${stream.server === mock}`));
    _connectionListener.call(mock, stream);
    for (const path of ['/1', '/2']) {
      stream.push(`GET ${path} HTTP/1.1\r\n\r\n`);
      await until(() => text.includes(`${path} true true`));
    }
    stream.destroy();
  });
});
