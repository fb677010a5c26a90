'use strict';

/** How a response answers what it must not be told, and what it tells of its ends: as node:http's. */

const http = require('node:http');
const { OutgoingMessage } = require('../../lib/message/outgoing-message');
const { ServerResponse } = require('../../lib/server/server-response');
const { MAJOR, tick, request, onHost, observe, expectParity, note } = require('../support/assigned-response');

/** Node 26 is the reference; what older hosts do differently is compared there only. */
const itOn26 = MAJOR >= 26 ? it : it.skip;
const HEAD = { req: { method: 'HEAD' } };

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
    onHost(title)(`fails as with node:http: ${title}`, async () => {
      const { log } = await expectParity(drive, options);
      expect(log.some((one) => one.code || /ERR_/.test(one))).toBe(true);
    });
  }

  it('of writeInformation fails as with node:http 26', async () => {
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

  it('of abstract methods fails as with node:http', () => {
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
