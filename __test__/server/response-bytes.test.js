'use strict';

/** What a response makes of what it is told, beside node:http's. */

const { tick, onHost, expectParity } = require('../support/assigned-response');

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
