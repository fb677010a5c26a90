'use strict';

const { parity } = require('../../support/parity');

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const answer = (handler, until = '\r\n\r\n', steps = [GET]) => ({ handler, steps: [...steps, { until }] });

/** Logs the code of what `act` throws. */
function caught(log, act) {
  try {
    act();
    log('nothing thrown');
  } catch (error) {
    log(error.code, error.name, error.message);
  }
}

parity(__filename, {
  'sends an implicit head with a length for one piece': answer((req, res) => res.end('okay'), 'okay'),
  'sends chunks when the length is not known, those of a tick in one': answer((req, res) => {
    res.write('aa');
    res.write(Buffer.from('bb'));
    setImmediate(() => {
      res.write('c');
      res.end('d');
    });
  }, '0\r\n\r\n'),
  'sends trailers behind the last chunk': answer((req, res) => {
    res.writeHead(200, { Trailer: 'Foo' });
    res.write('a');
    res.addTrailers({ Foo: 'bar' });
    res.end();
  }, 'Foo: bar\r\n\r\n'),
  'sends utf8, latin1 and hex': answer((req, res) => {
    res.setHeader('Content-Length', 7);
    res.write('é');
    res.write('é', 'latin1');
    res.write('4142', 'hex');
    res.end('é');
  }, 'AB\xc3\xa9'),
  'answers HEAD without body': answer(
    (req, res) => {
      res.setHeader('X-A', ['1', '2']);
      res.end('okay');
    },
    '\r\n\r\n',
    ['HEAD / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ),
  'has no body with 204': answer((req, res) => {
    res.statusCode = 204;
    res.end('zzz');
  }),
  'has no body with 304, and the reason it is given': answer((req, res) => {
    res.writeHead(304, 'Nope', { X: 'y' });
    res.end();
  }),
  'writes heads from an object': answer((req, res) => res.writeHead(201, { A: 1, B: ['x', 'y'] }).end()),
  'writes heads from a flat list': answer((req, res) => res.writeHead(201, 'Cool', ['A', '1', 'A', '2', 'Connection', 'close']).end()),
  'writes heads from pairs': answer((req, res) =>
    res
      .writeHead(200, [
        ['A', '1'],
        ['A', '2'],
      ])
      .end(),
  ),
  'lets writeHead override setHeader': answer((req, res, log) => {
    res.setHeader('A', '1');
    res.setHeader('B', '2');
    res.appendHeader('B', '3');
    res.writeHead(200, { a: '4', C: '5' });
    log(JSON.stringify(res.getHeaders()), res.getHeaderNames(), res.hasHeader('b'), res.getHeader('c'));
    res.end();
  }),
  'keeps removed fields removed': answer((req, res) => {
    for (const name of ['Date', 'Connection', 'Transfer-Encoding', 'Content-Length']) res.removeHeader(name);
    res.write('a');
    res.end('b.');
  }, 'b.'),
  'follows a Content-Length, Transfer-Encoding and Connection of the user': answer((req, res) => {
    res.writeHead(200, { 'content-length': '2', connection: 'close' });
    res.end('ab');
  }, 'ab'),
  'ends an HTTP/1.0 body with the connection': {
    handler(req, res) {
      res.write('a');
      res.end('b');
    },
    steps: ['GET / HTTP/1.0\r\n\r\n', 'closed'],
  },
  'runs write and end callbacks, finish and close in order': {
    handler(req, res, log) {
      res.write('a', () => log('write 1'));
      res.write('b', () => log('write 2'));
      res.end('c', () => log('end'));
      res.on('finish', () => log('finish', res.writableFinished, res.writableEnded));
      res.on('close', () => log('close', res.destroyed, res.closed, res.socket));
      log(res.writableEnded, res.headersSent, res.finished);
    },
    steps: [GET, { log: 'close' }, { until: '0\r\n\r\n' }],
  },
  "refuses writes after end with an 'error'": {
    handler(req, res, log) {
      res.on('error', (error) => log('error', error.code));
      res.end('a');
      log(res.write('b', (error) => log('callback', error.code)));
    },
    steps: [GET, { log: 'error' }, { until: '\r\n\r\na' }],
  },
  'sends 102 and 103 first': answer((req, res) => {
    res.writeProcessing();
    res.writeEarlyHints({ link: '</a.css>; rel=preload; as=style', 'x-a': 'b' });
    res.end('x');
  }, '\r\n\r\nx'),
  'flushes headers ahead of the body': {
    handler(req, res) {
      res.flushHeaders();
      res.socket.once('end', () => {});
      req.on('end', () => res.end('b.'));
      req.resume();
    },
    steps: ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n', { until: '\r\n\r\n' }, 'x', { until: 'b.' }],
  },
  'throws for what is wrong with heads': {
    handler(req, res, log) {
      caught(log, () => res.setHeader('a b', '1'));
      caught(log, () => res.setHeader('a', undefined));
      caught(log, () => res.setHeader('a', 'x\ny'));
      caught(log, () => res.writeHead(99));
      caught(log, () => res.writeHead(200, 'a\nb'));
      res.statusMessage = undefined;
      caught(log, () => res.writeHead(200, ['a']));
      caught(log, () => res.writeHead(200, { 'a b': '1' }));
      caught(log, () => res.writeHead(200, { a: 'x\0' }));
      caught(log, () => res.writeInformation(101));
      res.end('x');
      caught(log, () => res.setHeader('a', '1'));
      caught(log, () => res.writeHead(200));
      caught(log, () => res.removeHeader('a'));
    },
    steps: [GET, { until: '\r\n\r\nx' }],
  },
  'throws for what is wrong with bodies': {
    handler(req, res, log) {
      caught(log, () => res.write(null));
      caught(log, () => res.write(1));
      caught(log, () => res.end({}));
      res.strictContentLength = true;
      res.writeHead(200, { 'Content-Length': 2 });
      caught(log, () => res.end('abc'));
      res.end('ab');
    },
    steps: [GET, { until: 'ab' }],
  },
  'closes the connection when destroyed': {
    handler(req, res, log) {
      req.on('close', () => log('request close'));
      res.on('close', () => log('close'));
      res.destroy();
    },
    steps: [GET, 'closed', { log: 'request close' }],
  },
  'closes without finish when the client goes': {
    handler(req, res, log) {
      req.on('aborted', () => log('aborted'));
      res.on('finish', () => log('finish'));
      res.on('close', () => log('close', res.writableFinished));
      res.write('a');
    },
    steps: [GET, { until: '1\r\na' }, 'reset', { log: 'close' }],
  },
  'answers through replaced methods': answer((req, res) => {
    const { writeHead, end } = res;
    res.writeHead = function (...args) {
      this.setHeader('X-Patched', '1');
      return writeHead.apply(this, args);
    };
    res.end = function (chunk) {
      return end.call(this, `${chunk}!`);
    };
    res.end('x');
  }, 'x!'),
  "emits 'timeout' of setTimeout": {
    handler(req, res, log) {
      res.setTimeout(20, (socket) => {
        log('timeout', socket === res.socket);
        socket.destroy();
      });
    },
    steps: [GET, 'closed'],
  },
  'is usable by hand with assignSocket': {
    setup(server) {
      const { ServerResponse } = server instanceof require('../../..').Server ? require('../../..') : require('node:http');
      server.on('upgrade', (req, socket) => {
        const res = new ServerResponse(req);
        res.assignSocket(socket);
        res.statusCode = 401;
        res.end('no.');
      });
    },
    steps: ['GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n', { until: 'no.' }],
  },
});
