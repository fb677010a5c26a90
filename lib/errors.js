'use strict';

/**
 * Every error made in JavaScript, with Node's code, class and words. `name` and `message` look as Node's do: the code stands in
 * the stack's first line and in toString().
 */

const util = require('node:util');

/** code → [class, message from arguments]; source: Node's documentation of errors. */
const TEXTS = {
  ERR_HTTP_BODY_NOT_ALLOWED: [Error, () => 'Adding content for this request method or response status is not allowed.'],
  ERR_HTTP_CONTENT_LENGTH_MISMATCH: [
    Error,
    (actual, expected) => `Response body's content-length of ${actual} byte(s) does not match the content-length of ${expected} byte(s) set in header`,
  ],
  ERR_HTTP_HEADERS_SENT: [Error, (what) => `Cannot ${what} headers after they are sent to the client`],
  ERR_HTTP_INVALID_STATUS_CODE: [RangeError, (code) => `Invalid status code: ${code}`],
  ERR_HTTP_REQUEST_TIMEOUT: [Error, () => 'Request timeout'],
  ERR_HTTP_SOCKET_ASSIGNED: [Error, () => 'ServerResponse has an already assigned socket'],
  ERR_HTTP_SOCKET_ENCODING: [Error, () => 'Changing the socket encoding is not allowed per RFC7230 Section 3.'],
  ERR_HTTP_TRAILER_INVALID: [Error, () => 'Trailers are invalid with this transfer encoding'],
  ERR_INVALID_ARG_TYPE: [TypeError, (name, expected, value) => `The "${name}" ${name.includes('.') ? 'property' : 'argument'} ${expected}. Received ${received(value)}`],
  ERR_INVALID_ARG_VALUE: [
    TypeError,
    (name, value, reason = 'is invalid') => `The ${name.includes('.') ? 'property' : 'argument'} '${name}' ${reason}. Received ${util.inspect(value)}`,
  ],
  ERR_INVALID_CHAR: [TypeError, (where, name) => `Invalid character in ${where}${name === undefined ? '' : ` ["${name}"]`}`],
  ERR_METHOD_NOT_IMPLEMENTED: [Error, (name) => `The ${name} method is not implemented`],
  ERR_OUT_OF_RANGE: [RangeError, (name, range, value) => `The value of "${name}" is out of range. It must be ${range}. Received ${util.inspect(value)}`],
  ERR_STREAM_ALREADY_FINISHED: [Error, (name) => `Cannot call ${name} after a stream was finished`],
  ERR_STREAM_CANNOT_PIPE: [Error, () => 'Cannot pipe, not readable'],
  ERR_STREAM_DESTROYED: [Error, (name) => `Cannot call ${name} after a stream was destroyed`],
  ERR_STREAM_NULL_VALUES: [TypeError, () => 'May not write null values to stream'],
  ERR_STREAM_WRITE_AFTER_END: [Error, () => 'write after end'],
  ERR_UNKNOWN_ENCODING: [TypeError, (name) => `Unknown encoding: ${name}`],
};

/** @return {Error} with Node's code, class and message */
function nodeError(code, ...args) {
  const [Base, text] = TEXTS[code];
  const error = new Base(text(...args));
  decorate(error, code);
  return error;
}

/** As Node's: the stack begins `Name [CODE]: message`, while `name` itself stays the class's. */
function decorate(error, code) {
  const { name } = error;
  Object.defineProperties(error, {
    code: { value: code, writable: true, enumerable: true, configurable: true },
    toString: {
      value() {
        return `${this.name} [${code}]: ${this.message}`;
      },
      writable: true,
      enumerable: false,
      configurable: true,
    },
  });
  error.stack = error.stack.replace(name, `${name} [${code}]`);
}

function received(value) {
  if (value == null) return String(value);
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object') return value.constructor?.name ? `an instance of ${value.constructor.name}` : util.inspect(value, { depth: -1 });
  return `type ${typeof value} (${util.inspect(value, { colors: false })})`;
}

/** The connection is gone: ECONNRESET, as Node's "aborted" and "socket hang up". */
function connResetException(message) {
  const error = new Error(message);
  error.code = 'ECONNRESET';
  return error;
}

/** A failed system call on a socket. @param {number} errno negative */
function errnoException(errno, syscall) {
  const code = util.getSystemErrorName(errno);
  const error = new Error(`${syscall} ${code}`);
  error.errno = errno;
  error.code = code;
  error.syscall = syscall;
  return error;
}

/** listen() failed. @param {number} errno negative */
function listenException(errno, address, port) {
  const [code, text] = util.getSystemErrorMap().get(errno) ?? [`Unknown system error ${errno}`, ''];
  const where = port && port > 0 ? `${address ?? '::'}:${port}` : (address ?? '');
  const error = new Error(`listen ${code}: ${text}${where ? ` ${where}` : ''}`);
  error.code = code;
  error.errno = errno;
  error.syscall = 'listen';
  error.address = address ?? '::';
  if (port) error.port = port;
  return error;
}

/** What llhttp's users see of a malformed message. */
function parseError(code, reason, bytesParsed, rawPacket) {
  const error = new Error(`Parse Error: ${reason}`);
  error.bytesParsed = bytesParsed;
  error.code = code;
  error.reason = reason;
  error.rawPacket = rawPacket;
  return error;
}

module.exports = {
  nodeError,
  connResetException,
  errnoException,
  listenException,
  parseError,
  requestTimeout: () => nodeError('ERR_HTTP_REQUEST_TIMEOUT'),
  httpSocketEncoding: () => nodeError('ERR_HTTP_SOCKET_ENCODING'),
  streamDestroyed: (name) => nodeError('ERR_STREAM_DESTROYED', name),
};
