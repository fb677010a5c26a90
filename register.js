'use strict';

/** `node --require turnout/register app.js`: see lib/register.js. */
require('./lib/register');
