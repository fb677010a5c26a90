'use strict';

/**
 * What the server does with what the engine has recognised: a request becomes 'request', 'checkContinue', 'checkExpectation',
 * 'upgrade' or 'connect'; bad input and expired deadlines become 'clientError'. The order of the checks is Node's.
 */

const { EventEmitter } = require('node:events');
const http = require('../base/host-http');
const { OP, command } = require('../seam/binding');
const { EngineRequest, fillRequest, cutMessage, receiveEnd } = require('../message/incoming-message');
const { initServerResponse } = require('./server-response');
const { spokenOn } = require('../connection/carried');
const { UpgradeStream } = require('../connection/upgrade-stream');
const { connResetException, requestTimeout } = require('../base/errors');
const layout = require('../seam/layout');
const observability = require('../base/observability');
const { afterThisRound } = require('../connection/peer-end');
const { goOn, isOver } = require('../connection/pipeline');
const { ENDING, INPUT, PHASE } = require('../connection/states');
const { isSent } = require('../message/steps');
const { catchErrors } = require('./upgrade-errors');
const { kCatchUpgradeErrors, kMessageClass, kOptimizeEmptyRequests, kResponseClass } = require('../base/symbols');

const { KEEP_ALIVE, UPGRADE, HAS_BODY, HAS_HOST, EXPECT_CONTINUE, EXPECT_OTHER, REST } = layout.messageFlags;
const { KEEP_ALIVE: KEEP_ALIVE_EXPIRED } = layout.expired;
const { ACCEPTED } = layout.decideFlags;

function onRequest(connection, seq, flags, method, url, version, fields) {
  if ((flags & REST) === 0) {
    takeRequest(connection, seq, flags, method, url, version, fields);
    return;
  }
  try {
    takeRequest(connection, seq, flags, method, url, version, fields);
  } finally {
    // Only now: GO_ON comes after the answers of this burst, and the engine parses more when these have left. A peer that reads no answers is served no further.
    goOn(connection);
  }
}

function takeRequest(connection, seq, flags, method, url, version, fields) {
  const { server } = connection;
  const Message = server[kMessageClass];
  connection.ending &= ~ENDING.IF_IDLE;
  let req;
  if (Message === null) {
    req = new EngineRequest(connection, seq, method, url, version, fields);
  } else {
    req = new Message(connection.socket);
    fillRequest(req, connection, seq, method, url, version, fields);
  }
  if (server.joinDuplicateHeaders) req.joinDuplicateHeaders = true;
  req.upgrade = false;
  if (flags & HAS_BODY) connection.receiving = req;
  if (server.timeout) connection.side.wake(connection);
  connection.touch();
  if (flags & UPGRADE) connection.side.inScope(decideUpgrade, connection, req, flags, seq);
  else connection.side.inScope(answer, connection, req, flags);
  if (!(flags & HAS_BODY) && !req.complete) receiveEnd(req, '');
}

/** CONNECT is always taken; anything else is asked about once, before any event. */
function decideUpgrade(connection, req, flags, seq) {
  const { server } = connection;
  req.upgrade = true;
  let accepted = true;
  if (req.method !== 'CONNECT') {
    try {
      accepted = !!server.shouldUpgradeCallback(req);
    } catch (error) {
      connection.socket.destroy();
      throw error;
    }
  }
  if (accepted) {
    connection.upgradeRequest = req;
    connection.upgradeSeq = seq;
    return;
  }
  req.upgrade = false;
  // Of a stream that the callback has destroyed nothing more is told.
  if (!connection.madeSocket?.destroyed) command(OP.DECIDE, 0, connection, seq);
  answer(connection, req, flags | expectation(req));
}

/** The `Expect` of a declined upgrade candidate: the engine looks at this field only in requests that are no candidates. */
function expectation(req) {
  const { expect } = req.headers;
  if (expect === undefined) return 0;
  return /(?:^|\W)100-continue(?:$|\W)/i.test(expect) ? EXPECT_CONTINUE : EXPECT_OTHER;
}

