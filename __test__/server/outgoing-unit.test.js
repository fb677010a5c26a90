'use strict';

const http = require('node:http');
const { Duplex } = require('node:stream');
const { OutgoingMessage } = require('../../lib/outgoing-message');
const { ServerResponse, initServerResponse } = require('../../lib/server-response');
const { CHUNKED, LAST, CLOSE, TRAILERS } = require('../../lib/layout').writeFlags;
const { kOutHeaders, kAttach, kOnFinish, kOnClose, kOnDrain } = require('../../lib/symbols');

const MAJOR = Number(process.versions.node.split('.')[0]);
/** Node 26 is the reference; what older hosts do differently is compared there only. */
const itOn26 = MAJOR >= 26 ? it : it.skip;
const tick = () => new Promise((resolve) => setImmediate(resolve));
const request = (more) => ({ method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1, headers: {}, ...more });

/** A Duplex that keeps what is written to it. */
function recordingSocket() {
  const chunks = [];
  const socket = new Duplex({
    read() {},
    write(chunk, encoding, callback) {
      chunks.push(chunk);
      callback();
    },
  });
  socket.setTimeout = (msecs) => chunks.push(Buffer.from(`[timeout ${msecs}]`));
  socket.bytes = () => Buffer.concat(chunks).toString('latin1').replace(/Date: [^\r]+/g, 'Date: now');
  return socket;
}

/** Before 26 Node did not join the chunks of one tick: there only the joined body is compared. */
function joinChunks(bytes) {
  const at = bytes.indexOf('\r\n\r\n');
  if (MAJOR >= 26 || !/transfer-encoding: chunked/i.test(bytes.slice(0, at))) return bytes;
  let rest = bytes.slice(at + 4);
  let body = '';
  for (;;) {
    const line = rest.indexOf('\r\n');
    const size = parseInt(rest.slice(0, line), 16);
    if (!(size > 0)) return `${bytes.slice(0, at + 4)}${body}|${rest}`;
    body += rest.slice(line + 2, line + 2 + size);
    rest = rest.slice(line + 4 + size);
  }
}

/** What hosts before 26 do otherwise. */
const ONLY_ON_26 = new Set([
  'writeHead with a list over setHeader',
  'an object as last chunk',
  'an unknown encoding',
  'a status code from the field',
  'less than content-length',
]);
const onHost = (title) => (MAJOR < 26 && ONLY_ON_26.has(title) ? it.skip : it);

/** What a response of `Response` does under `drive`, on a socket assigned by hand. */
async function observe(Response, drive, options = {}) {
  const socket = recordingSocket();
  const log = [];
  const res = new Response(request(options.req), options.response);
  for (const event of ['prefinish', 'finish', 'close', 'error', 'drain', 'timeout', 'socket']) {
    res.on(event, (value) => log.push(event === 'error' ? `error ${value.code}` : event));
  }
  socket.on('error', () => {});
  if (!options.late) res.assignSocket(socket);
  try {
    await drive(res, log, socket);
  } catch (error) {
    log.push({ name: error.name, code: error.code, message: error.message, text: String(error), keys: Object.keys(error) });
  }
  if (options.late) res.assignSocket(socket);
  await tick();
  await tick();
  const state = {};
  for (const name of STATE) state[name] = res[name];
  return { bytes: joinChunks(socket.bytes()), log, state, headers: res.getHeaders() };
}

const STATE = [
  'statusCode statusMessage finished headersSent _headerSent _hasBody _last _contentLength chunkedEncoding shouldKeepAlive',
  'useChunkedEncodingByDefault _removedConnection _removedContLen _removedTE _defaultKeepAlive destroyed closed errored writable',
  'writableEnded writableFinished writableLength writableObjectMode writableNeedDrain writableCorked outputSize _trailer _sent100',
]
  .join(' ')
  .split(' ');

/** Both do the same. */
async function expectParity(drive, options) {
  const [ours, nodes] = [await observe(ServerResponse, drive, options), await observe(http.ServerResponse, drive, options)];
  expect(ours).toEqual(nodes);
  return ours;
}

