'use strict';

/** What a response hands to the engine, and when. */

const { ServerResponse, initServerResponse } = require('../../lib/server/server-response');
const { CHUNKED, LAST, CLOSE, TRAILERS } = require('../../lib/seam/layout').writeFlags;
const { kAttach, kOnFinish, kOnClose, kOnDrain } = require('../../lib/base/symbols');
const { tick, request } = require('../support/assigned-response');

describe('a response on an engine sink', () => {
  const server = { rejectNonStandardBodyWrites: false, keepAliveTimeout: 5000, maxRequestsPerSocket: 0 };

  /** Records what it is given; `full` makes send() return false. */
  function recordingSink() {
    return {
      unfinished: [],
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
      showCurrent() {},
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

  it('asks to close after its last message', () => {
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
