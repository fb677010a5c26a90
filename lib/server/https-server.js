'use strict';

/**
 * https' Server: tls.Server, which listens, shakes hands and does all that TLS is about, and above its connections HTTP as Server has it.
 */

const tls = require('node:tls');
const https = require('../base/host-https');
const { Object } = require('../base/primordials');
const { Server: HttpServer, connectionListener, normalize, storeHttp, startHttp, beginHttp, endHttp } = require('./server');

/** What a server says it speaks, when its options do not say (RFC 7301). */
const PROTOCOLS = ['http/1.1'];

/**
 * @param {object} [options] https.createServer's
 * @param {Function} [requestListener] added to 'request'
 */
function Server(options, requestListener) {
  if (!(this instanceof Server)) return new Server(options, requestListener);
  const given = normalize(options, requestListener);
  storeHttp(this, given.options);
  const ALPNProtocols = given.options.ALPNProtocols || given.options.ALPNCallback ? undefined : PROTOCOLS;
  tls.Server.call(this, { noDelay: true, ALPNProtocols, ...given.options }, connectionListener);
  startHttp(this, given.options, this._events.connection);
  this.httpAllowHalfOpen = false;
  if (given.requestListener) this.on('request', given.requestListener);
  this.on('tlsClientError', serverOnTlsClientError);
  this.timeout = 0;
  this.maxHeadersCount = null;
  this.on('listening', serverOnListening);
}
Object.setPrototypeOf(Server.prototype, https.Server.prototype);
Object.setPrototypeOf(Server, https.Server);

/** Who does not come through the handshake is a client in error as any other. @this {Server} */
function serverOnTlsClientError(error, socket) {
  if (!this.emit('clientError', error, socket)) socket.destroy(error);
}

/** @this {Server} */
function serverOnListening() {
  beginHttp(this);
}

for (const name of ['closeAllConnections', 'closeIdleConnections', 'setTimeout', Symbol.asyncDispose]) {
  Object.defineProperty(Server.prototype, name, Object.getOwnPropertyDescriptor(HttpServer.prototype, name));
}

Server.prototype.close = function close() {
  endHttp(this);
  tls.Server.prototype.close.apply(this, arguments);
  return this;
};

/** @return {Server} */
function createServer(options, requestListener) {
  return new Server(options, requestListener);
}

module.exports = { Server, createServer };
