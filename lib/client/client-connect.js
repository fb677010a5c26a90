'use strict';

/**
 * From a host name to a connection: lookup, the choice among addresses (RFC 8305, as far as Node goes), the attempts, and net.Socket's
 * events about them. The engine connects to addresses; everything else is here.
 */

const dns = require('node:dns');
const net = require('node:net');
const os = require('node:os');
const { openPort } = require('../seam/binding');
const { threadsOf } = require('../seam/driver');
const { nodeError, hostException } = require('../base/errors');
const { channels } = require('../base/node-internals');
const { connection: rows } = require('../seam/options');
const { AggregateError, Boolean, Map, Math, Object, clearTimeout, each, includes, nextTick, setImmediate, setTimeout } = require('../base/primordials');
const { addAttempt, forgetAttempt, loadTables } = require('../connection/turn');

const { EADDRINUSE, EADDRNOTAVAIL, EACCES, EINVAL, ECONNREFUSED, ETIMEDOUT } = os.constants.errno;
/** What bind() may say; connect() says EADDRNOTAVAIL too, but only where no local end was asked for. */
const BIND_ERRORS = [EADDRINUSE, EADDRNOTAVAIL, EACCES, EINVAL];
/** Milliseconds an attempt gets at least before the next begins beside it. */
const SHORTEST_ATTEMPT = 10;

const { clientSocket: clientSocketChannel } = channels;
let threads;

/**
 * Connects `socket` as net.Socket's connect() would.
 * @param {import('./dialled-connection').ClientSocket} socket
 * @param {import('./dialled-connection').DialledConnection} connection the socket's
 * @param {object} options net.connect()'s
 */
function connectSocket(socket, connection, options) {
  if (clientSocketChannel.hasSubscribers) clientSocketChannel.publish({ socket });
  if (options.port === undefined && options.path == null) throw nodeError('ERR_MISSING_ARGS', 'options', 'port', 'path');
  if (options.path) {
    rows.path.take(options.path);
    socket.startConnecting();
    new Attempts(socket, connection, options, 0).toPath(options.path);
    return;
  }
  const host = options.host || 'localhost';
  rows.host.take(host);
  rows.localAddress.take(options.localAddress);
  rows.localPort.take(options.localPort);
  const port = checkPort(options.port);
  rows.autoSelectFamily.take(options.autoSelectFamily);
  rows.autoSelectFamilyAttemptTimeout.take(options.autoSelectFamilyAttemptTimeout);
  const family = net.isIP(host);
  if (family === 0) rows.lookup.take(options.lookup);
  socket.startConnecting();
  const attempts = new Attempts(socket, connection, options, port);
  if (family !== 0) nextTick(() => socket.connecting && attempts.toAddress(host, family));
  else attempts.toHost(host);
}

/** @return {number} the port; what is none is given to net.Socket, which throws Node's error */
function checkPort(port) {
  if (port === undefined) return 0;
  const valid = (typeof port === 'number' || (typeof port === 'string' && port.trim() !== '')) && +port === +port >>> 0 && port <= 0xffff;
  if (!valid) new net.Socket().connect({ port, host: '127.0.0.1' });
  return port | 0;
}

/** The attempts of one socket to connect: a path, one address, or one of several after the other. */
class Attempts {
  #socket;
  #connection;
  #options;
  #port;
  /** Of the attempt under way. */
  #token = 0;
  #addresses = [];
  #next = 0;
  #errors = [];
  #timer;

  constructor(socket, connection, options, port) {
    this.#socket = socket;
    this.#connection = connection;
    this.#options = options;
    this.#port = port;
    connection.giveUp = () => this.#abandon();
  }