const note =
  (log, name) =>
  (error) =>
    log.push(`${name} ${error ? error.code : 'ok'}`);

const HTTP10 = { req: { httpVersionMinor: 0 } };
const HEAD = { req: { method: 'HEAD' } };

describe('bytes of a response on a socket assigned by hand', () => {
  const cases = {
    'end with text': (res) => res.end('okay'),
    'end with bytes': (res) => res.end(Buffer.from('okay')),
    'end without body': (res) => res.end(),
    'end with an encoding': (res) => res.end('6f6b', 'hex'),
    'end with utf-8': (res) => res.end('žluťoučký'),
    'writeHead with an object': (res) => res.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 4 }).end('okay'),
    'writeHead with words': (res) => res.writeHead(299, 'Fine', { A: 'b' }).end(),
    'writeHead with words only': (res) => res.writeHead(200, 'Fine').end('x'),
    'writeHead with undefined words': (res) => res.writeHead(200, undefined, { A: 'b' }).end('x'),
    'writeHead with a flat list': (res) => res.writeHead(200, ['A', '1', 'a', '2', 'Set-Cookie', ['x', 'y']]).end('x'),
    'writeHead with pairs': (res) =>
      res
        .writeHead(200, [
          ['A', '1'],
          ['B', ['2', '3']],
        ])
        .end('x'),
    'writeHead with an unknown code': (res) => res.writeHead(599).end('x'),
    'writeHead with a code as text': (res) => res.writeHead('404').end('x'),
    'writeHead over setHeader': (res) => {
      res.setHeader('A', '1');
      res.setHeader('B', '1');
      res.writeHead(200, { a: '2' }).end('x');
    },
    'writeHead with a list over setHeader': (res) => {
      res.setHeader('A', '1');
      res.writeHead(200, ['a', '2', 'A', '3']).end('x');
    },
    'statusCode and statusMessage': (res) => {
      res.statusCode = 404;
      res.statusMessage = 'Nope';
      res.end('x');
    },
    'numbers and arrays as values': (res) => {
      res.setHeader('N', 5);
      res.setHeader('Set-Cookie', ['a=1', 'b=2']);
      res.setHeader('Cookie', ['a=1', 'b=2']);
      res.setHeader('Nothing', null);
      res.end('x');
    },
    'latin1 value before text': (res) => {
      res.setHeader('X', 'é');
      res.end('ž');
    },
    'latin1 value before bytes': (res) => {
      res.setHeader('X', 'é');
      res.end(Buffer.from('x'));
    },
    'latin1 value before a chunk': (res) => {
      res.setHeader('X', 'é');
      res.write('x');
      res.end();
    },
    'latin1 value flushed': (res) => {
      res.setHeader('X', 'é');
      res.flushHeaders();
      res.end('x');
    },
    'latin1 words': (res) => res.writeHead(200, 'dé').end('x'),
    'content-disposition in bytes of utf-8': (res) => {
      res.setHeader('Content-Disposition', `attachment; filename="${Buffer.from('ž').latin1Slice()}"`);
      res.end('x');
    },
    'one write': (res) => {
      res.write('a');
      res.end();
    },
    'writes of one tick': (res) => {
      res.write('a');
      res.write(Buffer.from('b'));
      res.write('c', 'latin1');
      res.end('d');
    },
    'halves of a pair': (res) => {
      res.write('\ud83d');
      res.end('\ude00');
    },
    'writes of different ticks': async (res) => {
      res.write('a');
      await tick();
      res.write('b');
      await tick();
      res.end('c');
    },
    'empty writes': (res) => {
      res.write('');
      res.write('a');
      res.write('');
      res.end('');
    },
    'a corked response': async (res) => {
      res.cork();
      res.write('a');
      await tick();
      res.write('b');
      res.uncork();
      res.end('c');
    },
    'writes with content-length': (res) => {
      res.setHeader('Content-Length', 4);
      res.write('ok');
      res.end('ay');
    },
    'trailers': (res) => {
      res.setHeader('Trailer', 'X');
      res.write('a');
      res.addTrailers({ X: 'y', Z: ['1', '2'], E: [], One: ['1'] });
      res.end('b');
    },
    'trailers in pairs': (res) => {
      res.write('a');
      res.addTrailers([['X', 'y']]);
      res.end();
    },
    'trailers without body': (res) => {
      res.setHeader('Transfer-Encoding', 'chunked');
      res.addTrailers({ X: 'y' });
      res.end();
    },
    'a body where none may be': (res) => {
      res.writeHead(204);
      res.write('a');
      res.end('b');
    },
    'not modified': (res) => res.writeHead(304, { ETag: '"x"' }).end(),
    'chunked 204': (res) => res.writeHead(204, { 'Transfer-Encoding': 'chunked' }).end(),
    'connection close': (res) => res.writeHead(200, { Connection: 'close' }).end('x'),
    'connection keep-alive': (res) => {
      res.shouldKeepAlive = false;
      res.writeHead(200, { Connection: 'keep-alive' }).end('x');
    },
    'no keep-alive': (res) => {
      res.shouldKeepAlive = false;
      res.end('x');
    },
    'keep-alive with a timeout': (res) => {
      res._keepAliveTimeout = 5000;
      res.end('x');
    },
    'keep-alive with a limit': (res) => {
      res._keepAliveTimeout = 7999;
      res._maxRequestsPerSocket = 9;
      res.end('x');
    },
    'keep-alive of its own': (res) => {
      res._keepAliveTimeout = 5000;
      res.writeHead(200, { 'Keep-Alive': 'timeout=1' }).end('x');
    },
    'the last request of a connection': (res) => {
      res.maxRequestsOnConnectionReached = true;
      res.end('x');
    },
    'fields taken out': (res) => {
      res.removeHeader('Connection');
      res.removeHeader('Date');
      res.removeHeader('Content-Length');
      res.end('x');
    },
    'no framing at all': (res) => {
      res.removeHeader('Content-Length');
      res.removeHeader('Transfer-Encoding');
      res.end('x');
    },
    'a date of its own': (res) => res.writeHead(200, { Date: 'then' }).end('x'),
    'expect in a response': (res) => res.writeHead(200, { Expect: '100-continue' }).end('x'),
    '100 and 102': (res) => {
      res.writeContinue();
      res.writeProcessing();
      res.end('x');
    },
    'early hints': (res) => {
      res.writeEarlyHints({ link: ['</a>; rel=preload; as=style', '</b>; rel="x"'], 'x-trace': 'id' });
      res.writeEarlyHints({ link: [] });
      res.writeEarlyHints({});
      res.end('x');
    },
    'final status where 100 was expected': (res) => {
      res._expect_continue = true;
      res.writeHead(401).end();
    },
    'setHeaders': (res) => {
      res.setHeaders(new Map([['A', '1'], ['set-cookie', ['x', 'y']]]));
      res.setHeaders(new Headers([['b', '2'], ['set-cookie', 'z']]));
      res.end('x');
    },
    'appendHeader': (res) => {
      res.appendHeader('A', '1');
      res.appendHeader('a', ['2', '3']);
      res.appendHeader('A', '4');
      res.end('x');
    },
    '_send and _writeRaw': (res) => {
      res.writeHead(200, { 'Content-Length': 2 });
      res._writeRaw('raw');
      res._send('o');
      res._writeRaw(Buffer.from('k'));
      res.end();
    },
    'strict content-length': (res) => {
      res.strictContentLength = true;
      res.writeHead(200, { 'Content-Length': 4 });
      res.write('ok');
      res.end('ay');
    },
    'setTimeout': (res) => void res.setTimeout(50, () => {}).end('x'),
  };
  for (const [title, drive] of Object.entries(cases)) {
    onHost(title)(`equal node:http's: ${title}`, async () => {
      const { bytes, log } = await expectParity(drive);
      expect(bytes).toContain('HTTP/1.1');
      expect(log).toContain('finish');
    });
    onHost(title)(`equal node:http's on HTTP/1.0: ${title}`, () => expectParity(drive, HTTP10));
    onHost(title)(`equal node:http's for HEAD: ${title}`, () => expectParity(drive, HEAD));
    if (title !== 'latin1 value flushed') {
      onHost(title)(`equal node:http's when the socket comes late: ${title}`, () => expectParity(drive, { late: true }));
    }
  }
});

