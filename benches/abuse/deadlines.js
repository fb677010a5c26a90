'use strict';

/** Options of the abused server, in milliseconds: short, so that a row of a few seconds sees them fire. */
module.exports = { headersTimeout: 1000, requestTimeout: 2000, keepAliveTimeout: 1000, keepAliveTimeoutBuffer: 0, connectionsCheckingInterval: 100 };
