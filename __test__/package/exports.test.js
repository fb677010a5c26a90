'use strict';

const http = require('node:http');
const turnout = require('../..');
const { run, otherNodes } = require('../support/child');

const OURS = ['Agent', 'ClientRequest', 'get', 'globalAgent', 'request', 'createServer', 'Server', 'IncomingMessage', 'OutgoingMessage', 'ServerResponse', '_connectionListener'];
const MORE = ['websocketMask', 'websocketUnmask'];
// Ours is there on every Node, node:http's from Node 22 or 24 on.
if (http.setGlobalProxyFromEnv) OURS.push('setGlobalProxyFromEnv');
else MORE.push('setGlobalProxyFromEnv');

describe('what turnout exports', () => {
  it("is what this Node's http does, and the two functions ws looks for", () => {
    expect(Object.keys(turnout).sort()).toEqual([...Object.keys(http), ...MORE].sort());
    for (const name of Object.keys(http)) expect([name, turnout[name] === http[name]]).toEqual([name, !OURS.includes(name)]);
  });

  it('can be replaced, as nock, msw and mockttp do', () => {
    // As in Node `globalAgent` is an accessor.
    for (const name of [...OURS, ...MORE].filter((one) => one !== 'globalAgent')) {
      expect([name, Object.getOwnPropertyDescriptor(turnout, name)]).toMatchObject([name, { writable: true, enumerable: true, configurable: true }]);
    }
    const { request } = turnout;
    const stub = () => {};
    turnout.request = stub;
    expect([turnout.request === stub, http.request === stub]).toEqual([true, false]);
    turnout.request = request;
  });

  const CHECK = `
    import * as esm from './index.mjs';
    import turnout from './index.js';
    const missing = Object.keys(turnout).filter((name) => esm[name] !== turnout[name]);
    console.log(JSON.stringify({ missing, default: esm.default === turnout }));`;
  it.each(Object.entries({ 'this Node': process.execPath, ...otherNodes() }))('has the same names in ESM on %s', async (_, node) => {
    const { out, err } = await run(['--input-type=module', '-e', CHECK], { node });
    expect([JSON.parse(out), err]).toEqual([{ missing: [], default: true }, '']);
  });
});
