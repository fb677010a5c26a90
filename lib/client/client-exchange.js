'use strict';

/**
 * What the client does with what the engine has recognised and with what happens to the socket: 'continue', 'information',
 * 'response', 'upgrade', 'connect', errors, and the way of the socket back to its agent. The order of events is Node's.
 */

const observability = require('./client-observability');
const layout = require('../seam/layout');
const { EngineRequest, detachSignal, receiveEnd } = require('../message/incoming-message');
const { endSoon } = require('../message/socket-sink');
const { connResetException } = require('../base/errors');
const { listen, unlisten } = require('../base/own-listeners');
const { join, nextTick, split } = require('../base/primordials');
const { carriedOn, spokenOn } = require('../connection/carried');
const { kSink, kOnClose, kOnDrain } = require('../base/symbols');

const { KEEP_ALIVE, UPGRADE, HAS_BODY } = layout.messageFlags;
const { MAX_FIELDS } = layout.limits;
/** Fields that Node's parser hands over at a time; see makeResponse(). */
const UNCUT_RAW_FIELDS = 32;

/** Emits 'error', and tells whoever observes requests. @param {import('./client-request').ClientRequest} req @param {Error} error */
function emitErrorEvent(req, error) {
  observability.failed(req, error);
  req.emit('error', error);
}

/** No more of this response will come. */
function freeParser(req, socket) {
  if (req) req.parser = null;
  const parser = spokenOn(socket)?.parser ?? null;
  if (parser !== null) parser.outgoing = null;
  socket.parser = null;
}

/**
 * Node reads here. The bytes of the engine's sockets do not pass, but listeners are counted: node-fetch takes a missing one for the end of the
 * response.
 */
function socketOnData(chunk) {
  carriedOn(this)?.receive(chunk);
}

function ondrain() {
  this._httpMessage?.[kOnDrain]?.();
}

function removeReaders(socket) {
  unlisten(socket, 'data', socketOnData);
  unlisten(socket, 'end', socketOnEnd);
}

function socketOnEnd() {
  const req = this._httpMessage;
  if (!req.res && !req.socket._hadError) {
    req.socket._hadError = true;
    emitErrorEvent(req, connResetException('socket hang up'));
  }
  carriedOn(this)?.finish();
  freeParser(req, this);
  this.destroy();
}

function socketErrorListener(error) {
  observability.debug('SOCKET ERROR:', error.message, error.stack);
  const req = this._httpMessage;
  if (req) {
    // 'close' follows, and must not tell of a second error.
    this._hadError = true;
    emitErrorEvent(req, error);
  }
  freeParser(req, this);
  removeReaders(this);
  this.destroy();
}

function socketCloseListener() {
  observability.debug('HTTP socket close');
  const req = this._httpMessage;
  const { res } = req;
  req.destroyed = true;
  if (res) {
    if (!res.complete) res.destroy(connResetException('aborted'));
  } else if (!req.socket._hadError) {
    req.socket._hadError = true;
    emitErrorEvent(req, connResetException('socket hang up'));
  }
  req[kOnClose]();
  req.outputData.length = 0;
  req[kSink] = null;
  carriedOn(this)?.socketClosed();
  freeParser(req, this);
}

/** 100 (Continue), 102 to 199: another response follows (RFC 9110 §15.2). */
function isInformational(status) {
  return status >= 100 && status < 200 && status !== 101;
}

/** How many fields a request wants of a head, and of trailers. */
function mostFields({ maxHeadersCount }) {
  if (typeof maxHeadersCount !== 'number') return MAX_FIELDS;
  return maxHeadersCount > 0 ? maxHeadersCount : Infinity;
}

/** @return {string} the first `most` of fields that stand as `name NUL value NUL name …` */
function firstFields(fields, most) {
  return join(split(fields, '\0', most * 2), '\0');
}

/** Of trailers no more are shown than of a head's fields. */
function cutTrailers(req, trailers) {
  const most = mostFields(req);
  return trailers === '' || most === Infinity ? trailers : firstFields(trailers, most);
}

/** A response as the user will see it. */
function makeResponse(connection, req, { status, version, reason, fields, fieldCount }) {
  const most = mostFields(req);
  const isCut = fieldCount > most;
  const shown = isCut ? firstFields(fields, most) : fields;
  const res = new EngineRequest(connection, 0, null, '', version, shown);
  res.statusCode = status;
  res.statusMessage = reason;
  if (req.joinDuplicateHeaders) res.joinDuplicateHeaders = true;
  if (isCut && fieldCount < UNCUT_RAW_FIELDS) {
    // Node's parser hands over 32 fields at a time and looks at the limit only then: of fewer, `rawHeaders` shows all, and only `headers` keeps to the limit.
    void res.headers;
    void res.headersDistinct;
    res.rawHeaders = split(fields, '\0');
  }
  return res;
}

