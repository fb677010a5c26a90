'use strict';

/**
 * A tunnel through a proxy: CONNECT to where a connection is to lead, and TLS with the server there inside of it. What is between us and the proxy is
 * libuv's: Node's tls is faster over that than over any other stream.
 */

const net = require('node:net');
const tls = require('node:tls');
const http = require('../base/host-http');
const { nodeError } = require('../base/errors');
const { Buffer, Number } = require('../base/primordials');
const { proxyFor } = require('./proxy');

const HEAD_END = '\r\n\r\n';

class Tunnel {
  #proxy;
  #options;
  #done;
  #socket;
  #head = null;
  #payload;
  #target;

  constructor(agent, proxy, options, done) {
    this.#proxy = proxy;
    this.#options = options;
    this.#done = done;
    this.#target = targetOf(agent, options);
    const isKept = agent.keepAlive || agent.maxSockets !== Infinity;
    this.#payload =
      `CONNECT ${this.#target} HTTP/1.1\r\n` +
      `${proxy.auth ? `proxy-authorization: ${proxy.auth}\r\n` : ''}` +
      `${isKept ? 'proxy-connection: keep-alive\r\n' : ''}` +
      `host: ${this.#target}${HEAD_END}`;
  }

  begin() {
    const { protocol, proxyConnectionOptions } = this.#proxy;
    const { connect } = protocol === 'https:' ? tls : net;
    const socket = connect({ ...proxyConnectionOptions }, this.#ask);
    this.#socket = socket;
    socket.on('error', this.#fail);
    const { timeout } = this.#options;
    if (timeout > 0) socket.setTimeout(timeout, this.#late);
  }

  #ask = () => {
    if (this.#done === null) return;
    this.#socket.on('end', this.#ended);
    this.#socket.on('readable', this.#read);
    this.#socket.write(this.#payload);
  };

  #read = () => {
    for (let chunk; this.#done !== null && (chunk = this.#socket.read()) !== null; ) {
      this.#head = this.#head === null ? chunk : Buffer.concat([this.#head, chunk]);
      if (this.#isAnswered()) return;
    }
  };

  /** @return {boolean} whether the proxy's answer is there, and has been dealt with */
  #isAnswered() {
    const head = this.#head;
    const at = head.indexOf(HEAD_END);
    const length = at === -1 ? head.length : at + HEAD_END.length;
    const most = this.#options.maxHeaderSize || http.maxHeaderSize;
    if (length > most) {
      this.#fail(nodeError('ERR_PROXY_TUNNEL', `Proxy response headers exceeded ${most} bytes`));
      return true;
    }
    if (at === -1) return false;
    const line = head.subarray(0, head.indexOf('\r\n')).toString();
    const status = line.split(' ')[1];
    // 2xx says the same (RFC 9110 §9.3.6), but clients take 200 alone.
    if (status === '200') {
      this.#leaveSocket();
      if (head.length > length) this.#socket.unshift(head.subarray(length));
      this.#secure();
      return true;
    }
    const error = nodeError('ERR_PROXY_TUNNEL', `Failed to establish tunnel to ${this.#target} via ${this.#proxy.href}: ${line}`);
    error.statusCode = Number.parseInt(status, 10);
    this.#fail(error);
    return true;
  }

  #secure() {
    const { servername, host } = this.#options;
    const options = { servername: servername || net.isIP(host) ? undefined : host, ...this.#options, socket: this.#socket };
    let socket = null;
    const failed = (error) => this.#finish(error);
    try {
      socket = tls.connect(options, () => {
        socket.removeListener('error', failed);
        this.#finish(null, socket);
      });
    } catch (error) {
      this.#socket.destroy();
      this.#finish(error);
      return;
    }
    socket.on('error', failed);
  }

  #ended = () => {
    this.#fail(nodeError('ERR_PROXY_TUNNEL', 'Connection to establish proxy tunnel ended unexpectedly'));
  };

  #late = () => {
    const { timeout } = this.#options;
    const error = nodeError('ERR_PROXY_TUNNEL', `Connection to establish proxy tunnel timed out after ${timeout}ms`);
    error.proxyTunnelTimeout = timeout;
    this.#fail(error);
  };

  #fail = (error) => {
    this.#leaveSocket();
    // What follows is nobody's.
    this.#socket.on('error', () => {});
    this.#socket.destroy();
    this.#finish(error);
  };

  #leaveSocket() {
    const socket = this.#socket;
    socket.removeListener('readable', this.#read);
    socket.removeListener('end', this.#ended);
    socket.removeListener('error', this.#fail);
    socket.setTimeout(0, this.#late);
  }

  #finish(error, socket) {
    const done = this.#done;
    this.#done = null;
    if (done !== null) done(error, socket);
  }
}

/** @return {string} host and port, an IPv6 address in brackets */
function targetOf(agent, { host, port }) {
  const name = net.isIPv6(host) ? `[${host}]` : host || 'localhost';
  return `${name}:${port || agent.defaultPort}`;
}

/**
 * Connects to a server of https through its agent's proxy.
 * @param {https.Agent} agent whose proxy takeProxy() has set
 * @param {object} options of tls.connect(), with `host` and `port`; `timeout` counts for the tunnel, too
 * @param {(error: Error|null, socket?: tls.TLSSocket) => void} done once; after the call
 * @return {boolean} false: no proxy leads there, and nothing has been done
 */
function connectThroughProxy(agent, options, done) {
  const proxy = proxyFor(agent, options);
  if (proxy === null) return false;
  new Tunnel(agent, proxy, options, done).begin();
  return true;
}

module.exports = { connectThroughProxy };
