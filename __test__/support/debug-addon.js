'use strict';

/**
 * The addon as `npm run build:fixtures` makes it: one that panics when it is asked to, and does without libuv when TURNOUT_WITHOUT_LIBUV is set.
 * Required ahead of a program (`--require`), with NAPI_RS_NATIVE_LIBRARY_PATH naming the file, it makes that loadable.
 */

const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');

const FILE = path.join(__dirname, '..', '..', 'target', 'debug', 'libturnout.so');

Module._extensions['.so'] ??= Module._extensions['.node'];

module.exports = {
  hasDebugAddon: fs.existsSync(FILE),
  /** For node, ahead of the others. */
  debugArgs: ['--require', __filename],
  debugEnv: { NAPI_RS_NATIVE_LIBRARY_PATH: FILE },
};
