'use strict';

/**
 * IncomingMessage: a request as JavaScript sees it.
 *
 * A request from the engine is a handful of fields. Its Readable half is made when something first touches
 * `_readableState`, its header lists when they are first read, its socket when `socket` is first read: a handler that looks
 * at method and url pays for nothing else. By hand (`new IncomingMessage(socket)`) everything is made at once, as in Node.
 */

const http = require('../base/host-http');
const { Readable } = require('node:stream');
const {
  kFields, kRawHeaders, kHeaders, kHeadersDistinct, kRawTrailers, kTrailers, kTrailersDistinct, splitFields, fieldMembers, fieldMethods,
} = require('./incoming-fields');
const { Inflow } = require('./inflow');
const { eventsAccessor, ownerOf } = require('./message-owner');
const { abortFields } = require('../base/node-internals');
const { AbortController, Error, Object, Reflect, each, nextTick } = require('../base/primordials');
const { kEvents, kOwner } = require('../base/symbols');

const kConnection = Symbol('turnout.connection');
const kSeq = Symbol('turnout.seq');
const kSocket = Symbol('turnout.socket');
const kClient = Symbol('turnout.client');
const kHttpVersion = Symbol('turnout.httpVersion');
const kState = Symbol('turnout.readableState');
const kWaiting = Symbol('turnout.waiting');
const kInflow = Symbol('turnout.inflow');
const kAbort = Symbol('turnout.abort');
const kCut = Symbol('turnout.cut');
const kAbortController = Symbol('turnout.abortController');

const END = null;

/**
 * @param {import('net').Socket} [socket] the connection the message came on
 */
function IncomingMessage(socket) {
  initFields(this);
  this.httpVersionMajor = null;
  this.httpVersionMinor = null;
  this[kHttpVersion] = null;
  this[kSocket] = socket;
  this[kClient] = socket;
  startReadable(this, socket ? { highWaterMark: socket.readableHighWaterMark } : undefined);
}
Object.setPrototypeOf(IncomingMessage.prototype, http.IncomingMessage.prototype);
Object.setPrototypeOf(IncomingMessage, http.IncomingMessage);

/**
 * The lazy form the engine's requests take.
 * @param {import('../base/roles').Source} connection where it came from
 * @param {number} seq its number on that connection, from 1
 * @param {string} method name
 * @param {string} url request target
 * @param {number} version minor | major << 8
 * @param {string} fields `name NUL value NUL …`
 */
function EngineRequest(connection, seq, method, url, version, fields) {
  this[kOwner] = this;
  this[kConnection] = connection;
  this[kSeq] = seq;
  this[kFields] = fields;
  this[kState] = undefined;
  this[kWaiting] = null;
  this[kHeaders] = null;
  this[kRawHeaders] = null;
  this.url = url;
  this.method = method;
  this.httpVersionMajor = version >> 8;
  this.httpVersionMinor = version & 0xff;
  this.complete = false;
  this.upgrade = false;
  this._dumped = false;
}
EngineRequest.prototype = IncomingMessage.prototype;

/** Own fields of a message made by hand; everything else has its default on the prototype. */
function initFields(message) {
  message[kOwner] = message;
  message.complete = false;
  message.aborted = false;
  message.upgrade = null;
  message.url = '';
  message.method = null;
  message.statusCode = null;
  message.statusMessage = null;
  message.joinDuplicateHeaders = false;
}

const DEFAULTS = {
  [kOwner]: undefined,
  [kEvents]: undefined,
  [kConnection]: null,
  [kSeq]: 0,
  [kFields]: '',
  [kRawHeaders]: null,
  [kHeaders]: null,
  [kHeadersDistinct]: null,
  [kRawTrailers]: null,
  [kTrailers]: null,
  [kTrailersDistinct]: null,
  [kSocket]: undefined,
  [kClient]: undefined,
  [kHttpVersion]: undefined,
  [kState]: undefined,
  [kWaiting]: null,
  [kInflow]: null,
  [kAbort]: null,
  [kCut]: false,
  [kAbortController]: null,
  joinDuplicateHeaders: false,
  aborted: false,
  statusCode: null,
  statusMessage: null,
  _consuming: false,
  _dumped: false,
};
for (const key of Reflect.ownKeys(DEFAULTS)) {
  Object.defineProperty(IncomingMessage.prototype, key, { value: DEFAULTS[key], writable: true, enumerable: false, configurable: true });
}

/** Node's server looks at fields of its own on messages of a class that extends ours: they say what they say on a fresh message. */
for (const [key, value] of abortFields) Object.defineProperty(IncomingMessage.prototype, key, { value, writable: true, configurable: true });

/** Runs Readable's constructor; listeners added before it ran are kept by EventEmitter's own rule. */
function startReadable(message, options) {
  Readable.call(message, options);
  message[kState].readingMore = true;
}

