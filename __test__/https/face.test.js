'use strict';

/** turnout/https beside node:https of the running Node, member by member. */

const http = require('node:http');
const https = require('node:https');
const tls = require('node:tls');
const turnout = require('../..');
const ours = require('../../https');
const { localhost } = require('../support/certificate');
const { run, otherNodes } = require('../support/child');

/** What Node 26 has and older ones have not; ours has it on all. */
const NEWER = ['keepAliveTimeoutBuffer', 'httpValidation', 'shouldUpgradeCallback', 'agentKeepAliveTimeoutBuffer'];

/** Symbols that programs can have; the others are Node's own, or ours. */
const PUBLIC = [Symbol.asyncDispose, Symbol.for('nodejs.rejection')];
/** Which class it is, is another question. */
const SKIPPED = ['constructor', 'prototype', 'caller', 'callee', 'arguments'];

/** @return {Record<string, string>} every member, also inherited ones, with what it is */
function membersOf(object) {
  const members = { __proto__: null };
  // The last one is Object.prototype: jest's, or the one of Node's modules.
  for (let at = object; Object.getPrototypeOf(at) !== null; at = Object.getPrototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) {
      const name = String(key);
      if (SKIPPED.includes(key) || name in members || (typeof key === 'symbol' && !PUBLIC.includes(key))) continue;
      const value = object[key];
      members[name] = typeof value === 'function' ? `function of ${value.length}` : value === null ? 'null' : typeof value;
    }
  }
  return members;
}

/** What differs; nothing should. */
function differences(host, own) {
  const [node, here] = [membersOf(host), membersOf(own)];
  const names = new Set([...Object.keys(node), ...Object.keys(here)]);
  return [...names].filter((name) => node[name] !== here[name] && !(NEWER.includes(name) && !(name in node))).map((name) => [name, node[name], here[name]]);
}

const OPTIONS = { ...localhost, requestTimeout: 5000, keepAlive: true };
/** What is compared, made from either module. */
const THINGS = {
  'the exports': (module) => module,
  Server: (module) => module.Server,
  'Server.prototype': (module) => module.Server.prototype,
  'a server': (module) => module.createServer(OPTIONS),
  'a server without options': (module) => new module.Server(() => {}),
  Agent: (module) => module.Agent,
  'Agent.prototype': (module) => module.Agent.prototype,
  'an agent': (module) => new module.Agent({ keepAlive: true, maxCachedSessions: 3, servername: 'a' }),
  'an agent without new': (module) => module.Agent(),
  globalAgent: (module) => module.globalAgent,
};

describe('turnout/https and node:https are alike:', () => {
  it.each(Object.entries(THINGS))('%s', (_, made) => {
    expect(differences(made(https), made(ours))).toEqual([]);
  });

  it("a server's own listeners", () => {
    const countsOf = (server) => server.eventNames().map((name) => [name, server.listenerCount(name)]).sort();
    expect(countsOf(ours.createServer(() => {}))).toEqual(countsOf(https.createServer(() => {})));
  });

  it("options of globalAgent, and an agent's names and defaults", () => {
    const about = ({ Agent, globalAgent }) => {
      const { keepAlive, scheduling, timeout } = globalAgent.options;
      const agent = new Agent({ servername: 'x' });
      const names = [{}, { host: 'a', port: 1, ca: 'b', servername: 'c', rejectUnauthorized: false, minVersion: 'TLSv1.2' }].map((options) => agent.getName(options));
      return [keepAlive, scheduling, timeout, globalAgent.maxCachedSessions, agent.defaultPort, agent.protocol, agent.maxCachedSessions, names];
    };
    expect(about(ours)).toEqual(about(https));
  });
});