/** The read that carried the upgrade request is parsed: the event fires now, with what followed in it. */
function onUpgrade(connection, seq, complete, head) {
  const { server, upgradeRequest: req } = connection;
  if (req === null || connection.upgradeSeq !== seq) return;
  connection.upgradeRequest = null;
  const event = req.method === 'CONNECT' ? 'connect' : 'upgrade';
  if (server.listenerCount(event) === 0) {
    connection.socket.destroy();
    return;
  }
  command(OP.DECIDE, ACCEPTED, connection, seq);
  // Before the socket may be made: it needs no listeners of HTTP's then.
  if (complete) connection.phase = PHASE.UPGRADED;
  const { socket } = connection;
  connection.side.leaveHttp(connection, complete);
  connection.endHttpPhase();
  let stream = socket;
  if (complete) {
    socket.parser = null;
  } else {
    stream = new UpgradeStream(connection, req);
    connection.upgradeStream = stream;
  }
  if (server[kCatchUpgradeErrors]) catchErrors(server, stream, req);
  observability.upgraded(connection, req, stream, head);
  server.emit(event, req, stream, head);
}

function answer(connection, req, flags) {
  const { server } = connection;
  connection.pauseIfFull();
  const Response = server[kResponseClass];
  const res = initServerResponse(req, connection, Response, server);
  res.shouldKeepAlive = (flags & KEEP_ALIVE) !== 0;
  if (server[kOptimizeEmptyRequests] && !hasBodyFields(req)) req._dumpAndCloseReadable();
  connection.requests++;
  observability.started(connection, req, res);
  if (req.httpVersionMinor === 1 && req.httpVersionMajor === 1) {
    if (!(flags & HAS_HOST) && server.requireHostHeader) {
      res.writeHead(400, ['Connection', 'close']);
      res.end();
      return;
    }
    const limit = server.maxRequestsPerSocket;
    if (limit > 0) {
      res.maxRequestsOnConnectionReached = limit <= connection.requests;
      if (limit < connection.requests) {
        server.emit('dropRequest', req, connection.socket);
        res.writeHead(503);
        res.end();
        return;
      }
    }
    if (flags & (EXPECT_CONTINUE | EXPECT_OTHER)) {
      answerExpectation(server, req, res, flags);
      return;
    }
  }
  server.emit('request', req, res);
}

