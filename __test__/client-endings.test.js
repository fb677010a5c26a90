'use strict';

const { clientParity } = require('./helpers/client-parity');

clientParity('endings');
