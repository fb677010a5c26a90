'use strict';

/** What programs do to objects and globals behind everybody's back, and how it is undone. */

const path = require('node:path');

/** Where turnout's JavaScript lies: a replaced function that is asked from there, or from node:http, is not what it was. */
const OURS = path.join(__dirname, '..', '..', '..', 'lib') + path.sep;
const { apply, construct } = Reflect;
const undo = [];

function restoreAll() {
  while (undo.length > 0) undo.pop()();
}

class Wrapped {
  static around(object) {
    return Object.setPrototypeOf({ wrapped: object }, object);
  }
}

/** An object that stands for another, in one of the ways in which frameworks make them; the program goes on with it. */
function derive({ what, how }, context) {
  const object = what === 'socket' ? context.stage.socketOf(context) : context[what];
  if (!object) return;
  if (how === 'create') context[what] = Object.create(object);
  else if (how === 'wrap') context[what] = Wrapped.around(object);
  else if (how === 'bound') {
    context[what] = new Proxy(object, {
      get(target, name) {
        const value = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  } else if (how === 'proxy') context[what] = new Proxy(object, {});
  else {
    // A prototype of the framework's own between the object and its class.
    Object.setPrototypeOf(object, Object.create(Object.getPrototypeOf(object), { framework: { value: true } }));
  }
}

/** Where a function is asked for by its caller's file. */
function askedByHttp() {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 3;
  const [, , , caller = ''] = new Error('who asks').stack.split('\n');
  Error.stackTraceLimit = stackTraceLimit;
  return caller.includes(OURS) || caller.includes('node:_http');
}

function substitute(owner, name, how) {
  const original = owner[name];
  const descriptor = Object.getOwnPropertyDescriptor(owner, name);
  const substitutes = {
    never: () => ({ ref() {}, unref() {}, hasRef: () => false }),
    throws(...args) {
      if (askedByHttp()) throw Object.assign(new Error(`${name} is replaced`), { code: 'PROGRAM_REPLACED' });
      return new.target ? construct(original, args, new.target) : apply(original, this, args);
    },
    calls(...args) {
      return apply(original, this, args);
    },
  };
  Object.defineProperty(owner, name, { configurable: true, writable: true, enumerable: false, ...descriptor, value: substitutes[how] });
  return () => (descriptor ? Object.defineProperty(owner, name, descriptor) : delete owner[name]);
}

const GLOBALS = { global: globalThis, process, Buffer, bytes: Buffer.prototype, array: Uint8Array.prototype };

/** Puts a function of the program's in the place of another: of one object, or of everybody's. */
function replace({ what, name, how }, context) {
  if (what in GLOBALS) {
    if (typeof GLOBALS[what][name] === 'function') undo.push(substitute(GLOBALS[what], name, how));
    return;
  }
  const object = what === 'server' ? context.stage.server : what === 'socket' ? context.stage.socketOf(context) : context[what];
  if (object) substitute(object, name, how);
}

/** Gives the memory of `chunk` away. Node's pool refuses to be transferred, on some versions not by transfer(): then the process is done for. */
function transferred({ buffer }, way) {
  if (way === 'transfer' && buffer.byteLength === Buffer.poolSize) return;
  try {
    if (way === 'clone') structuredClone(buffer, { transfer: [buffer] });
    else if (way === 'port') {
      const { port1, port2 } = new MessageChannel();
      port1.postMessage(buffer, [buffer]);
      port1.close();
      port2.close();
    } else if (buffer.transfer) buffer.transfer();
  } catch (error) {
    if (error.name !== 'DataCloneError' && error.name !== 'TypeError') throw error;
  }
}

module.exports = { derive, replace, restoreAll, transferred };