/** For `optimizeEmptyRequests`: fields count, not the method. */
function hasBodyFields(req) {
  const { headers } = req;
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

/** RFC 9110 §10.1.1; an expectation that nobody checks is refused with 417. */
function answerExpectation(server, req, res, flags) {
  if (flags & EXPECT_CONTINUE) {
    res._expect_continue = true;
    if (server.listenerCount('checkContinue') > 0) {
      server.emit('checkContinue', req, res);
    } else {
      res.writeContinue();
      server.emit('request', req, res);
    }
  } else if (server.listenerCount('checkExpectation') > 0) {
    server.emit('checkExpectation', req, res);
  } else {
    res.writeHead(417);
    res.end();
  }
}

/** The peer broke the protocol, or was too slow for it. */
function onError(connection, error) {
  if (connection.phase === PHASE.PLAIN) return;
  if (error.code !== 'HPE_INVALID_EOF_STATE') tellError(connection, error);
  else if (connection.isUpgraded || connection.unfinished.length === 0) tellEnd(connection, error);
  else afterThisRound(connection, () => tellEnd(connection, error));
}

/** The error is a FIN that came in mid-message. node:http's parser does not say so while answers pile up: it is paused then. */
function tellEnd(connection, error) {
  if (connection.waitsForAnswers) return;
  connection.intake.noteEnd(INPUT.CUT);
  tellError(connection, error);
}

function tellError(connection, error) {
  // Node would read these bytes, or see the FIN, only after the ticks in which the last response closes its socket, and so not at all. What a stream of
  // JavaScript's brings is parsed when Node would parse it.
  const isTooLate = error.rawPacket === undefined ? connection.answeredLast : !connection.isStream && isOver(connection);
  if (isTooLate) return;
  if (!connection.isUpgraded) {
    clientError(connection, error, true);
    return;
  }
  // In the body of an accepted upgrade: nothing may be written into the new protocol, and a FIN is the stream's own end.
  if (error.code === 'HPE_INVALID_EOF_STATE') return;
  const message = connection.receiving;
  connection.receiving = null;
  if (message !== null) cutMessage(message, error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? error : connResetException('aborted'));
  clientError(connection, error, false);
}

function clientError(connection, error, mayAnswer) {
  observability.debug('SERVER clientError %s', error.code);
  if (isUnheard(connection, 'clientError')) {
    if (mayAnswer && connection.isActive && !isUnderWay(connection.current)) connection.writePiece(errorAnswer(error.code), 'latin1');
    connection.fail();
    connection.close();
    return;
  }
  const { server, socket } = connection;
  socket.removeListener('error', socketOnError);
  if (socket.listenerCount('error') === 0) socket.on('error', noop);
  if (server.emit('clientError', error, socket)) return;
  if (mayAnswer && socket.writable && !isUnderWay(connection.current)) socket.write(errorAnswer(error.code));
  // In the new protocol a deadline is an error of the socket; the peer's garbage only closes it.
  socket.destroy(mayAnswer || error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? error : undefined);
}

/** Whether the head of a response has left, and the rest of it has not. @param {object|null} res */
function isUnderWay(res) {
  return res !== null && res._headerSent && !isSent(res);
}

/**
 * Whether nobody would notice that the connection has no socket and the server does not emit: hundreds of connections expire together, and
 * a socket that is made to be destroyed costs more than the rest of it.
 */
function isUnheard({ madeSocket, server }, event) {
  return madeSocket === null && server.emit === EventEmitter.prototype.emit && server.listenerCount(event) === 0;
}

/** An error of the connection in the HTTP phase is the client's. */
function socketOnError(error) {
  const connection = spokenOn(this);
  // A stream may say so when it has closed.
  if (connection === undefined) return;
  // What is said after the last answer is the program's own fault, and node:http has destroyed the socket by then.
  if (isOver(connection) && error.code === 'ERR_STREAM_WRITE_AFTER_END') return;
  clientError(connection, error, true);
}

function noop() {}

const STATUS_OF = { ...layout.statuses, ERR_HTTP_REQUEST_TIMEOUT: 408 };

function errorAnswer(code) {
  const status = STATUS_OF[code] ?? 400;
  return `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`;
}

function onTimeout(connection, kind) {
  // It had passed before the engine knew that no HTTP is spoken.
  if (connection.phase === PHASE.PLAIN) return;
  if (kind === KEEP_ALIVE_EXPIRED) {
    if (connection.unfinished.length > 0) return;
    if (isUnheard(connection, 'timeout')) connection.close();
    else if (!connection.server.emit('timeout', connection.socket)) connection.socket.destroy();
    return;
  }
  onError(connection, requestTimeout());
}

/** Idle timer of the socket in the HTTP phase: request, response and server are asked, in that order. */
function socketOnTimeout() {
  const connection = spokenOn(this);
  if (connection === undefined) return;
  const req = connection.receiving;
  const res = connection.current;
  const byRequest = req !== null && !req.complete && req.emit('timeout', this);
  const byResponse = res !== null && res.emit('timeout', this);
  const byServer = connection.server.emit('timeout', this);
  if (!byRequest && !byResponse && !byServer) this.destroy();
}

/**
 * Bytes that reach JavaScript in the HTTP phase, because somebody reads them there or has put them there, go on to the parser. A Duplex may push more
 * when it has been destroyed: that is nobody's, as are its other words.
 */
function socketOnData(chunk) {
  const connection = spokenOn(this);
  if (connection === undefined) return;
  connection.intake.feed(chunk);
  connection.intake.giveBack(this.readableLength === 0);
}

function socketOnEnd() {
  spokenOn(this)?.intake.feedEnd();
}

function socketOnPause() {
  spokenOn(this)?.intake.setPaused(true);
}

function socketOnResume() {
  spokenOn(this)?.intake.setPaused(false);
}

/** Of the engine's sockets the connection knows by itself. */
function socketOnClose() {
  spokenOn(this)?.socketClosed();
}

function socketOnDrain() {
  spokenOn(this)?.socketDrained();
}

/** What Node's server listens to on the socket of a connection in its HTTP phase, in its order. */
const socketListeners = [
  ['timeout', socketOnTimeout],
  ['data', socketOnData],
  ['error', socketOnError],
  ['end', socketOnEnd],
  ['close', socketOnClose],
  ['drain', socketOnDrain],
  ['resume', socketOnResume],
  ['pause', socketOnPause],
];

/** @type {import('../base/roles').Exchange} */
const exchange = { onRequest, onUpgrade, onError, onTimeout };

module.exports = { exchange, socketListeners, socketOnData };