describe('misuse', () => {
  const cases = {
    'a number as chunk': (res) => res.write(5),
    'a function as chunk': (res) => res.write(function named() {}),
    'an object as last chunk': (res) => res.end({}),
    'null as chunk': (res) => res.write(null),
    'an ArrayBuffer view that is no Uint8Array': (res) => res.write(new DataView(new ArrayBuffer(1))),
    'an unknown encoding': (res) => res.write('a', 'bogus'),
    'a status code below 100': (res) => res.writeHead(99),
    'a status code of words': (res) => res.writeHead('x'),
    'a status code from the field': (res) => {
      res.statusCode = 1000;
      res.end();
    },
    'a name that is no token': (res) => res.setHeader('a b', 'c'),
    'an empty name': (res) => res.setHeader('', 'c'),
    'no name': (res) => res.setHeader(undefined, 'c'),
    'no value': (res) => res.setHeader('a'),
    'a value with a line feed': (res) => res.setHeader('a', 'x\ny'),
    'a value beyond latin1': (res) => res.setHeader('a', 'ž'),
    'a list with a bad value': (res) => res.setHeader('a', ['x', '\r']),
    'appending no value': (res) => res.appendHeader('a'),
    'no value in writeHead': (res) => res.writeHead(200, { a: undefined }),
    'a bad value in writeHead': (res) => res.writeHead(200, ['a', '\n']),
    'a bad name in writeHead': (res) => res.writeHead(200, { 'a:': 'b' }),
    'a list with a name left over': (res) => res.writeHead(200, ['a']),
    'a list with a name left over, over setHeader': (res) => {
      res.setHeader('a', 'b');
      res.writeHead(200, ['a']);
    },
    'a long list with a name left over': (res) => res.writeHead(200, ['a'.repeat(300)]),
    'bad words': (res) => res.writeHead(200, 'a\nb'),
    'a name that is no text': (res) => res.getHeader(5),
    'a name that is no text to hasHeader': (res) => res.hasHeader({}),
    'a name that is no text to removeHeader': (res) => res.removeHeader(Object.create(null)),
    'a list for setHeaders': (res) => res.setHeaders([]),
    'nothing for setHeaders': (res) => res.setHeaders(null),
    'setting after the head': (res) => res.writeHead(200).setHeader('a', 'b'),
    'setting many after the head': (res) => res.writeHead(200).setHeaders(new Map()),
    'appending after the head': (res) => res.writeHead(200).appendHeader('a', 'b'),
    'removing after the head': (res) => res.writeHead(200).removeHeader('a'),
    'rendering after the head': (res) => res.writeHead(200)._renderHeaders(),
    'a second head': (res) => res.writeHead(200).writeHead(200),
    'trailers without chunks': (res) => res.writeHead(200, { Trailer: 'x', 'Content-Length': 1 }),
    'a bad trailer name': (res) => res.addTrailers({ 'a b': 'c' }),
    'a bad trailer value': (res) => res.addTrailers({ a: '\n' }),
    'a second socket': (res, log, socket) => new res.constructor(request()).assignSocket(socket),
    'hints that are no object': (res) => res.writeEarlyHints(5),
    'a hint without target': (res) => res.writeEarlyHints({ link: 'foo' }),
    'hints with one bad link': (res) => res.writeEarlyHints({ link: ['</a>; rel=x', 'foo'] }),
    'a hint that is a number': (res) => res.writeEarlyHints({ link: 5 }),
    'more than content-length': (res) => {
      res.strictContentLength = true;
      res.setHeader('Content-Length', 1);
      res.writeHead(200);
      res.write('ab');
    },
    'less than content-length': (res) => {
      res.strictContentLength = true;
      res.writeHead(200, { 'Content-Length': 3 });
      res.end('ab');
    },
    'nothing for content-length': (res) => {
      res.strictContentLength = true;
      res.writeHead(200, { 'Content-Length': 3 });
      res.end();
    },
    'writing after the end': async (res, log) => {
      res.end('x');
      log.push(res.write('y', note(log, 'write')));
      await tick();
    },
    'ending with a chunk after the end': async (res, log) => {
      res.end('x');
      res.end('y', note(log, 'end'));
      await tick();
    },
    'writing after destroy': async (res, log) => {
      res.destroy();
      log.push(res.write('y', note(log, 'write')));
      await tick();
    },
    'writing to HEAD': [(res) => res.write('x'), { ...HEAD, response: { rejectNonStandardBodyWrites: true } }],
    'piping from it': (res) => res.pipe(process.stdout),
  };
  for (const [title, entry] of Object.entries(cases)) {
    const [drive, options] = Array.isArray(entry) ? entry : [entry];
    onHost(title)(`is answered as by node:http: ${title}`, async () => {
      const { log } = await expectParity(drive, options);
      expect(log.some((one) => one.code || /ERR_/.test(one))).toBe(true);
    });
  }

  it('of writeInformation is answered as by node:http 26', async () => {
    const drives = [
      (res) => res.writeInformation(200),
      (res) => res.writeInformation('100'),
      (res) => res.writeInformation(5e10),
      (res) => res.writeInformation(100.5),
      (res) => res.writeInformation(101),
      (res) => res.writeInformation(110, ['a']),
      (res) => res.writeInformation(110, 5),
      (res) => res.writeInformation(110, { a: undefined }),
      (res) => res.writeInformation(110, { 'a b': 'c' }),
      (res) => {
        res.writeInformation(110, { a: 'b' });
        res.writeInformation(110, [['a', 'b']]);
        res.end();
      },
    ];
    for (const drive of drives) {
      if (http.ServerResponse.prototype.writeInformation) await expectParity(drive);
      else expect((await observe(ServerResponse, drive)).log.length).toBeGreaterThan(0);
    }
  });

  it('shows the code in the first line of the stack', () => {
    const res = new ServerResponse(request());
    expect(() => res.writeHead(99)).toThrow(expect.objectContaining({ stack: expect.stringMatching(/^RangeError \[ERR_HTTP_INVALID_STATUS_CODE\]: Invalid status code: 99\n/) }));
  });

  it('of abstract methods is answered as by node:http', () => {
    const message = new OutgoingMessage();
    expect(() => message.end('x')).toThrow(expect.objectContaining({ code: 'ERR_METHOD_NOT_IMPLEMENTED' }));
    expect(() => new ServerResponse(request()).detachSocket({})).toThrow(expect.objectContaining({ code: 'ERR_INTERNAL_ASSERTION' }));
  });
});