/** First touch of the Readable half of an engine request: build it and hand it what has come meanwhile. */
function materialize(message) {
  const connection = message[kConnection];
  startReadable(message, { highWaterMark: (connection.isStream ? connection.madeSocket.readableHighWaterMark : undefined) ?? connection.highWaterMark });
  message[kInflow] = new Inflow(message, connection, pushEnd);
  const waiting = message[kWaiting];
  if (waiting !== null) {
    message[kWaiting] = null;
    for (const chunk of each(waiting)) pushBody(message, chunk);
  }
  if (message[kAbort] !== null) message.destroy(message[kAbort]);
}

/** What is made here when it is first asked for belongs to the message; what is assigned, to whoever it is assigned to, as with own properties. */
const prototypeMembers = {
  _events: eventsAccessor,
  _readableState: {
    get() {
      if (this[kState] === undefined && this[kConnection]) materialize(ownerOf(this));
      return this[kState];
    },
    set(value) {
      this[kState] = value;
    },
  },
  socket: {
    get() {
      if (this[kSocket] === undefined && this[kConnection]) ownerOf(this)[kSocket] = this[kConnection].socket;
      return this[kSocket];
    },
    set(value) {
      // `client` stays the first socket, also when `socket` is set to another or to null.
      if (this[kClient] === undefined && this[kSocket]) this[kClient] = this[kSocket];
      this[kSocket] = value;
    },
  },
  client: {
    get() {
      return this[kClient] === undefined ? this.socket : this[kClient];
    },
    set(value) {
      this[kClient] = value;
    },
  },
  connection: {
    get() {
      return this.socket;
    },
    set(value) {
      this.socket = value;
    },
  },
  httpVersion: {
    get() {
      if (this[kHttpVersion] === undefined) {
        const owner = ownerOf(this);
        owner[kHttpVersion] = `${owner.httpVersionMajor}.${owner.httpVersionMinor}`;
      }
      return this[kHttpVersion];
    },
    set(value) {
      this[kHttpVersion] = value;
    },
  },
  ...fieldMembers,
  signal: {
    get() {
      if (this[kAbortController] === null) {
        this[kAbortController] = new AbortController();
        if (this.destroyed && (!this.readableEnded || !this.complete)) this[kAbortController].abort();
        else abortWithSocket(this);
      }
      return this[kAbortController].signal;
    },
  },
};
for (const [name, { get, set }] of Object.entries(prototypeMembers)) {
  Object.defineProperty(IncomingMessage.prototype, name, { configurable: true, enumerable: false, get, set });
}

/**
 * Whether fields are worth looking at, asked without making them.
 * @param {http.IncomingMessage} message
 * @param {RegExp} pattern of the text `name NUL value NUL …`
 */
function mayHave(message, pattern) {
  const isUnread = message[kConnection] != null && message[kHeaders] === null && message[kRawHeaders] === null;
  return isUnread ? pattern.test(message[kFields]) : true;
}

/** An abort signal also fires when the connection goes before the exchange is over. */
function abortWithSocket(message) {
  const { socket } = message;
  if (!socket) return;
  const controller = message[kAbortController];
  if (socket.destroyed) {
    controller.abort();
    return;
  }
  const onClose = () => controller.abort();
  socket.once('close', onClose);
  message[kAbortController].detach = () => socket.removeListener('close', onClose);
}

Object.assign(IncomingMessage.prototype, fieldMethods);

IncomingMessage.prototype.setTimeout = function setTimeout(msecs, callback) {
  if (callback) this.on('timeout', callback);
  this.socket.setTimeout(msecs);
  return this;
};

IncomingMessage.prototype._read = function _read() {
  if (!this._consuming) {
    this[kState].readingMore = false;
    this._consuming = true;
  }
  if (this[kConnection]?.paused) this[kConnection].resumeSocket();
  if (this[kInflow] !== null) this[kInflow].more();
  else if (this.socket?.readable) this.socket.resume();
};

function pushEnd(message) {
  message.push(null);
}

/** A chunk of the body, or END, for the Readable; what nobody wants any more is only credited. */
function pushBody(message, chunk) {
  if (chunk !== END && message._dumped) message[kConnection].credit(chunk.length);
  else message[kInflow].push(chunk);
}

/** A chunk of the message body has come. */
function receiveBody(message, chunk) {
  if (message[kInflow] === null && !message._dumped) (message[kWaiting] ??= []).push(chunk);
  else pushBody(message, chunk);
}

/** The message is complete; `trailers` in the engine's form. */
function receiveEnd(message, trailers) {
  if (trailers !== '') message[kRawTrailers] = splitFields(trailers);
  message.complete = true;
  if (message[kInflow] !== null) pushBody(message, END);
  else (message[kWaiting] ??= []).push(END);
  // As Node's parser: the next message is read, unless somebody pauses after this one.
  if (message[kConnection].paused) message[kConnection].resumeSocket();
}

/** The connection went before the exchange was over. */
function abortMessage(message, error) {
  if (message[kState] !== undefined) {
    message.destroy(error);
  } else {
    message.aborted = true;
    message[kAbort] = error;
  }
  message[kAbortController]?.abort();
}

