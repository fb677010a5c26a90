'use strict';

/**
 * Every error made in JavaScript, with Node's code, class and words. They look as Node's do: `code` is their only enumerable
 * property, and it stands in the stack's first line and in toString(), while `name` stays the class's. ERR_TURNOUT_NODE alone is our own.
 */

const util = require('node:util');
const { Error, Math, Number, Object, RangeError, Reflect, String, TypeError } = require('./primordials');

/** Characters of an inspected value that a message quotes. */
const LONGEST_QUOTE = 128;
/** Characters of an inspected primitive that ERR_INVALID_ARG_TYPE quotes. */
const LONGEST_PRIMITIVE = 28;

/** @return {string} `The "x" argument` or `The "options.x" property` */
function quoted(name) {
  if (name.endsWith(' argument')) return `The ${name}`;
  return `The "${name}" ${name.includes('.') ? 'property' : 'argument'}`;
}

/** @return {string} `value` as ERR_INVALID_ARG_TYPE describes it */
function received(value) {
  if (value == null) return `Received ${value}`;
  if (typeof value === 'function') return `Received function ${value.name}`;
  if (typeof value === 'object') {
    return value.constructor?.name ? `Received an instance of ${value.constructor.name}` : `Received ${util.inspect(value, { depth: -1 })}`;
  }
  let text = util.inspect(value, { colors: false });
  if (text.length > LONGEST_PRIMITIVE) text = `${text.slice(0, LONGEST_PRIMITIVE - 3)}...`;
  return `Received type ${typeof value} (${text})`;
}

/** @return {string} `value` inspected, cut to what fits a message */
function excerpt(value) {
  const text = util.inspect(value);
  return text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}...` : text;
}

/** @return {string} a number as ERR_OUT_OF_RANGE shows it: underscores between the thousands of what passes 2^32 */
function rangeValue(value) {
  const large = Number.isInteger(value) && Math.abs(value) > 2 ** 32;
  return large ? String(value).replace(/\B(?=(\d{3})+$)/g, '_') : util.inspect(value);
}

/** code → [class, message from arguments]; source: Node's documentation of errors, except for what is turnout's own. */
const TEXTS = {
  ERR_HTTP_BODY_NOT_ALLOWED: [Error, () => 'Adding content for this request method or response status is not allowed.'],
  ERR_HTTP_CONTENT_LENGTH_MISMATCH: [
    Error,
    (actual, expected) => `Response body's content-length of ${actual} byte(s) does not match the content-length of ${expected} byte(s) set in header`,
  ],
  ERR_HTTP_HEADERS_SENT: [Error, (what) => `Cannot ${what} headers after they are sent to the client`],
  ERR_HTTP_INVALID_HEADER_VALUE: [TypeError, (value, name) => `Invalid value "${value}" for header "${name}"`],
  ERR_HTTP_INVALID_STATUS_CODE: [RangeError, (code) => `Invalid status code: ${String(code)}`],
  ERR_HTTP_REQUEST_TIMEOUT: [Error, () => 'Request timeout'],
  ERR_HTTP_SOCKET_ASSIGNED: [Error, () => 'ServerResponse has an already assigned socket'],
  ERR_HTTP_SOCKET_ENCODING: [Error, () => 'Changing the socket encoding is not allowed per RFC7230 Section 3.'],
  ERR_HTTP_TRAILER_INVALID: [Error, () => 'Trailers are invalid with this transfer encoding'],
  ERR_INTERNAL_ASSERTION: [Error, (what) => `The call does not fit the state of the message: ${what}`],
  ERR_INVALID_ARG_TYPE: [TypeError, (name, expected, value) => `${quoted(name)} ${expected}. ${received(value)}`],
  ERR_INVALID_ARG_VALUE: [
    TypeError,
    (name, value, reason = 'is invalid') => `The ${name.includes('.') ? 'property' : 'argument'} '${name}' ${reason}. Received ${excerpt(value)}`,
  ],
  ERR_INVALID_CHAR: [TypeError, (where, name) => `Invalid character in ${where}${name === undefined ? '' : ` ["${name}"]`}`],
  ERR_INVALID_ADDRESS_FAMILY: [RangeError, (family, host, port) => `Invalid address family: ${family} ${host}:${port}`],
  ERR_INVALID_HANDLE_TYPE: [TypeError, () => 'This handle type cannot be sent'],
  ERR_INVALID_IP_ADDRESS: [TypeError, (address) => util.format('Invalid IP address: %s', address)],
  ERR_INVALID_PROTOCOL: [TypeError, (protocol, expected) => util.format('Protocol "%s" not supported. Expected "%s"', protocol, expected)],
  ERR_MISSING_ARGS: [TypeError, (...names) => `The ${names.map((name) => `"${name}"`).join(' or ')} argument must be specified`],
  ERR_TURNOUT_NODE: [
    Error,
    (name, without) =>
      `Node ${process.versions.node} does not have ${name} any more, which turnout needs (else: ${without}). ` +
      'The README says which Nodes turnout is for.',
  ],
  ERR_PROXY_INVALID_CONFIG: [Error, (what) => what],
  ERR_PROXY_TUNNEL: [Error, (what) => what],
  ERR_SOCKET_BAD_PORT: [RangeError, (name, port) => `${name} should be >= 0 and < 65536. ${received(port)}.`],
  ERR_SOCKET_CLOSED_BEFORE_CONNECTION: [Error, () => 'Socket closed before the connection was established'],
  ERR_SOCKET_CONNECTION_TIMEOUT: [Error, () => 'Socket connection timeout'],
  ERR_UNESCAPED_CHARACTERS: [TypeError, (what) => `${what} contains unescaped characters`],
  ERR_INVALID_HTTP_TOKEN: [TypeError, (what, name) => `${what} must be a valid HTTP token ["${name}"]`],
  ERR_IPC_CHANNEL_CLOSED: [Error, () => 'Channel closed'],
  ERR_IP_BLOCKED: [Error, (address) => `IP(${address}) is blocked by net.BlockList`],
  ERR_METHOD_NOT_IMPLEMENTED: [Error, (name) => `The ${name} method is not implemented`],
  ERR_OUT_OF_RANGE: [RangeError, (name, range, value) => `The value of "${name}" is out of range. It must be ${range}. Received ${rangeValue(value)}`],
  ERR_STREAM_ALREADY_FINISHED: [Error, (name) => `Cannot call ${name} after a stream was finished`],
  ERR_STREAM_CANNOT_PIPE: [Error, () => 'Cannot pipe, not readable'],
  ERR_STREAM_DESTROYED: [Error, (name) => `Cannot call ${name} after a stream was destroyed`],
  ERR_STREAM_NULL_VALUES: [TypeError, () => 'May not write null values to stream'],
  ERR_STREAM_WRITE_AFTER_END: [Error, () => 'write after end'],
  ERR_UNKNOWN_ENCODING: [TypeError, (name) => `Unknown encoding: ${name}`],
};