describe('callbacks and events', () => {
  itOn26('of a response follow node:http', () =>
    expectParity(async (res, log) => {
      res.write('a', note(log, 'first'));
      res.write('b', 'latin1', note(log, 'second'));
      res.end('c', note(log, 'end'));
      await tick();
    }));
  itOn26('run although the body is dropped', () =>
    expectParity(async (res, log) => {
      res.writeHead(204);
      log.push(res.write('a', note(log, 'write')));
      res.end(note(log, 'end'));
      await tick();
    }));
  itOn26('of a second end() tell that it is too late', () =>
    expectParity(async (res, log) => {
      res.end('x', note(log, 'first'));
      await tick();
      res.end(note(log, 'second'));
      await tick();
    }),
  );
  itOn26('of destroy() close without finish', () =>
    expectParity(async (res, log, socket) => {
      res.write('a');
      log.push(res.destroy() === res);
      await tick();
      log.push(socket.destroyed);
    }));
  it('of destroy(error) keep the error', () =>
    expectParity(async (res, log) => {
      const error = Object.assign(new Error('x'), { code: 'X' });
      res.destroy(error);
      log.push(res.errored === error);
      await tick();
    }));
  it('of a lost socket close the response', () =>
    expectParity(async (res, log, socket) => {
      res.write('a');
      await tick();
      socket.destroy();
      await tick();
      log.push(res.write('b'));
    }));
  itOn26('of destroy() before a socket close the response', async () => {
    for (const Response of [ServerResponse, http.ServerResponse]) {
      const res = new Response(request());
      const log = [];
      res.on('close', () => log.push('close'));
      res.destroy();
      await tick();
      expect([log, res.destroyed, res.closed]).toEqual([['close'], true, true]);
    }
  });
});

