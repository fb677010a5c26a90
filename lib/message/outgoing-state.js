'use strict';

/**
 * The fields of an outgoing message, and the symbols under which the files that work on it find them: outgoing-message.js, what users call;
 * outgoing-queue.js, what waits for a sink; corking.js, what is buffered within a tick; outgoing-end.js, the end.
 */

const { EventEmitter } = require('node:events');
const { STATE } = require('./steps');
const { kEvents, kOwner, kOutHeaders, kSink, kLine, kUniqueHeaders, kLenient, kStep } = require('../base/symbols');

/** What waits for a sink. */
const kQueue = Symbol('turnout.queue');
/** How often it is corked, and how often it has corked its sink. */
const kCorked = Symbol('turnout.corked');
const kForwardedCorks = Symbol('turnout.forwardedCorks');
/** The chunks of this tick. */
const kBuffered = Symbol('turnout.buffered');
const kBufferedLength = Symbol('turnout.bufferedLength');
const kNeedDrain = Symbol('turnout.needDrain');
const kErrored = Symbol('turnout.errored');
const kWritableFinished = Symbol('turnout.writableFinished');
const kEndCallbacks = Symbol('turnout.endCallbacks');
const kHighWaterMark = Symbol('turnout.highWaterMark');
const kRejectBody = Symbol('turnout.rejectNonStandardBodyWrites');
const kBytesWritten = Symbol('turnout.bytesWritten');
const kUnusualHead = Symbol('turnout.unusualHead');

const { emit } = EventEmitter.prototype;

/** All fields in one place, so that all messages have one shape. EventEmitter's and Stream's constructors would only set what is set here. */
function initOutgoing(message, highWaterMark, rejectBody) {
  message[kOwner] = message;
  message[kEvents] = undefined;
  message._eventsCount = 0;
  message._maxListeners = undefined;
  message.outputSize = 0;
  message.writable = true;
  message.destroyed = false;
  message._last = false;
  message.chunkedEncoding = false;
  message.shouldKeepAlive = true;
  message.maxRequestsOnConnectionReached = false;
  message._defaultKeepAlive = true;
  message.useChunkedEncodingByDefault = true;
  message.sendDate = false;
  message._removedConnection = false;
  message._removedContLen = false;
  message._removedTE = false;
  message.strictContentLength = false;
  message._contentLength = null;
  message._hasBody = true;
  message._trailer = '';
  message.finished = false;
  message._headerSent = false;
  message._closed = false;
  message._header = null;
  message._keepAliveTimeout = 0;
  message._onPendingData = noop;
  message[kOutHeaders] = null;
  message[kSink] = null;
  message[kLine] = null;
  message[kUniqueHeaders] = null;
  message[kLenient] = null;
  message[kQueue] = null;
  message[kCorked] = 0;
  message[kForwardedCorks] = 0;
  message[kBuffered] = null;
  message[kBufferedLength] = 0;
  message[kNeedDrain] = false;
  message[kErrored] = null;
  message[kWritableFinished] = false;
  message[kEndCallbacks] = null;
  message[kHighWaterMark] = highWaterMark;
  message[kRejectBody] = rejectBody;
  message[kBytesWritten] = 0;
  message[kUnusualHead] = false;
  message[kStep] = STATE.NOT_YET;
}

function noop() {}

/** Emits where somebody may hear it; an `emit` that was replaced hears everything. */
function announce(message, event) {
  if (message[kEvents] !== undefined || message.emit !== emit) message.emit(event);
}

module.exports = {
  kQueue,
  kCorked,
  kForwardedCorks,
  kBuffered,
  kBufferedLength,
  kNeedDrain,
  kErrored,
  kWritableFinished,
  kEndCallbacks,
  kHighWaterMark,
  kRejectBody,
  kBytesWritten,
  kUnusualHead,
  initOutgoing,
  announce,
  noop,
};