/**
 * @param {string} code a key of TEXTS
 * @param {...*} args what its message is made from
 * @return {Error} with Node's code, class and message
 */
function nodeError(code, ...args) {
  const entry = TEXTS[code];
  const error = new entry[0](Reflect.apply(entry[1], undefined, args));
  const { name } = error;
  // The stack's first line is made from `name` when the stack is taken.
  Object.defineProperty(error, 'name', { value: `${name} [${code}]`, writable: true, enumerable: false, configurable: true });
  Error.captureStackTrace(error, nodeError);
  void error.stack;
  delete error.name;
  Object.defineProperty(error, 'toString', { value: toStringWithCode, writable: true, enumerable: false, configurable: true });
  error.code = code;
  return error;
}

/**
 * An error that a peer is to blame for. Its stack has no frames: they would only name the turn, and hundreds of peers may be late at once.
 * @param {string} code a key of TEXTS
 * @return {Error}
 */
function peerError(code) {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return nodeError(code);
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** @this {Error} @return {string} `Name [CODE]: message` */
function toStringWithCode() {
  return `${this.name} [${this.code}]: ${this.message}`;
}

/**
 * The connection is gone: ECONNRESET, as Node's "aborted" and "socket hang up".
 * @param {string} message
 * @return {Error}
 */
function connResetException(message) {
  const error = new Error(message);
  error.code = 'ECONNRESET';
  return error;
}

/**
 * A failed system call on a socket.
 * @param {number} errno negative
 * @param {string} syscall its name
 * @return {Error}
 */
function errnoException(errno, syscall) {
  const code = util.getSystemErrorName(errno);
  const error = new Error(`${syscall} ${code}`);
  error.errno = errno;
  error.code = code;
  error.syscall = syscall;
  return error;
}

/**
 * bind() or connect() failed.
 * @param {number} errno negative
 * @param {string} syscall its name
 * @param {string} [address] where, or a path
 * @param {number} [port]
 * @param {string} [local] our own end, where it was asked for
 * @return {Error}
 */
function hostException(errno, syscall, address, port, local) {
  const code = util.getSystemErrorName(errno);
  const where = port && port > 0 ? ` ${address}:${port}` : address ? ` ${address}` : '';
  const error = new Error(`${syscall} ${code}${where}${local ? ` - Local (${local})` : ''}`);
  error.errno = errno;
  error.code = code;
  error.syscall = syscall;
  error.address = address;
  if (port) error.port = port;
  return error;
}

/**
 * listen() failed.
 * @param {number} errno negative
 * @param {string} [address] where, or a path
 * @param {number} [port]
 * @return {Error}
 */
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

/**
 * What llhttp's users see of a malformed message.
 * @param {string} code HPE_*
 * @param {string} reason in llhttp's words
 * @param {number} bytesParsed of the packet
 * @param {Buffer} rawPacket the read that was refused; empty when it was the FIN, and then the error has none, as Node's
 * @return {Error}
 */
function parseError(code, reason, bytesParsed, rawPacket) {
  const error = new Error(`Parse Error: ${reason}`);
  error.bytesParsed = bytesParsed;
  error.code = code;
  error.reason = reason;
  if (rawPacket.length > 0) error.rawPacket = rawPacket;
  return error;
}

module.exports = {
  nodeError,
  connResetException,
  errnoException,
  hostException,
  listenException,
  parseError,
  requestTimeout: () => peerError('ERR_HTTP_REQUEST_TIMEOUT'),
  httpSocketEncoding: () => nodeError('ERR_HTTP_SOCKET_ENCODING'),
  streamDestroyed: (name) => nodeError('ERR_STREAM_DESTROYED', name),
};
