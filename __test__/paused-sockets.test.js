'use strict';

const { parity } = require('./helpers/parity');

parity('paused-sockets');