/** The rest of the body will not come, but the socket lives on in another protocol. */
function cutMessage(message, error) {
  message[kCut] = true;
  abortMessage(message, error);
}

/** The exchange is over: what becomes of the connection is nobody's signal. */
function detachSignal(message) {
  message[kAbortController]?.detach?.();
}

/** The response has left: what is unread of the body is thrown away, unless somebody has begun to read. */
function dropUnread(message) {
  detachSignal(message);
  if (message._dumped || message._consuming) return;
  if (message[kState] === undefined) {
    message._dumped = true;
    const waiting = message[kWaiting];
    if (waiting === null) return;
    for (const chunk of each(waiting)) if (chunk !== END) message[kConnection].credit(chunk.length);
    message[kWaiting] = message.complete ? [END] : null;
  } else if (!message[kState].resumeScheduled) {
    message._dump();
  }
}

/** Whether nobody has read from the message, so that the end of its exchange dumps it. */
function isUntouched(message) {
  const state = message[kState];
  return state === undefined || (!message._consuming && !state.flowing && !state.endEmitted && !message.readableDidRead);
}

/** Stream's own looks into `_events`, which is undefined until the first listener. */
IncomingMessage.prototype.eventNames = function eventNames() {
  return this[kEvents] === undefined ? [] : Readable.prototype.eventNames.call(this);
};

IncomingMessage.prototype._dump = function _dump() {
  if (this._dumped) return;
  this._dumped = true;
  this.removeAllListeners('data');
  // The body is complete and nothing of it is left: read() brings 'end' before the response's 'close', which resume() would not.
  if (this.complete && !this.destroyed && this.readableLength === 0) this.read(0);
  else this.resume();
};

/** For servers with `optimizeEmptyRequests`: the empty body is over without 'end' or 'close'. */
IncomingMessage.prototype._dumpAndCloseReadable = function _dumpAndCloseReadable() {
  this._dumped = true;
  const state = this._readableState;
  state.ended = true;
  state.endEmitted = true;
  state.destroyed = true;
  state.closed = true;
  state.closeEmitted = true;
};

/** A request that nobody has read and whose answer counts as sent: it has ended, but nobody has been told. */
function hasEndedUnread(message) {
  if (!message.complete || message.statusCode !== null || message[kConnection] === null || !isUntouched(message)) return false;
  return message._dumped || message[kConnection].hasSentUntold(message);
}

IncomingMessage.prototype._destroy = function _destroy(error, callback) {
  if (hasEndedUnread(this)) {
    this[kState].ended = true;
    this[kState].endEmitted = true;
    this.emit('end');
  } else if (!this.readableEnded || !this.complete) {
    this.aborted = true;
    this.emit('aborted');
    this[kAbortController]?.abort();
  }
  if (this.aborted && !this[kCut] && this.socket && !this.socket.destroyed) {
    const { socket } = this;
    if (this.statusCode !== null && this[kConnection] !== null) {
      // A response: it is over before its socket has closed.
      socket.destroy(error);
      nextTick(nextTick, finishDestroy, this, error, callback);
      return;
    }
    let done = false;
    const onEnd = (socketError) => {
      if (done) return;
      done = true;
      nextTick(finishDestroy, this, socketError instanceof Error ? socketError : error, callback);
    };
    socket.once('error', onEnd);
    socket.once('close', onEnd);
    socket.destroy(error);
  } else if (error == null && !this.aborted) {
    callback();
  } else {
    nextTick(finishDestroy, this, error, callback);
  }
};

/** An error nobody listens for is not thrown: the abort of a request is no failure of the program. */
function finishDestroy(message, error, callback) {
  if (message.listenerCount('error') === 0) callback();
  else callback(error);
}

module.exports = {
  IncomingMessage,
  EngineRequest,
  mayHave,
  receiveBody,
  receiveEnd,
  abortMessage,
  cutMessage,
  isUntouched,
  detachSignal,
  dropUnread,
  /**
   * Makes what has been constructed already, of a program's class, a request of the engine's. What EngineRequest() does it does by itself: fields that
   * a constructor names have their place in the object, and those of many classes would not be of one shape.
   */
  fillRequest(message, connection, seq, method, url, version, fields) {
    message[kConnection] = connection;
    if (message[kState] !== undefined) message[kInflow] = new Inflow(message, connection, pushEnd);
    message[kSeq] = seq;
    message[kFields] = fields;
    message.method = method;
    message.url = url;
    message.httpVersionMajor = version >> 8;
    message.httpVersionMinor = version & 0xff;
    message[kHttpVersion] = undefined;
  },
  seqOf: (message) => message[kSeq],
  /** Whether node:http made the message, which stands on our prototype all the same: see host-messages.js. */
  isHostRequest: (message) => message[kConnection] === null && message[kState] === undefined && message._readableState !== undefined,
};
