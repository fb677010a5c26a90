'use strict';

const http = require('node:http');
const { OutgoingMessage } = require('../../lib/message/outgoing-message');
const { ServerResponse } = require('../../lib/server/server-response');
const { kOutHeaders } = require('../../lib/base/symbols');
const { MAJOR, request } = require('../support/assigned-response');

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