describe('faces that libraries look at', () => {
  it('queues in outputData as node:http does', () => {
    const queued = (Response) => {
      const res = new Response(request());
      res.sendDate = false;
      res.write('a');
      res.end('b');
      return [res.outputData.map(({ data, encoding }) => [String(data), encoding ?? null]), res.outputSize, res.writableLength];
    };
    expect(queued(ServerResponse)[0].map(([data]) => data).join('')).toBe(queued(http.ServerResponse)[0].map(([data]) => data).join(''));
    expect(queued(ServerResponse).slice(1)).toEqual(queued(http.ServerResponse).slice(1));
  });

  it('have every member of node:http as their own', () => {
    for (const [ours, nodes] of [
      [OutgoingMessage, http.OutgoingMessage],
      [ServerResponse, http.ServerResponse],
    ]) {
      for (const key of Reflect.ownKeys(nodes.prototype)) {
        const own = Object.getOwnPropertyDescriptor(ours.prototype, key);
        expect([key, own !== undefined]).toEqual([key, true]);
        const theirs = Object.getOwnPropertyDescriptor(nodes.prototype, key);
        if (key === '_headers' || key === '_headerNames') continue;
        expect([key, own.enumerable]).toEqual([key, theirs.enumerable]);
        if (key !== 'constructor' && typeof theirs.value === 'function') {
          expect([key, typeof own.value]).toEqual([key, 'function']);
          if (MAJOR >= 26 && typeof key === 'string') expect([key, own.value.length, own.value.name]).toEqual([key, theirs.value.length, theirs.value.name || key]);
        }
      }
    }
    for (const key of Reflect.ownKeys(http.OutgoingMessage.prototype)) expect(Object.hasOwn(ServerResponse.prototype, key)).toBe(true);
    expect(new ServerResponse(request())._headers).toBeUndefined();
  });

  it("are instances of node:http's classes and of ours", () => {
    const res = new ServerResponse(request());
    expect(res instanceof http.ServerResponse && res instanceof http.OutgoingMessage && res instanceof OutgoingMessage).toBe(true);
    expect(new http.ServerResponse(request()) instanceof OutgoingMessage).toBe(true);
    expect({} instanceof OutgoingMessage).toBe(false);
    expect(new OutgoingMessage() instanceof ServerResponse).toBe(false);
    class Sub extends OutgoingMessage {}
    expect(new Sub() instanceof Sub && !(res instanceof Sub)).toBe(true);
    const { OutgoingMessage: Plain } = { OutgoingMessage };
    expect((0, Plain)() instanceof OutgoingMessage).toBe(true);
    const called = Object.create(ServerResponse.prototype);
    ServerResponse.call(called, request());
    expect(called.statusCode).toBe(200);
  });

  it("share node:http's header store", () => {
    const res = new ServerResponse(request());
    expect(res[kOutHeaders]).toBe(null);
    http.OutgoingMessage.prototype.setHeader.call(res, 'Set-Cookie', ['a=1']);
    expect(res.getHeader('set-cookie')).toEqual(['a=1']);
    expect(res.getHeaderNames()).toEqual(['set-cookie']);
    expect(res.getRawHeaderNames()).toEqual(['Set-Cookie']);
    expect(Object.getPrototypeOf(res.getHeaders())).toBe(null);
    expect(http.OutgoingMessage.prototype.getHeader.call(res, 'SET-COOKIE')).toEqual(['a=1']);
  });

  it('honour a replaced writeHead, write and end', () => {
    const res = new ServerResponse(request());
    const calls = [];
    for (const name of ['writeHead', 'write', 'end']) {
      const original = res[name];
      res[name] = function (...args) {
        calls.push(name);
        return original.apply(this, args);
      };
    }
    res.write('a');
    res.end('b');
    expect(calls).toEqual(['write', 'writeHead', 'end']);
  });

  it('work without listeners', () => {
    const res = new ServerResponse(request());
    expect(res.eventNames()).toEqual([]);
    res.once('x', () => {});
    expect([res.eventNames(), res.listenerCount('x')]).toEqual([['x'], 1]);
  });

  it('destroy on a rejected listener', () => {
    const res = new ServerResponse(request());
    const error = new Error('x');
    res[Symbol.for('nodejs.rejection')](error, 'x');
    expect([res.destroyed, res.errored]).toEqual([true, error]);
  });
});

