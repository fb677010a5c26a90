'use strict';

/**
 * `node --require turnout/register` or `--import turnout/register`: `http` is turnout in the whole program, and `https` turnout/https, whoever asks
 * for them and how. turnout's own files and Node's internals keep node:http and node:https.
 *
 *   require()                    Module._load, which every require() of every Node passes
 *   import                       module.registerHooks; before Node 22.15 module.register, whose hooks run on a thread of their own
 *   process.getBuiltinModule()   replaced
 */

const Module = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const http = require('..');
const hostHttp = require('./base/host-http');
const { shareWithHost } = require('./server/host-messages');

/** A Node that was built without crypto has no https. */
const hasCrypto = process.versions.openssl !== undefined;
const https = hasCrypto ? require('../https') : undefined;
const hostHttps = hasCrypto ? require('./base/host-https') : undefined;

const FACE = path.join(__dirname, '..', 'index.js');
const esmFace = (file) => pathToFileURL(path.join(__dirname, '..', file)).href;
const ESM_FACES = { http: esmFace('index.mjs'), ...(hasCrypto && { https: esmFace('https.mjs') }) };

/**
 * Where a copy that is registered anew (a require cache that was emptied, another realm of the thread) finds what the first one has installed, and
 * gives it its own face. To replace the replacements would keep every former copy alive.
 */
const kRegistered = Symbol.for('turnout.registered');

/** @param {*} id of a module @return {'http'|'https'|undefined} what of turnout's stands in its place */
function nameOf(id) {
  if (id === 'http' || id === 'node:http') return 'http';
  if (hasCrypto && (id === 'https' || id === 'node:https')) return 'https';
  return undefined;
}

/** @param {string|undefined|null} file @return {boolean} whether it is a file of turnout */
function isOurs(file) {
  return file === FACE || (typeof file === 'string' && file.startsWith(__dirname + path.sep));
}

/** @param {{ http: object, https: object, isOurs: Function }} registered */
function registerRequire(registered) {
  const load = Module._load;
  Module._load = function _load(request, parent) {
    const name = nameOf(request);
    return name !== undefined && !registered.isOurs(parent?.filename) ? registered[name] : load.apply(this, arguments);
  };
}

function registerImport() {
  if (typeof Module.registerHooks === 'function') {
    Module.registerHooks({
      resolve(specifier, context, nextResolve) {
        // registerRequire() deals with require(): one that comes here is that of a file of turnout.
        const name = nameOf(specifier);
        if (name === undefined || context.conditions?.includes('require')) return nextResolve(specifier, context);
        return { url: ESM_FACES[name], format: 'module', shortCircuit: true };
      },
    });
  } else {
    Module.register('./register-hooks.mjs', pathToFileURL(__filename));
  }
}

/** @param {{ http: object, https: object }} registered */
function registerBuiltin(registered) {
  const { getBuiltinModule } = process;
  if (typeof getBuiltinModule !== 'function') return;
  process.getBuiltinModule = function (id) {
    const name = nameOf(id);
    return name === undefined ? getBuiltinModule.call(this, id) : registered[name];
  };
  Object.defineProperties(process.getBuiltinModule, {
    [Symbol.for('turnout.host')]: { value: hostHttp },
    [Symbol.for('turnout.host.https')]: { value: hostHttps },
  });
}

// A message that node:http made stands on the prototypes of whatever a framework takes for http.
shareWithHost();
if (Module[kRegistered] === undefined) {
  const registered = { http, https, isOurs };
  Object.defineProperty(Module, kRegistered, { value: registered });
  registerRequire(registered);
  registerImport();
  registerBuiltin(registered);
} else {
  Object.assign(Module[kRegistered], { http, https, isOurs });
}
