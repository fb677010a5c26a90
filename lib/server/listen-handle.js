'use strict';

/**
 * ListenHandle: what a listening server has in `_handle`. It is libuv's own kind of handle, made of another descriptor of the socket, so that
 * Node's code, which hands `_handle` to C++ (`child.send(message, server)`, `listen(server)`), gets what it can use. libuv does not listen with
 * it: the engine accepts, until somebody else asks the handle to. Where there are no descriptors an object stands in for it.
 */

const fs = require('node:fs');
const { refProcess, unrefProcess } = require('../seam/binding');
const { IPV6 } = require('../seam/layout').families;
const { serverHandleOf } = require('../base/node-internals');
const { Object } = require('../base/primordials');
const { addServer, removeServer } = require('../connection/turn');

const kListener = Symbol('turnout.listener');

/** A listener of the engine. */
class Listener {
  #port;
  #id;
  #isRef = true;
  #accepts = true;

  constructor(port, id, server) {
    this.#port = port;
    this.#id = id;
    refProcess();
    addServer(id, server);
  }

  get isRef() {
    return this.#isRef;
  }

  configure(config) {
    if (this.#accepts) this.#port.configure(this.#id, config);
  }

  ref() {
    if (!this.#isRef && this.#accepts) {
      refProcess();
      this.#isRef = true;
    }
  }

  unref() {
    if (this.#isRef) unrefProcess();
    this.#isRef = false;
  }

  /** The engine accepts no more. Connections live on; CONNECTION records already on their way find no server and are closed by the engine. */
  stop() {
    if (!this.#accepts) return;
    this.#accepts = false;
    this.unref();
    this.#port.closeListener(this.#id);
    removeServer(this.#id);
  }
}

/** Where the system has no descriptors to share, or the runtime no handles: the members net.Server asks of a handle. */
class StandIn {
  #address;

  constructor(listener, address) {
    this[kListener] = listener;
    this.#address = address;
  }

  get fd() {
    return -1;
  }

  getsockname(out) {
    out.address = this.#address.address;
    out.family = this.#address.family === IPV6 ? 'IPv6' : 'IPv4';
    out.port = this.#address.port;
    return 0;
  }

  configure(config) {
    this[kListener].configure(config);
  }

  ref() {
    this[kListener].ref();
  }

  unref() {
    this[kListener].unref();
  }

  hasRef() {
    return this[kListener].isRef;
  }

  close() {
    this[kListener].stop();
  }
}

/** @param {number} fd of a listening socket, which is the handle's from then on @return {object|null} a handle of libuv's that does not listen */
function nativeHandle(fd) {
  if (fd < 0) return null;
  const handle = serverHandleOf(fd);
  if (handle === null) fs.closeSync(fd);
  return handle;
}

/** As libuv does when it closes a Unix socket it has bound; the file may have been taken away already. */
function removePath(path) {
  if (path && !path.startsWith('\0')) fs.rmSync(path, { force: true });
}

/** Puts the engine's listener before the handle of the same socket. */
function join(handle, listener, path) {
  const { ref, unref, close, listen } = handle;
  const members = {
    configure: (config) => listener.configure(config),
    ref() {
      listener.ref();
      return ref.call(handle);
    },
    unref() {
      listener.unref();
      return unref.call(handle);
    },
    close(callback) {
      listener.stop();
      removePath(path);
      return close.call(handle, callback);
    },
    /** Another server has been given the handle: what is accepted is that one's. */
    listen(backlog) {
      listener.stop();
      return listen.call(handle, backlog);
    },
  };
  handle[kListener] = listener;
  for (const name of Object.keys(members)) Object.defineProperty(handle, name, { configurable: true, writable: true, value: members[name] });
  return handle;
}

/**
 * @param {object} port the engine's
 * @param {import('./server').Server} server
 * @param {{id: number, address: string, port: number, family: number, fd: number}} listening what the engine has said
 * @param {string|null} path of a Unix socket
 * @return {object} for `server._handle`
 */
function listenHandle(port, server, listening, path) {
  const listener = new Listener(port, listening.id, server);
  const handle = nativeHandle(listening.fd);
  if (handle === null) return new StandIn(listener, listening);
  // TCP handles show whose they are.
  if ('owner' in handle) handle.owner = server;
  return join(handle, listener, path);
}

/** @param {object|null} handle of a server @return {Listener|undefined} the engine's, if the server has one */
function listenerOf(handle) {
  return handle?.[kListener];
}

module.exports = { listenHandle, listenerOf };
