'use strict';

/** node:https itself, also where turnout's stands in its place: see host-http.js. It is there only in a Node that was built with crypto. */

const { getBuiltinModule } = process;

/** Under which lib/register.js leaves node:https on what it puts in the place of getBuiltinModule. */
const kHost = Symbol.for('turnout.host.https');

module.exports = getBuiltinModule === undefined ? require('node:https') : (getBuiltinModule[kHost] ?? getBuiltinModule('node:https'));
