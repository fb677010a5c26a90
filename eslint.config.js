'use strict';

const js = require('@eslint/js');
const globals = require('globals');

/** What lib/primordials.js keeps: by these names a program may have put its own. */
const REPLACEABLE = ['Date', 'setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate', 'queueMicrotask', 'performance'];
/** And their like, which are read from at every call. */
const BUILT_IN = ['Array', 'Buffer', 'Math', 'Object', 'Reflect', 'Boolean', 'Number', 'String', 'Map', 'Set', 'AbortController', 'AggregateError', 'Error', 'RangeError', 'TypeError', 'WeakRef'];

module.exports = [
  { ignores: ['native.js', 'native.d.ts', 'target/', 'benches/load/target/', 'fuzz/target/', '__test__/programs/documents/', '**/*.d.ts', '**/*.d.mts', '__test__/package/types/'] },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2024, sourceType: 'commonjs', globals: globals.node },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-control-regex': 'off', // fields are checked for control characters
      'no-var': 'error',
      'prefer-const': 'error',
      strict: ['error', 'global'],
    },
  },
  {
    files: ['lib/**/*.js', 'index.js'],
    ignores: ['lib/host-http.js'],
    // Where turnout stands in the place of http, these names are turnout.
    rules: { 'no-restricted-modules': ['error', ...['http', 'node:http'].map((name) => ({ name, message: "Require './host-http' instead." }))] },
  },
  {
    files: ['lib/**/*.js'],
    ignores: ['lib/primordials.js'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: ':function CallExpression[callee.name="require"][arguments.0.value=/^\\.\\u002f/]',
          message: 'Require it when the file is loaded: once the require cache has been emptied, another copy of turnout would answer.',
        },
      ],
      'no-restricted-globals': ['error', ...REPLACEABLE.map((name) => ({ name, message: "Take it from './primordials'." }))],
      'no-restricted-properties': [
        'error',
        ...['nextTick', 'hrtime'].map((property) => ({ object: 'process', property, message: "Take it from './primordials'." })),
        ...REPLACEABLE.map((property) => ({ object: 'globalThis', property, message: "Take it from './primordials'." })),
      ],
    },
  },
  {
    files: ['lib/**/*.js'],
    // What these use, they use while they are loaded, or have kept by themselves.
    ignores: ['lib/primordials.js', 'lib/binding.js', 'lib/turn.js', 'lib/layout.js', 'lib/symbols.js', 'lib/register.js', 'lib/host-http.js'],
    rules: {
      'no-restricted-globals': ['error', ...[...REPLACEABLE, ...BUILT_IN].map((name) => ({ name, message: "Take it from './primordials'." }))],
    },
  },
  {
    files: ['lib/**/*.js'],
    ignores: ['lib/layout.js'],
    // What crosses to the engine by number is defined in src/engine/layout.
    rules: {
      'no-restricted-syntax': [
        'error',
        ...['MemberExpression[object.name=/[wW]ords$/] > BinaryExpression > Literal', 'MemberExpression[object.name=/[wW]ords$/] > Literal', 'CallExpression[callee.name="command"] > Literal[value!=0]'].map(
          (selector) => ({ selector, message: "Take its name from './layout'." }),
        ),
      ],
    },
  },
  { files: ['**/*.mjs'], languageOptions: { sourceType: 'module' }, rules: { strict: 'off' } },
  { files: ['__test__/**/*.js'], languageOptions: { globals: globals.jest } },
];
