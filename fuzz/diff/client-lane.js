'use strict';

/** One request at a time by one implementation of node:http to a server that answers with the bytes of a case. */

const net = require('node:net');
const { CutStream } = require('./cut-stream');
const { PATIENCE, listening, send } = require('./lane');
const { givenStream, tasteOf, toPort } = require('./ways');

const latin1 = (chunk) => chunk.toString('latin1');

class ClientLane {
  #http;
  #over;
  #server;
  #connection;
  #case;
  #peerClosed;
  #leave;
  #given;

  /** @param {object} http an implementation of node:http @param {boolean} over whether its requests are given their streams */
  constructor(http, over = false) {
    this.#http = http;
    this.#over = over;
  }

  /** @return {Promise<{messages: object[], errors: object[], closed: string}>} */
  async play(one) {
    this.#connection ??= await this.#listen();
    const outcome = { messages: [], errors: [], closed: 'hang' };
    this.#case = one;
    const peerClosed = new Promise((resolve) => (this.#peerClosed = resolve));
    const { method, body, headers } = one.request;
    const req = this.#http.request({ ...this.#connection(one), method, path: one.request.path ?? '/', headers: { Host: 'a', ...headers }, ...one.options });
    const closed = new Promise((resolve) => req.on('close', resolve));
    // From now on it is ours alone again.
    req.on('close', () => this.#given?.on('error', () => {}));
    const switched = this.#watch(req, outcome);
    req.end(body);
    let timer;
    const patience = new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE, true)));
    const hangs = await Promise.race([Promise.all([closed, peerClosed]).then(() => Promise.all(switched)), patience]);
    clearTimeout(timer);
    if (hangs === true) req.destroy();
    else outcome.closed = 'closed';
    this.#case = undefined;
    this.#leave?.();
    this.#leave = undefined;
    await new Promise(setImmediate);
    return outcome;
  }

  close() {
    this.#server?.close();
  }

  /** @return {Promise[]} that streams of another protocol have closed: those there are when the request has */
  #watch(req, outcome) {
    const switched = [];
    const message = (kind, { statusCode, statusMessage, httpVersion, rawHeaders }) => {
      const entry = { kind, head: `${statusCode} ${JSON.stringify(statusMessage)} ${httpVersion} ${JSON.stringify(rawHeaders)}`, body: '', end: '' };
      outcome.messages.push(entry);
      return entry;
    };
    const failed = (error) => outcome.errors.push({ code: error.code, reason: error.reason, bytesParsed: error.bytesParsed, packet: error.rawPacket?.length });
    req.on('information', (info) => message('information', info));
    req.on('response', (res) => {
      const entry = message('response', res);
      res.on('data', (chunk) => (entry.body += latin1(chunk)));
      res.on('end', () => (entry.end = `end ${JSON.stringify(res.rawTrailers)} ${res.complete}`));
      res.on('aborted', () => (entry.end ||= 'aborted'));
      res.on('error', (error) => (entry.error = error.code));
    });
    for (const kind of ['upgrade', 'connect']) {
      req.on(kind, (res, socket, head) => {
        const entry = message(kind, res);
        entry.first = latin1(head);
        entry.raw = '';
        socket.on('data', (chunk) => (entry.raw += latin1(chunk)));
        socket.on('end', () => socket.end());
        socket.on('error', () => {});
        switched.push(new Promise((resolve) => socket.on('close', resolve)));
      });
    }
    req.on('error', failed);
    return switched;
  }

  /** @return {Promise<(one: object) => object>} what options a request has to reach the peer by */
  async #listen() {
    this.#server = net.createServer({ allowHalfOpen: true }, (socket) => {
      const one = this.#case;
      this.#answer(one?.over?.stream === 'socket' ? new CutStream(socket, tasteOf(one)) : socket);
    });
    const address = await listening(this.#server);
    return this.#over ? givenStream(address, this.#http, (stream) => this.#answer(stream), (stream) => (this.#given = stream)) : toPort(address);
  }

  /** The peer's part. @param {import('stream').Duplex} stream */
  #answer(stream) {
    let received = '';
    this.#leave = () => stream.destroy();
    stream.on('data', (chunk) => {
      const asked = received.includes('\r\n\r\n');
      received += latin1(chunk);
      if (!asked && received.includes('\r\n\r\n') && this.#case !== undefined) send(stream, this.#case);
    });
    stream.on('end', () => stream.end());
    stream.on('error', () => {});
    stream.on('close', () => this.#peerClosed());
  }
}

module.exports = { ClientLane };