  toPath(path) {
    this.#socket.emit('connectionAttempt', path, undefined, undefined);
    const failed = (errno) => this.#socket.destroy(hostException(errno, 'connect', path));
    const errno = this.#begin({ path }, (status, index, generation, peer) => (status === 0 ? this.#succeed(index, generation, peer) : failed(status)));
    if (errno < 0) setImmediate(() => this.#socket.connecting && failed(errno));
  }

  toHost(host) {
    const { family, hints = 0, lookup = dns.lookup, localAddress, autoSelectFamily = net.getDefaultAutoSelectFamily?.() ?? false } = this.#options;
    const wanted = { family: family === 'IPv4' ? 4 : family === 'IPv6' ? 6 : family, hints: hints || 0 };
    const either = wanted.family !== 4 && wanted.family !== 6;
    if (process.platform !== 'win32' && either && wanted.hints === 0) wanted.hints = dns.ADDRCONFIG;
    if (either && !localAddress && autoSelectFamily) {
      wanted.all = true;
      (lookup ?? dns.lookup)(host, wanted, (error, addresses) => this.#found(error, addresses, host));
    } else {
      (lookup ?? dns.lookup)(host, wanted, (error, address, addressFamily) => this.#foundOne(error, address, addressFamily, host));
    }
  }

  #foundOne(error, address, family, host) {
    const socket = this.#socket;
    socket.emit('lookup', error, address, family, host);
    if (!socket.connecting) return;
    const problem = error ?? this.#problemOf(address, family);
    if (problem) nextTick(() => socket.destroy(problem));
    else {
      socket._unrefTimer();
      this.toAddress(address, family);
    }
  }

  #problemOf(address, family) {
    if (typeof address !== 'string' || !net.isIP(address)) return nodeError('ERR_INVALID_IP_ADDRESS', address);
    if (family !== 4 && family !== 6) return nodeError('ERR_INVALID_ADDRESS_FAMILY', family, this.#options.host, this.#options.port);
    return null;
  }

  /** Several addresses: those of both families take turns, the first one's family first (RFC 8305 §4). */
  #found(error, addresses, host) {
    const socket = this.#socket;
    if (!socket.connecting) return;
    if (error) {
      socket.emit('lookup', error, undefined, undefined, host);
      nextTick(() => socket.destroy(error));
      return;
    }
    const byFamily = new Map();
    for (const { address, family } of each(addresses)) {
      socket.emit('lookup', error, address, family, host);
      if (!socket.connecting) return;
      if (this.#problemOf(address, family)) continue;
      if (!byFamily.has(family)) byFamily.set(family, []);
      const list = byFamily.get(family);
      if (!list.some((known) => known.address === address)) list.push({ address, family });
    }
    const lists = [...byFamily.values()];
    for (let i = 0; lists.some((list) => i < list.length); i++) {
      for (const list of each(lists)) if (i < list.length) this.#addresses.push(list[i]);
    }
    if (this.#addresses.length === 0) {
      const problem = this.#problemOf(addresses[0].address, addresses[0].family);
      nextTick(() => socket.destroy(problem));
      return;
    }
    socket._unrefTimer();
    if (this.#addresses.length === 1) {
      this.toAddress(this.#addresses[0].address, this.#addresses[0].family);
      return;
    }
    socket.autoSelectFamilyAttemptedAddresses = [];
    this.#tryNext();
  }

  toAddress(address, family) {
    const socket = this.#socket;
    const { localAddress, localPort, typeOfService } = this.#options;
    if (socket.blockList?.check(address, `ipv${family}`)) {
      socket.destroy(nodeError('ERR_IP_BLOCKED', address));
      return;
    }
    const failed = (errno) => {
      const error = this.#errorOf(errno, address, false);
      socket.emit('connectionAttemptFailed', address, this.#port, family, error);
      socket.destroy(error);
    };
    const where = { address, port: this.#port, localAddress: localAddress || undefined, localPort: localPort || undefined, typeOfService };
    const begun = this.#begin(where, (status, index, generation, peer) => {
      if (status === 0) this.#succeed(index, generation, peer);
      else failed(status);
    });
    const bind = this.#isBindError(begun);
    if (!bind) socket.emit('connectionAttempt', address, this.#port, family);
    if (begun === -ECONNREFUSED) setImmediate(() => socket.connecting && failed(begun));
    else if (begun < 0) socket.destroy(this.#errorOf(begun, address, bind));
  }

  #isBindError(errno) {
    const { localAddress, localPort } = this.#options;
    return Boolean(localAddress || localPort) && includes(BIND_ERRORS, -errno);
  }

  #errorOf(errno, address, bind) {
    const { localAddress, localPort } = this.#options;
    if (bind) return hostException(errno, 'bind', localAddress ?? (net.isIPv6(address) ? '::' : '0.0.0.0'), localPort);
    if (!localAddress || !localPort) return hostException(errno, 'connect', address, this.#port);
    return Object.assign(hostException(errno, 'connect', address, this.#port, `${localAddress}:${localPort}`), { localAddress, localPort });
  }

  /** The next of several addresses; when they are used up, all their errors. */
  #tryNext() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    if (this.#next === this.#addresses.length) {
      socket.destroy(this.#errors.length === 0 ? nodeError('ERR_SOCKET_CONNECTION_TIMEOUT') : aggregate(this.#errors));
      return;
    }
    const { address, family } = this.#addresses[this.#next++];
    const { localPort, typeOfService } = this.#options;
    if (socket.blockList?.check(address, `ipv${family}`)) {
      const blocked = nodeError('ERR_IP_BLOCKED', address);
      this.#errors.push(blocked);
      socket.emit('connectionAttemptFailed', address, this.#port, family, blocked);
      this.#tryNext();
      return;
    }
    socket.emit('connectionAttempt', address, this.#port, family);
    socket.autoSelectFamilyAttemptedAddresses.push(`${address}:${this.#port}`);
    const failed = (errno) => {
      clearTimeout(this.#timer);
      const error = this.#errorOf(errno, address, this.#isBindError(errno));
      this.#errors.push(error);
      socket.emit('connectionAttemptFailed', address, this.#port, family, error);
      if (socket.connecting) this.#tryNext();
    };
    const begun = this.#begin({ address, port: this.#port, localPort, typeOfService }, (status, index, generation, peer) => {
      if (status === 0) this.#succeed(index, generation, peer);
      else failed(status);
    });
    if (begun === -ECONNREFUSED) {
      setImmediate(() => socket.connecting && failed(begun));
    } else if (begun < 0) {
      failed(begun);
    } else if (this.#next < this.#addresses.length) {
      const { autoSelectFamilyAttemptTimeout: wanted } = this.#options;
      const patience = wanted ?? net.getDefaultAutoSelectFamilyAttemptTimeout?.() ?? 250;
      this.#timer = setTimeout(() => this.#tooSlow(address, family), Math.max(SHORTEST_ATTEMPT, patience));
    }
  }

  #tooSlow(address, family) {
    this.#abandon();
    this.#socket.emit('connectionAttemptTimeout', address, this.#port, family);
    this.#errors.push(this.#errorOf(-ETIMEDOUT, address, false));
    if (this.#socket.connecting) this.#tryNext();
  }

  #succeed(index, generation, peer) {
    clearTimeout(this.#timer);
    this.#socket.connected(index, generation, peer);
  }

  /** @return {number} 0: `done` hears what comes of it; else a negative errno, and it does not */
  #begin(where, done) {
    loadTables();
    threads ??= threadsOf(undefined);
    const token = addAttempt((status, index, generation, peer) => {
      this.#token = 0;
      this.#connection.side.inScope(done, status, index, generation, peer);
    });
    for (const key of each(Object.keys(where))) if (where[key] == null || where[key] === '') delete where[key];
    let errno;
    try {
      errno = openPort().connect(where, token, threads);
    } catch (error) {
      // The engine has failed.
      forgetAttempt(token);
      this.#socket.destroy(error);
      return 0;
    }
    if (errno < 0) forgetAttempt(token);
    else this.#token = token;
    return errno;
  }

  #abandon() {
    clearTimeout(this.#timer);
    if (this.#token === 0) return;
    forgetAttempt(this.#token);
    openPort().abandon(this.#token);
    this.#token = 0;
  }
}

/** All attempts have failed: the first one's code stands for them. */
function aggregate(errors) {
  const error = new AggregateError(errors);
  error.code = errors[0]?.code;
  return error;
}

module.exports = { connectSocket };
