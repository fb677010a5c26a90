'use strict';

const js = require('@eslint/js');
const globals = require('globals');

module.exports = [
  { ignores: ['native.js', 'native.d.ts', 'target/', 'benches/load/target/', 'fuzz/target/', '__test__/documents/', '**/*.d.ts', '**/*.d.mts', '__test__/types/'] },
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
  { files: ['**/*.mjs'], languageOptions: { sourceType: 'module' }, rules: { strict: 'off' } },
  { files: ['__test__/**/*.js'], languageOptions: { globals: globals.jest } },
];
