'use strict';

/**
 * What is written to an object derived from a response is the response's: peer and listeners see what they would see of the response. With
 * node:http such bytes wait for ever, as the connection carries another object.
 */

const http = require('node:http');
const stream = require('node:stream');
const turnout = require('../..');
const { derivations, logEvents } = require('../support/derivations');
const { traceOf } = require('../support/trace');

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const AGAIN = 'GET /again HTTP/1.1\r\nHost: a\r\n\r\n';

/** What may be done with a derived response. */
const acts = {
  'ends with a body': (res, log) => res.end('hello', () => log('ended')),
  'ends without one': (res) => res.end(),
  'ends as latin1': (res) => res.end('\xe9', 'latin1'),
  'ends as bytes': (res) => res.end(Buffer.from('bytes')),
  'writes and ends': (res, log) => {
    res.write('a');
    res.write('b', 'utf8', () => log('written'));
    res.end('c');
  },
  'has a status and fields': (res) => {
    res.statusCode = 404;
    res.statusMessage = 'Nope';
    res.setHeader('A', 'b');
    res.appendHeader('A', 'c');
    res.end('x');
  },
  'writes a head': (res) => res.writeHead(201, 'Made', { A: 'b', 'Content-Length': 1 }).end('x'),
  'flushes its head': (res, log) => {
    res.flushHeaders();
    log(res.headersSent);
    res.end('x');
  },
  'sends trailers': (res) => {
    res.writeHead(200, { Trailer: 'A' });
    res.write('x');
    res.addTrailers({ A: 'b' });
    res.end();
  },
  'sends interim responses': (res) => {
    res.writeContinue();
    res.writeEarlyHints({ link: '</x>; rel=preload' });
    res.end('x');
  },
  'is piped to': (res) => stream.Readable.from(['a', 'b']).pipe(res),
  'is the end of a pipeline': (res, log) => stream.pipeline(stream.Readable.from(['a', 'b']), res, (error) => log('over', error?.code)),
  'is finished()': (res, log) => {
    stream.finished(res, (error) => log('finished', error?.code));
    res.end('x');
  },
  corks: (res, log) => {
    res.cork();
    res.write('a');
    res.write('b');
    log(res.writableCorked);
    res.uncork();
    res.end('c');
  },
  drains: (res, log) => {
    res.on('drain', () => {
      log('drain');
      res.end('.');
    });
    log(res.write('x'.repeat(100_000)));
  },
  'tells how it went': (res, log) => {
    logEvents(res, log, 'prefinish', 'finish').on('close', () => log('close', res.writableFinished, res.finished, res.destroyed, res.socket === null));
    res.end('x');
    log(res.writableEnded, res.headersSent, res.finished);
  },
  'refuses a write after the end': (res, log) => {
    res.on('error', (error) => log(error.code));
    res.end('x');
    res.write('y', (error) => log(error?.code));
  },
  'refuses a bad chunk': (res, log) => {
    for (const method of ['write', 'end']) {
      try {
        res[method](5);
      } catch (error) {
        log(error.code, res.headersSent);
      }
    }
    res.end('x');
  },
  'closes the connection': (res) => {
    res.shouldKeepAlive = false;
    res.end('x');
  },
  'has a writeHead of its own': (res, log) => {
    const { writeHead } = res;
    res.writeHead = function (status, ...rest) {
      log('my head', status);
      return writeHead.call(this, 203, ...rest);
    };
    res.end('x');
  },
  'has an end of its own': (res, log) => {
    const { end } = res;
    res.end = function (...args) {
      log('my end');
      return end.apply(this, args);
    };
    res.end('x');
  },
};

const caseOf = (derive, act) => ({
  handler(req, res, log) {
    if (req.url === '/again') res.end('again');
    else act(derive(res), log, res);
  },
  // Whatever the first answer did, the connection is free for the next, or closed.
  steps: [GET, { until: '\r\n\r\n' }, AGAIN, act === acts['closes the connection'] ? 'closed' : { until: '\r\n\r\nagain' }],
});

