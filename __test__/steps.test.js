'use strict';

const { parity } = require('./helpers/parity');

parity('steps');