/** @param {import('./client-connection').ClientConnection} connection whose `response` is the head */
function onResponse(connection, flags) {
  const head = connection.response;
  const { request: req, madeSocket: socket } = connection;
  connection.response = null;
  if (req === null || head.seq !== connection.seq || req.res) {
    // Nobody asked: what an idle server says must not pass for the answer to the next request.
    socket.destroy();
    return;
  }
  const res = makeResponse(connection, req, head);
  if (flags & UPGRADE) {
    res.upgrade = true;
    req.res = res;
    connection.upgradeResponse = res;
    return;
  }
  if (isInformational(res.statusCode)) {
    if (res.statusCode === 100) req.emit('continue');
    const { statusCode, statusMessage, httpVersion, httpVersionMajor, httpVersionMinor, headers, rawHeaders } = res;
    req.emit('information', { statusCode, statusMessage, httpVersion, httpVersionMajor, httpVersionMinor, headers, rawHeaders });
    return;
  }
  req.res = res;
  if (req.shouldKeepAlive && !(flags & KEEP_ALIVE)) req.shouldKeepAlive = false;
  observability.responded(req, res);
  res.req = req;
  res.on('end', responseOnEnd);
  req.on('finish', requestOnFinish);
  listen(socket, 'timeout', responseOnTimeout);
  if (flags & HAS_BODY) connection.receiving = res;
  try {
    // A response that nobody takes must not keep its connection waiting.
    if (req.aborted || !req.emit('response', res)) res._dump();
  } finally {
    if (!(flags & HAS_BODY)) {
      receiveEnd(res, '');
      responseComplete(connection);
    }
  }
}

/** The last byte of the response is in. */
function responseComplete(connection) {
  const { request: req, madeSocket: socket } = connection;
  if (req === null) return;
  removeReaders(socket);
  unlisten(socket, 'drain', ondrain);
  freeParser(req, socket);
}

/** The bytes after a 101, or after any response to CONNECT, are another protocol's. */
function onUpgrade(connection, seq, complete, head) {
  if (!connection.isActive) return;
  const { request: req, madeSocket: socket, upgradeResponse: res } = connection;
  connection.upgradeResponse = null;
  if (req === null || res === null) {
    socket.destroy();
    return;
  }
  // Readable must know that nobody reads any more.
  socket.removeListener('data', socketOnData);
  removeReaders(socket);
  socket.removeListener('drain', ondrain);
  if (req.timeoutCb) socket.removeListener('timeout', req.timeoutCb);
  socket.removeListener('timeout', responseOnTimeout);
  freeParser(req, socket);
  receiveEnd(res, '');
  const event = req.method === 'CONNECT' ? 'connect' : 'upgrade';
  if (req.listenerCount(event) === 0) {
    socket.destroy();
    return;
  }
  req.upgradeOrConnect = true;
  socket.emit('agentRemove');
  socket.removeListener('close', socketCloseListener);
  socket.removeListener('error', socketErrorListener);
  connection.upgrade();
  socket._httpMessage = null;
  socket.readableFlowing = null;
  try {
    req.emit(event, res, socket, head);
  } finally {
    req[kOnClose]();
  }
}

/** The server broke the protocol. */
function onError(connection, error) {
  const { request: req, madeSocket: socket } = connection;
  if (req === null) {
    socket.destroy();
    return;
  }
  observability.debug('parse error', error);
  freeParser(req, socket);
  removeReaders(socket);
  socket.destroy();
  req.socket._hadError = true;
  emitErrorEvent(req, error);
}

// ---- after the response ------------------------------------------------------------------------------------------------

function responseOnEnd() {
  const { req } = this;
  const { socket } = req;
  if (socket) {
    if (req.timeoutCb) socket.removeListener('timeout', req.timeoutCb);
    unlisten(socket, 'timeout', responseOnTimeout);
  }
  req._ended = true;
  detachSignal(this);
  if (!req.shouldKeepAlive) {
    observability.debug('AGENT socket.destroySoon()');
    if (socket.writable) endSoon(socket);
  } else if (req.writableFinished && !this.aborted) {
    responseKeepAlive(req);
  }
}

/** The response was there before the request had left. */
function requestOnFinish() {
  if (this.shouldKeepAlive && this._ended && !this.destroyed) responseKeepAlive(this);
}

function responseOnTimeout() {
  this._httpMessage?.res?.emit('timeout');
}

/** The socket goes back to its agent, once whoever listens for 'end' has been heard. */
function responseKeepAlive(req) {
  observability.debug('AGENT socket keep-alive');
  const { socket } = req;
  if (req.timeoutCb) {
    socket.setTimeout(0, req.timeoutCb);
    req.timeoutCb = null;
  }
  unlisten(socket, 'close', socketCloseListener);
  unlisten(socket, 'error', socketErrorListener);
  if (socket.parser !== null) removeReaders(socket);
  spokenOn(socket)?.finishRequest();
  req[kSink] = null;
  nextTick(emitFree, req);
  req.destroyed = true;
  // So that res.destroy() does not reach the next request's connection.
  if (req.res) req.res.socket = null;
}

function emitFree(req) {
  req._closed = true;
  req.emit('close');
  req.socket?.emit('free');
}

module.exports = { socketOnData, socketOnEnd, socketCloseListener, ondrain, emitErrorEvent, socketErrorListener, onResponse, onUpgrade, onError, responseComplete, cutTrailers };