describe('a response', () => {
  for (const [what, act] of Object.entries(acts)) {
    it(`${what}, whatever was derived from it`, async () => {
      const expected = await traceOf(turnout, caseOf(derivations.itself, act));
      for (const [how, derive] of Object.entries(derivations)) {
        expect(`${how}: ${await traceOf(turnout, caseOf(derive, act))}`).toBe(`${how}: ${expected}`);
      }
    });
  }

  it('and what was derived from it may both be written to', async () => {
    const mixed = {
      'derived first': (res, derived) => {
        derived.write('a');
        res.end('b');
      },
      'derived last': (res, derived) => {
        res.write('a');
        derived.end('b');
      },
      'head here, body there': (res, derived) => {
        res.writeHead(200, { 'Transfer-Encoding': 'chunked' });
        derived.end('ab');
      },
    };
    for (const write of Object.values(mixed)) {
      const trace = await traceOf(turnout, caseOf((res) => res, (res) => write(res, Object.create(res))));
      expect(trace).toContain('Transfer-Encoding: chunked');
      expect(trace).toMatch(/^HTTP[^]*\r\n\r\n2\r\nab\r\n0\r\n\r\nHTTP[^]*again/);
    }
  });

  it('keeps what is set on a derived one to that, as with node:http', async () => {
    for (const implementation of [turnout, http]) {
      const trace = await traceOf(
        implementation,
        caseOf(
          (res) => res,
          (res, log) => {
            const derived = Object.create(res);
            derived.setHeader('A', 'b');
            derived.statusCode = 500;
            derived.sendDate = false;
            log(derived.getHeader('a'), res.getHeader('a'), res.statusCode, res.sendDate);
            res.end('x');
          },
        ),
      );
      expect(trace).toContain('--\nb undefined 200 true');
      expect(trace).not.toContain('A: b');
    }
  });
});

describe('a message', () => {
  it('may be given a class of its own late, made from that of its module', async () => {
    const traces = [];
    for (const implementation of [turnout, http]) {
      class Request extends implementation.IncomingMessage {
        get where() {
          return this.url;
        }
      }
      class Response extends implementation.ServerResponse {
        send(text) {
          this.end(text);
        }
      }
      const handler = (req, res, log) => {
        Object.setPrototypeOf(req, Request.prototype);
        Object.setPrototypeOf(res, Response.prototype);
        let body = '';
        req.on('data', (chunk) => (body += chunk)).on('end', () => res.send(`${req.where} ${req.headers.host} ${body}.`));
        res.on('finish', () => log('finish', req instanceof Request, res instanceof Response));
      };
      traces.push(await traceOf(implementation, { handler, steps: ['POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc', { until: 'abc.' }, { log: 'finish' }] }));
    }
    expect(traces[0]).toBe(traces[1]);
    expect(traces[0]).toContain('/p a abc.');
  });
});

describe('a server', () => {
  for (const [how, derive] of Object.entries(derivations)) {
    it(`listens and closes, ${how}`, async () => {
      const traces = [];
      for (const implementation of [turnout, http]) {
        const log = [];
        const server = implementation.createServer();
        const derived = derive(server);
        derived.on('request', (req, res) => {
          log.push(req.socket.server === derived, derived._connections);
          res.end('ok');
        });
        await new Promise((resolve) => derived.listen(0, '127.0.0.1', resolve));
        const { port } = derived.address();
        log.push(derived.listening, server.listening);
        await new Promise((resolve) => http.get({ port, host: '127.0.0.1', agent: false }, (res) => res.resume().on('close', resolve)));
        derived.closeAllConnections();
        log.push((await new Promise((resolve) => derived.close(resolve))) === undefined, derived.listening);
        traces.push(log.join());
      }
      expect(traces[0]).toBe(traces[1]);
    });
  }
});
