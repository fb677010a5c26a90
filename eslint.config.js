'use strict';

const js = require('@eslint/js');
const globals = require('globals');
const { NAMES, OFFERED } = require('./lib/base/node-internals');

/** What lib/base/primordials.js keeps: by these names a program may have put its own. */
const REPLACEABLE = ['Date', 'setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate', 'queueMicrotask', 'performance'];
/** And their like, which are read from at every call. */
const BUILT_IN = ['Array', 'Buffer', 'Math', 'Object', 'Reflect', 'Boolean', 'Number', 'String', 'Map', 'Set', 'AbortController', 'AggregateError', 'Error', 'RangeError', 'TypeError', 'WeakRef'];
/** Names with an underscore that lib/ may use where it needs them: Node's, which lib/base/node-internals.js declares as plain, and our own. */
const UNDERSCORED = [...NAMES.filter(({ plain }) => plain).map(({ key }) => key), ...OFFERED].filter((key) => key[0] === '_');
const UNDECLARED = `/^_(?!(?:_proto__|${UNDERSCORED.map((key) => key.slice(1)).join('|')})$)/`;
const PRIVATE = "Node's private names are declared in lib/base/node-internals.js, with what they are for.";

const rule = (message, selectors) => selectors.map((selector) => ({ selector, message }));
/**
 * What `no-restricted-syntax` refuses in lib/, and where it does not. Of two blocks that name a rule for the same file the later one's options count
 * alone, so that what holds for a file has to be said together.
 */
const SYNTAX = [
  {
    ignores: ['lib/base/primordials.js'],
    refused: rule('Require it when the file is loaded: once the require cache has been emptied, another copy of turnout would answer.', [
      ':function CallExpression[callee.name="require"][arguments.0.value=/^\\.\\u002f/]',
    ]),
  },
  {
    ignores: ['lib/base/primordials.js', 'lib/base/node-internals.js'],
    refused: rule(PRIVATE, [
      `MemberExpression[computed=false][property.name=${UNDECLARED}]`,
      `ObjectPattern > Property[key.name=${UNDECLARED}]`,
      'MemberExpression[property.name=/^(description|getOwnPropertySymbols)$/]',
      "CallExpression[callee.object.name='diagnostics'][arguments.0.value!=/^http[.]server[.]upgrade[.]/]",
    ]),
  },
  {
    // What crosses to the engine by number is defined in src/engine/layout.
    ignores: ['lib/seam/layout.js'],
    refused: rule("Take its name from './layout'.", [
      'MemberExpression[object.name=/[wW]ords$/] > BinaryExpression > Literal',
      'MemberExpression[object.name=/[wW]ords$/] > Literal',
      ':matches(CallExpression[callee.name="command"], CallExpression[arguments.0.object.name="OP"]) > Literal[raw=/^(?!0$)[0-9]/]',
    ]),
  },
];
/** Every file that one of them leaves out, by itself; and the rest. */
const exceptions = [...new Set(SYNTAX.flatMap(({ ignores }) => ignores))];
const syntaxOf = (file) => ({ 'no-restricted-syntax': ['error', ...SYNTAX.filter(({ ignores }) => !ignores.includes(file)).flatMap(({ refused }) => refused)] });

/** Folders of lib/: each requires from itself and from those before it, and the two ends do not know one another. */
const STOREYS = ['base', 'seam', 'message', 'connection'];
const ENDS = ['client', 'server'];
const closedTo = (room) => [...STOREYS.slice(STOREYS.indexOf(room) + 1), ...ENDS].filter((other) => other !== room && !(ENDS.includes(room) && STOREYS.includes(other)));
/** Where turnout stands in the place of http and https, these names are turnout. */
const HTTP = ['http', 'https'].flatMap((name) => [name, `node:${name}`].map((id) => ({ name: id, message: `Require lib/base/host-${name}.js instead.` })));

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
  { files: ['index.js', 'https.js', 'lib/*.js'], rules: { 'no-restricted-modules': ['error', { paths: HTTP }] } },
  ...[...STOREYS, ...ENDS].map((room) => ({
    files: [`lib/${room}/*.js`],
    ignores: ['lib/base/host-http.js', 'lib/base/host-https.js'],
    rules: { 'no-restricted-modules': ['error', { paths: HTTP, patterns: closedTo(room).map((other) => `../${other}/*`) }] },
  })),
  {
    files: ['lib/**/*.js'],
    ignores: ['lib/base/primordials.js'],
    rules: {
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
    ignores: ['lib/base/primordials.js', 'lib/seam/binding.js', 'lib/connection/turn.js', 'lib/seam/layout.js', 'lib/base/symbols.js', 'lib/register.js', 'lib/base/host-http.js', 'lib/base/host-https.js'],
    rules: {
      'no-restricted-globals': ['error', ...[...REPLACEABLE, ...BUILT_IN].map((name) => ({ name, message: "Take it from './primordials'." }))],
    },
  },
  { files: ['lib/**/*.js'], rules: { ...syntaxOf(), 'max-lines': ['error', 500] } },
  ...exceptions.map((file) => ({ files: [file], rules: syntaxOf(file) })),
  { files: ['**/*.mjs'], languageOptions: { sourceType: 'module' }, rules: { strict: 'off' } },
  { files: ['__test__/**/*.js'], languageOptions: { globals: globals.jest } },
];
