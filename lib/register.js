'use strict';

/**
 * `node --require turnout/register` or `--import turnout/register`: `http` is turnout in the whole program, whoever asks for it and how.
 * turnout's own files and Node's internals keep node:http.
 *
 *   require()                    Module._load, which every require() of every Node passes
 *   import                       module.registerHooks; before Node 22.15 module.register, whose hooks run on a thread of their own
 *   process.getBuiltinModule()   replaced
 */

const Module = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const turnout = require('..');
const host = require('./base/host-http');
const { shareWithHost } = require('./server/host-messages');

const FACE = path.join(__dirname, '..', 'index.js');
const ESM_FACE = pathToFileURL(path.join(__dirname, '..', 'index.mjs')).href;

/**
 * Where a copy that is registered anew (a require cache that was emptied, another realm of the thread) finds what the first one has installed, and
 * gives it its own face. To replace the replacements would keep every former copy alive.
 */
const kRegistered = Symbol.for('turnout.registered');

/** @param {*} id of a module @return {boolean} */
function isHttp(id) {
  return id === 'http' || id === 'node:http';
}

/** @param {string|undefined|null} file @return {boolean} whether it is a file of turnout */
function isOurs(file) {
  return file === FACE || (typeof file === 'string' && file.startsWith(__dirname + path.sep));
}

/** @param {{ turnout: object, isOurs: Function }} registered */
function registerRequire(registered) {
  const load = Module._load;
  Module._load = function _load(request, parent) {
    return isHttp(request) && !registered.isOurs(parent?.filename) ? registered.turnout : load.apply(this, arguments);
  };
}

function registerImport() {
  if (typeof Module.registerHooks === 'function') {
    Module.registerHooks({
      resolve(specifier, context, nextResolve) {
        // registerRequire() deals with require(): one that comes here is that of a file of turnout.
        if (!isHttp(specifier) || context.conditions?.includes('require')) return nextResolve(specifier, context);
        return { url: ESM_FACE, format: 'module', shortCircuit: true };
      },
    });
  } else {
    Module.register('./register-hooks.mjs', pathToFileURL(__filename));
  }
}

/** @param {{ turnout: object }} registered */
function registerBuiltin(registered) {
  const { getBuiltinModule } = process;
  if (typeof getBuiltinModule !== 'function') return;
  process.getBuiltinModule = function (id) {
    return isHttp(id) ? registered.turnout : getBuiltinModule.call(this, id);
  };
  Object.defineProperty(process.getBuiltinModule, Symbol.for('turnout.host'), { value: host });
}

// A message of an https server stands on the prototypes of whatever a framework takes for http.
shareWithHost();
if (Module[kRegistered] === undefined) {
  const registered = { turnout, isOurs };
  Object.defineProperty(Module, kRegistered, { value: registered });
  registerRequire(registered);
  registerImport();
  registerBuiltin(registered);
} else {
  Object.assign(Module[kRegistered], { turnout, isOurs });
}