describe('what turnout/https exports', () => {
  it('are its own functions and classes, which inherit from those of Node', () => {
    expect(Object.keys(ours).sort()).toEqual(Object.keys(https).sort());
    for (const name of Object.keys(ours)) expect([name, ours[name] === https[name]]).toEqual([name, false]);
    const server = ours.createServer();
    expect([server instanceof https.Server, server instanceof tls.Server, server instanceof http.Server]).toEqual([true, true, false]);
    const agent = new ours.Agent();
    expect([agent instanceof ours.Agent, agent instanceof https.Agent, agent instanceof http.Agent, agent instanceof turnout.Agent]).toEqual([true, true, true, true]);
    expect([new turnout.Agent() instanceof ours.Agent, new http.Agent() instanceof turnout.Agent, null instanceof turnout.Agent]).toEqual([false, false, false]);
    class Extended extends turnout.Agent {}
    expect([agent instanceof Extended, new Extended() instanceof turnout.Agent]).toEqual([false, true]);
  });

  it('can be replaced, as libraries that intercept requests do', () => {
    const { request, globalAgent } = ours;
    try {
      ours.request = 1;
      ours.globalAgent = 2;
      expect([ours.request, ours.globalAgent]).toEqual([1, 2]);
    } finally {
      Object.assign(ours, { request, globalAgent });
    }
    expect(ours.globalAgent).toBe(globalAgent);
  });

  const CHECK = `
    import * as esm from 'turnout/https';
    import { createRequire } from 'node:module';
    const https = createRequire(import.meta.url)('turnout/https');
    const missing = Object.keys(https).filter((name) => esm[name] !== https[name]);
    console.log(JSON.stringify({ missing, default: esm.default === https, names: Object.keys(https).length }));`;
  it.each(Object.entries({ 'this Node': process.execPath, ...otherNodes() }))('is there by name in ESM on %s', async (_, node) => {
    const { out, err } = await run(['--input-type=module', '-e', CHECK], { node });
    expect([JSON.parse(out), err]).toEqual([{ missing: [], default: true, names: 6 }, '']);
  });
});

describe.each([['node:https', https], ['turnout/https', ours]])('wrong arguments: %s', (_, module) => {
  const codeOf = (act) => {
    try {
      act();
      return 'none';
    } catch (error) {
      return `${error.code} ${error.message.split('\n')[0]}`;
    }
  };
  it.each([
    ['options', () => module.createServer(1), 'ERR_INVALID_ARG_TYPE The "options" argument must be of type object. Received type number (1)'],
    ['requestTimeout', () => module.createServer({ requestTimeout: 'a' }), 'ERR_INVALID_ARG_TYPE The "requestTimeout" argument must be of type number. Received type string (\'a\')'],
    ['handshakeTimeout', () => module.createServer({ handshakeTimeout: 'a' }), 'ERR_INVALID_ARG_TYPE The "options.handshakeTimeout" property must be of type number. Received type string (\'a\')'],
    ['SNICallback', () => module.createServer({ SNICallback: 1 }), 'ERR_INVALID_ARG_TYPE The "options.SNICallback" property must be of type function. Received type number (1)'],
    ['both ALPN options', () => module.createServer({ ALPNCallback() {}, ALPNProtocols: ['a'] }), 'ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS The ALPNCallback and ALPNProtocols TLS options are mutually exclusive'],
    ['protocol', () => module.request({ protocol: 'http:' }), 'ERR_INVALID_PROTOCOL Protocol "http:" not supported. Expected "https:"'],
    ['an agent of http', () => module.request({ agent: new http.Agent() }), 'ERR_INVALID_PROTOCOL Protocol "https:" not supported. Expected "http:"'],
    ['agent', () => module.request({ agent: 1 }), 'ERR_INVALID_ARG_TYPE The "options.agent" property must be one of Agent-like Object, undefined, or false. Received type number (1)'],
    ['URL', () => module.get('nonsense'), 'ERR_INVALID_URL Invalid URL'],
    ['URL of http', () => module.get('http://localhost'), 'ERR_INVALID_PROTOCOL Protocol "http:" not supported. Expected "https:"'],
    ['path', () => module.get({ path: ' ' }), 'ERR_UNESCAPED_CHARACTERS Request path contains unescaped characters'],
  ])('%s', (__, act, expected) => {
    expect(codeOf(act)).toBe(expected);
  });
});
