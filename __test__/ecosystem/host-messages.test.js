'use strict';

/** One express app under messages of the engine and under messages that node:http made. */

const { run, otherNodes } = require('../support/child');
const { play } = require('../support/ecosystem');
const turnout = require('../..');

/** Everything an app does to a message that Node keeps in fields of its own. */
async function everywhere(kit, require, name) {
  const net = require('node:net');
  const { duplexPair } = require('node:stream');
  const express = require(name);
  const app = express();
  app.use(express.text({ limit: '1mb' }));
  app.post('/post', (req, res) => {
    res.cork();
    res.write(`read ${req.body.length}`);
    res.uncork();
    closed.push(kit.once(res, 'close').then(() => [res.writableFinished, req.complete, req.readableEnded]));
    res.end(`${req.secure} ${res.headersSent} ${res.writableEnded} ${req.trailers['x-sum'] ?? ''} ${req.rawTrailers.length}`);
  });
  app.get('/head', (req, res) => res.status(203).set('X-A', 'b').json({ v: req.httpVersion, raw: req.rawHeaders.length, at: Boolean(req.socket.remoteAddress) }));
  const closed = [];
  const text =
    'POST /post HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n' +
    '3\r\nabc\r\n0\r\nX-Sum: 3\r\n\r\n' +
    'GET /head HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

  const ours = kit.http.createServer(app);
  const port = await kit.listen(ours);
  const https = require('node:https').createServer(require('./__test__/support/certificate'), app).listen(0, '127.0.0.1');
  await kit.once(https, 'listening');

  const talk = async (socket) => {
    socket.write(text);
    let answer = '';
    for await (const data of socket.setEncoding('latin1')) answer += data;
    const lines = answer.split('\r\n');
    return [...lines.filter((line) => /^(HTTP|X-A)/.test(line)), ...lines.filter((line) => /^(\{|read|true|false)/.test(line))].join(' | ');
  };
  const answers = {};
  answers.engine = await talk(net.connect(port, '127.0.0.1'));
  answers.https = await talk(require('node:tls').connect({ port: https.address().port, host: '127.0.0.1', rejectUnauthorized: false }));
  if (duplexPair) {
    const [near, far] = duplexPair();
    ours.emit('connection', far);
    answers.emitted = await talk(near);
  }
  answers.again = await talk(net.connect(port, '127.0.0.1'));
  https.close();
  return { answers, closed: await Promise.all(closed) };
}

const GET = '{"v":"1.1","raw":4,"at":true}';
const answer = (secure, get = GET) => `HTTP/1.1 200 OK | HTTP/1.1 203 Non-Authoritative Information | X-A: b | read 3 | ${secure} true false 3 2 | ${get}`;

describe.each(['express', 'express4'])('%s', (name) => {
  it.each([
    ['with turnout/register', { register: true }],
    ['without it', { register: false }],
    ['on node:http', { host: 'node:http' }],
  ])('serves the engine, https and emitted connections with one app: %s', async (_, options) => {
    const { answers, closed } = await play(everywhere, { argument: name, ...options });
    const expected = { engine: answer(false), https: answer(true), again: answer(false) };
    // A Duplex of streams has no address; early releases of Node 20 cannot make one.
    if (answers.emitted !== undefined) expected.emitted = answer(false, GET.replace('true', 'false'));
    expect(answers).toEqual(expected);
    expect(closed).toEqual(Array(Object.keys(expected).length).fill([true, true, true]));
  });
});

it.each(Object.entries({ 'this Node': process.execPath, ...otherNodes() }))('express in a listener of an ESM program, on %s', async (_, node) => {
  const text = `
    import express from 'express';
    import { createServer } from './index.mjs';
    const app = express().get('/', (req, res) => res.send('hello ' + req.ip));
    const server = createServer((req, res) => app(req, res)).listen(0, '127.0.0.1', async () => {
      console.log(await (await fetch('http://127.0.0.1:' + server.address().port)).text());
      server.close();
    });`;
  expect(await run(['--input-type=module', '-e', text], { node })).toEqual({ code: 0, signal: null, out: 'hello 127.0.0.1\n', err: '' });
});

it('express serves turnout in jest, whose modules are its own', async () => {
  const app = require('express')();
  app.get('/', (req, res) => res.send(`hello ${req.ip}`));
  const server = turnout.createServer(app);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const response = await fetch(`http://127.0.0.1:${server.address().port}/`);
  expect([response.status, await response.text()]).toEqual([200, 'hello 127.0.0.1']);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
