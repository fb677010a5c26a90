'use strict';

/** A server's options: taken as options.js has them, live where they may change, told to the engine in its own words. */

const http = require('../base/host-http');
const { parserLeniency } = require('../seam/leniency');
const { MAX_FIELDS } = require('../seam/layout').limits;
const { optionsOf, server: rows } = require('../seam/options');
const { Number, Object, each } = require('../base/primordials');
const { kSide } = require('../base/symbols');

const kSettings = Symbol('turnout.settings');

const SERVER = optionsOf('server');

/** Properties of which the engine must hear when they change: own, enumerable and writable, as Node's are. */
function makeLive(server) {
  const settings = {};
  Object.defineProperty(server, kSettings, { value: settings });
  for (const { name, engine } of each(SERVER)) {
    if (!engine) continue;
    Object.defineProperty(server, name, {
      configurable: true,
      enumerable: true,
      get: () => settings[name],
      set: (value) => {
        settings[name] = value;
        server[kSide]?.configure();
      },
    });
  }
}

/**
 * Gives a server what its options say. Those that net.Server keeps follow with its constructor.
 * @param {import('./server').Server} server
 * @param {object} options createServer()'s
 */
function storeOptions(server, options) {
  makeLive(server);
  for (const row of each(SERVER)) {
    if (row.keeper !== null || row.property) continue;
    server[row.key] = row.take(options[row.name], options);
  }
}

/** What they are before anybody sets them: net.Server's constructor has run. @param {import('./server').Server} server */
function storeProperties(server) {
  for (const row of each(SERVER)) if (row.property) server[row.key] = row.fallback;
}

/** @return {object} what net.Server is to make of the options @param {object} options createServer()'s */
function netOptions(options) {
  return {
    allowHalfOpen: true,
    noDelay: options.noDelay ?? rows.noDelay.fallback,
    keepAlive: options.keepAlive,
    keepAliveInitialDelay: options.keepAliveInitialDelay,
    highWaterMark: options.highWaterMark === undefined ? rows.highWaterMark.fallback : options.highWaterMark,
  };
}

const milliseconds = (value, fallback) => (Number.isFinite(value) && value >= 0 ? value : fallback);

/**
 * @param {import('./server').Server} server
 * @return {object} what the engine must know of it. Milliseconds, bytes; 0 switches a timeout off
 */
function engineConfig(server) {
  const keepAliveTimeout = milliseconds(server.keepAliveTimeout, 0);
  return {
    noDelay: !!server.noDelay,
    hold: server[kSide].isHeard,
    keepAlive: !!server.keepAlive,
    // net.Server keeps seconds.
    keepAliveInitialDelay: milliseconds(server.keepAliveInitialDelay * 1000, 0),
    keepAliveTimeout: keepAliveTimeout && keepAliveTimeout + milliseconds(server.keepAliveTimeoutBuffer, rows.keepAliveTimeoutBuffer.fallback),
    headersTimeout: milliseconds(server.headersTimeout, 0),
    requestTimeout: milliseconds(server.requestTimeout, 0),
    checkInterval: milliseconds(server.connectionsCheckingInterval, rows.connectionsCheckingInterval.fallback),
    maxHeaderSize: server.maxHeaderSize > 0 ? Number(server.maxHeaderSize) : http.maxHeaderSize,
    maxHeadersCount: typeof server.maxHeadersCount === 'number' ? server.maxHeadersCount : MAX_FIELDS,
    validation: parserLeniency(server),
  };
}

module.exports = { storeOptions, storeProperties, netOptions, engineConfig };
