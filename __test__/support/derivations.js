'use strict';

/** The ways in which programs derive an object from a message, a socket or a server, and work with that. */

class Wrapper {
  mark = 1;

  constructor(object) {
    Object.setPrototypeOf(this, object);
  }
}

/** By name; the first is the object itself. */
const derivations = {
  itself: (object) => object,
  'Object.create()': (object) => Object.create(object),
  'Object.create() twice': (object) => Object.create(Object.create(object)),
  'a wrapper whose prototype it is': (object) => new Wrapper(object),
  'a Proxy': (object) => new Proxy(object, {}),
  'a Proxy that reflects': (object) =>
    new Proxy(object, { get: (target, key, receiver) => Reflect.get(target, key, receiver), set: (target, key, value, receiver) => Reflect.set(target, key, value, receiver) }),
  'a Proxy that reads and writes its target': (object) =>
    new Proxy(object, {
      get: (target, key) => target[key],
      set(target, key, value) {
        target[key] = value;
        return true;
      },
    }),
  'a Proxy that binds methods': (object) =>
    new Proxy(object, {
      get(target, key) {
        const value = target[key];
        return typeof value === 'function' ? value.bind(target) : value;
      },
    }),
  'a Proxy of what was derived': (object) => new Proxy(Object.create(object), {}),
  'derived from a Proxy': (object) => Object.create(new Proxy(object, {})),
};

/** Logs every event of `names` that `emitter` emits, with the code of an error. */
function logEvents(emitter, log, ...names) {
  for (const name of names) emitter.on(name, (first) => log(name, first?.code ?? first?.message ?? typeof first));
  return emitter;
}

module.exports = { derivations, logEvents };
