'use strict';

/** One request at a time by one implementation of node:http to a server that answers with the bytes of a case. */

const net = require('node:net');
const { PATIENCE, listening, send } = require('./lane');

const latin1 = (chunk) => chunk.toString('latin1');

class ClientLane {
  #http;
  #server;
  #address;
  #case;
  #peerClosed;

  /** @param {object} http an implementation of node:http */
  constructor(http) {
    this.#http = http;
  }

  /** @return {Promise<{messages: object[], errors: object[], closed: string}>} */
  async play(one) {
    this.#address ??= await this.#listen();
    const outcome = { messages: [], errors: [], closed: 'hang' };
    this.#case = one;
    const peerClosed = new Promise((resolve) => (this.#peerClosed = resolve));
    const { method, body, headers } = one.request;
    const { path, ...where } = this.#address;
    const address = path === undefined ? where : { socketPath: path };
    const req = this.#http.request({ ...address, method, path: one.request.path ?? '/', headers: { Host: 'a', ...headers }, agent: false, ...one.options });
    const closed = new Promise((resolve) => req.on('close', resolve));
    this.#watch(req, outcome);
    req.end(body);
    let timer;
    const patience = new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE, true)));
    const hangs = await Promise.race([Promise.all([closed, peerClosed]), patience]);
    clearTimeout(timer);
    if (hangs === true) req.destroy();
    else outcome.closed = 'closed';
    this.#case = undefined;
    this.#server.emit('over');
    await new Promise(setImmediate);
    return outcome;
  }

  close() {
    this.#server?.close();
  }

  #watch(req, outcome) {
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
      });
    }
    req.on('error', failed);
  }

  async #listen() {
    this.#server = net.createServer({ allowHalfOpen: true }, (socket) => {
      let received = '';
      const over = () => socket.destroy();
      this.#server.once('over', over);
      socket.on('data', (chunk) => {
        const asked = received.includes('\r\n\r\n');
        received += latin1(chunk);
        if (!asked && received.includes('\r\n\r\n') && this.#case !== undefined) send(socket, this.#case);
      });
      socket.on('end', () => socket.end());
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#server.off('over', over);
        this.#peerClosed();
      });
    });
    return listening(this.#server);
  }
}

module.exports = { ClientLane };