describe('a response on an engine sink', () => {
  const server = { rejectNonStandardBodyWrites: false, keepAliveTimeout: 5000, maxRequestsPerSocket: 0 };

  /** Records what it is given; `full` makes send() return false. */
  function recordingSink() {
    return {
      open: [],
      sent: [],
      calls: [],
      full: false,
      writableLength: 0,
      highWaterMark: 65536,
      socketReads: 0,
      get socket() {
        this.socketReads++;
        return this.net;
      },
      net: { server: {} },
      send(message, head, chunk, encoding, flags, callback) {
        this.sent.push({ head: head.replace(/Date: [^\r]+/, 'Date: now'), chunk, encoding: encoding ?? null, flags, asks: callback !== undefined });
        if (callback) process.nextTick(callback);
        return !this.full;
      },
      information(message, text) {
        this.calls.push(['information', text]);
      },
      destroy(error) {
        this.calls.push(['destroy', error]);
      },
      setTimeout(msecs, message) {
        this.calls.push(['setTimeout', msecs, message]);
      },
      cork() {
        this.calls.push(['cork']);
      },
      uncorkFully() {},
      uncork() {
        this.calls.push(['uncork']);
      },
    };
  }

  function make(more) {
    const sink = recordingSink();
    return { sink, res: initServerResponse(request(more), sink, null, server) };
  }

  it('sends head and body in one call, asking for nothing, without a socket', () => {
    const { sink, res } = make();
    res.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 4 });
    res.end('okay');
    const head =
      'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\nDate: now\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n';
    expect(sink.sent).toEqual([{ head, chunk: 'okay', encoding: null, flags: LAST, asks: false }]);
    expect(sink.socketReads).toBe(0);
  });

  it('leaves the framing of chunks to the sink and joins those of a tick', async () => {
    const { sink, res } = make();
    res.write('a');
    res.write('b');
    expect(sink.sent).toEqual([]);
    await tick();
    res.end('c');
    expect(sink.sent.map(({ head, chunk, flags }) => [head !== '', chunk, flags])).toEqual([
      [true, 'ab', CHUNKED],
      [false, 'c', CHUNKED | LAST],
    ]);
  });

  it('brings trailers raw, behind the last chunk', () => {
    const { sink, res } = make();
    res.write('a');
    res.addTrailers({ X: 'y' });
    res.end('b');
    expect(sink.sent.map(({ chunk, flags }) => [chunk, flags])).toEqual([
      ['ab', CHUNKED],
      ['0\r\nX: y\r\n\r\n', LAST | TRAILERS],
    ]);
  });

  it('asks to close behind its last message', () => {
    const { sink, res } = make();
    res.setHeader('Connection', 'close');
    res.end();
    expect(sink.sent.map(({ chunk, flags }) => [chunk, flags])).toEqual([[null, LAST | CLOSE]]);
  });

  it('gives interim responses to information(), and those with a callback to send()', async () => {
    const { sink, res } = make();
    res.writeContinue();
    expect(sink.calls).toEqual([['information', 'HTTP/1.1 100 Continue\r\n\r\n']]);
    await new Promise((resolve) => res.writeProcessing(resolve));
    expect(sink.sent).toEqual([{ head: '', chunk: 'HTTP/1.1 102 Processing\r\n\r\n', encoding: 'latin1', flags: 0, asks: true }]);
  });

  it('finishes, lets go of the connection, and closes', () => {
    const { sink, res } = make();
    const log = [];
    res.on('finish', () => log.push(['finish', res.socket]));
    res.on('close', () => log.push(['close', res.destroyed]));
    res.end('x', (error) => log.push(['end', error]));
    expect(sink.sent[0].asks).toBe(true);
    res[kOnFinish](() => {});
    res[kOnClose]();
    res.destroy();
    expect(log).toEqual([
      ['end', null],
      ['finish', null],
      ['close', true],
    ]);
    expect(sink.calls).toEqual([]);
  });

  it('closes without finish when the connection is lost, and tells whoever waits', async () => {
    const { sink, res } = make();
    const lost = new Error('lost');
    const log = [];
    res.on('finish', () => log.push('finish'));
    res.on('close', () => log.push('close'));
    res.write('a', (error) => log.push(['write', error]));
    res[kOnClose](lost);
    await tick();
    res.end((error) => log.push(['end', error.code]));
    await tick();
    expect(log).toEqual(['close', ['write', lost], ['end', 'ERR_STREAM_DESTROYED']]);
    expect(sink.sent).toEqual([]);
  });

  it('tells whoever waits for the end that the connection is lost', () => {
    const { res } = make();
    const lost = new Error('lost');
    const log = [];
    res.on('close', () => log.push('close'));
    res.end('x', (error) => log.push(error));
    res[kOnClose](lost);
    expect([log, res.writableFinished]).toEqual([[lost, 'close'], false]);
  });

  it('drains once when the sink says so', async () => {
    const { sink, res } = make();
    let drained = 0;
    res.on('drain', () => drained++);
    res.writeHead(200, { 'Content-Length': 10 });
    sink.full = true;
    expect([res.write('a'), res.writableNeedDrain]).toEqual([false, true]);
    await tick();
    res[kOnDrain]();
    res[kOnDrain]();
    expect([drained, res.writableNeedDrain]).toEqual([1, false]);
  });

  it('drains by itself when a full buffer of chunks was taken', async () => {
    const { sink, res } = make();
    let drained = 0;
    res.on('drain', () => drained++);
    expect(res.write('a'.repeat(70000))).toBe(false);
    await tick();
    expect([drained, sink.sent.length]).toEqual([1, 1]);
  });

  it('hands destroy, setTimeout and explicit corks on', () => {
    const { sink, res } = make();
    res.setTimeout(5);
    res.cork();
    res.cork();
    res.end('x');
    const error = new Error('x');
    res.destroy(error);
    expect(sink.calls).toEqual([['setTimeout', 5, res], ['cork'], ['cork'], ['uncork'], ['uncork'], ['destroy', error]]);
  });

  it('takes what waited when it is attached', () => {
    const res = new ServerResponse(request());
    const sink = recordingSink();
    const order = [];
    res.on('prefinish', () => order.push('prefinish'));
    res.on('socket', (socket) => order.push(socket));
    res.write('a');
    res.end('b');
    expect(order).toEqual([]);
    res[kAttach](sink);
    expect(order).toEqual([sink.net, 'prefinish']);
    const bytes = sink.sent.map(({ chunk }) => chunk).join('');
    expect(bytes.slice(bytes.indexOf('\r\n\r\n') + 4)).toBe('1\r\na\r\n1\r\nb\r\n0\r\n\r\n');
    expect(sink.sent.map(({ flags }) => flags).filter(Boolean)).toEqual([LAST]);
    expect([res.outputData.length, res.outputSize]).toEqual([0, 0]);
  });

  it('sends a head in the encoding of the text it goes with', () => {
    const { sink, res } = make();
    res.setHeader('X', 'é');
    res.end('x');
    expect(sink.sent[0].head).toContain('X: Ã©\r\n');
  });

  it("is of the server's own class", () => {
    class Own extends ServerResponse {}
    const res = initServerResponse(request(), recordingSink(), Own, server);
    expect(res instanceof Own && res._keepAliveTimeout === 5000).toBe(true);
  });
});
