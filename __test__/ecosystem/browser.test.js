'use strict';

/* global location, EventSource -- of the page */

const turnout = require('../..');
const { once } = require('node:events');
const { WebSocketServer } = require('ws');
const { Browser, findBrowser } = require('../support/browser');

const binary = findBrowser();
if (binary === undefined) console.log('No Chromium on this machine: the tests with a real browser are skipped (apt-get install chromium).');

(binary === undefined ? describe.skip : describe)('a real browser', () => {
  let browser;
  let server;
  let sockets;
  let origin;
  beforeAll(async () => {
    browser = await Browser.start(binary);
  }, 60_000);
  afterAll(() => browser?.stop());

  beforeEach(async () => {
    sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true });
    server = turnout.createServer(answer);
    server.on('upgrade', (req, socket, head) => {
      if (req.url !== '/echo') {
        socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
        return;
      }
      sockets.handleUpgrade(req, socket, head, (ws) => {
        ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
        ws.on('close', (code, reason) => server.emit('left', code, String(reason)));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${server.address().port}`;
  });
  afterEach(async () => {
    for (const socket of sockets.clients) socket.terminate();
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  });

  function answer(req, res) {
    if (req.url === '/') {
      res.setHeader('Content-Type', 'text/html');
      res.end('<!doctype html><title>turnout</title>');
    } else if (req.url === '/upload') {
      let length = 0;
      req.on('data', (chunk) => (length += chunk.length));
      req.on('end', () => res.end(String(length)));
    } else if (req.url === '/stream') {
      res.write('first;');
      server.once('more', () => res.end('second;'));
    } else if (req.url === '/more') {
      res.end();
      server.emit('more');
    } else if (req.url === '/events') {
      res.writeHead(200, { 'Content-Type': 'text/event-stream' });
      res.write('data: one\n\ndata: two\n\n');
    } else {
      res.writeHead(404).end();
    }
  }

  it('opens a WebSocket from a page and exchanges text and binary', async () => {
    const left = once(server, 'left');
    const said = await browser.run(`${origin}/`, async () => {
      const socket = new WebSocket(`ws://${location.host}/echo`);
      socket.binaryType = 'arraybuffer';
      const next = () => new Promise((resolve, reject) => {
        socket.addEventListener('message', (event) => resolve(event.data), { once: true });
        socket.addEventListener('close', (event) => reject(new Error(`closed ${event.code}`)), { once: true });
      });
      await new Promise((resolve, reject) => {
        socket.onopen = resolve;
        socket.onerror = () => reject(new Error('no connection'));
      });
      const answers = [socket.extensions.split(';')[0]];
      for (const text of ['hello', 'ü'.repeat(50_000)]) {
        socket.send(text);
        answers.push((await next()) === text);
      }
      const bytes = crypto.getRandomValues(new Uint8Array(60_000));
      socket.send(bytes);
      const back = new Uint8Array(await next());
      answers.push(back.length, back.every((byte, i) => byte === bytes[i]));
      const closed = new Promise((resolve) => (socket.onclose = (event) => resolve([event.code, event.wasClean])));
      socket.close(4000, 'bye');
      return [...answers, await closed];
    });
    expect(said).toEqual(['permessage-deflate', true, true, 60_000, true, [4000, true]]);
    expect(await left).toEqual([4000, 'bye']);
  });

  it('is refused a WebSocket by an HTTP answer', async () => {
    const outcome = await browser.run(`${origin}/`, () => new Promise((resolve) => {
      const socket = new WebSocket(`ws://${location.host}/other`);
      socket.onopen = () => resolve('open');
      socket.onclose = (event) => resolve(event.code);
    }));
    expect(outcome).toBe(1006);
  });

  it('reads a response while it is being written, uploads, and reads server-sent events', async () => {
    const outcome = await browser.run(`${origin}/`, async () => {
      const response = await fetch('/stream');
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const parts = [(await reader.read()).value];
      await fetch('/more', { method: 'POST' });
      for (let part = await reader.read(); !part.done; part = await reader.read()) parts.push(part.value);
      const upload = await (await fetch('/upload', { method: 'POST', body: new Blob([new Uint8Array(3_000_000)]) })).text();
      const events = await new Promise((resolve) => {
        const source = new EventSource('/events');
        const seen = [];
        source.onmessage = (event) => {
          if (seen.push(event.data) < 2) return;
          source.close();
          resolve(seen);
        };
      });
      return { parts, upload, events };
    });
    expect(outcome).toEqual({ parts: ['first;', 'second;'], upload: '3000000', events: ['one', 'two'] });
  });
});
