'use strict';

/**
 * node:http itself, also where somebody has put turnout in its place: `turnout/register` (of another copy of turnout, or outside of jest's
 * modules), or `jest.mock('node:http', …)`, which would give turnout's own files turnout.
 */

const { getBuiltinModule } = process;

/** Under which lib/register.js leaves node:http on what it puts in the place of getBuiltinModule. */
const kHost = Symbol.for('turnout.host');

module.exports = getBuiltinModule === undefined ? require('node:http') : (getBuiltinModule[kHost] ?? getBuiltinModule('node:http'));
