'use strict';

/**
 * Every option has a row in lib/seam/options.js, and every row an effect here that two values tell apart: one that is taken and ignored fails. How
 * bad values are refused is compared with node:http by compat.test.js, which goes through the same table.
 */

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const ts = require('typescript');
const rows = require('../../lib/seam/options');
const { engineConfig } = require('../../lib/server/server-options');
const { kSide } = require('../../lib/base/symbols');
const client = require('../support/client-effects');
const { EFFECTS, serverEffect, WAYS } = require('../support/server-effects');
const { ROOT } = require('../support/child');
const turnout = require('../..');

const NODE_26 = Number(process.versions.node.split('.')[0]) >= 26;
const names = (end) => rows.optionsOf(end).map(({ name }) => name);
const read = (file) => fs.readFileSync(path.join(ROOT, file), 'utf8');

/** @return {Record<string, string[]>} the options that our types and @types/node know, by the name of their interface */
function typedOptions() {
  const program = ts.createProgram([path.join(__dirname, 'types', 'options.ts')], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    skipLibCheck: true,
  });
  const checker = program.getTypeChecker();
  const found = {};
  program.getSourceFiles().filter((file) => file.fileName.endsWith('types/options.ts')).forEach((file) => ts.forEachChild(file, (node) => {
    if (ts.isTypeAliasDeclaration(node)) found[node.name.text] = checker.getTypeAtLocation(node).getProperties().map((property) => property.name);
  }));
  return found;
}

describe('the table of options', () => {
  it('has a row for each option that the types know, and they know each of ours', () => {
    const typed = typedOptions();
    expect(names('server')).toEqual(expect.arrayContaining(typed.Server));
    // How a ClientRequest is told whose default agent counts; https uses it, nobody else.
    expect([...names('request'), ...names('connection')]).toEqual(expect.arrayContaining(typed.Request.filter((name) => name !== '_defaultAgent')));
    expect([...names('agent'), ...names('connection')]).toEqual(expect.arrayContaining(typed.Agent));
    const own = rows.optionsOf('server').filter((row) => !row.property).map(({ name }) => name);
    expect(typed.Server).toEqual(expect.arrayContaining(own));
  });

  it('has a row for each option that node:http asks a server for', () => {
    const asked = [];
    const options = new Proxy({}, { get: (_, name) => void asked.push(name) });
    http.createServer(options);
    expect(names('server')).toEqual(expect.arrayContaining(asked));
  });

  it('names our own options in the documents', () => {
    for (const { name, own } of rows.TABLE) {
      if (!own) continue;
      expect(read('docs/compatibility.md')).toContain(`\`${name}: `);
      expect(read('index.d.ts')).toContain(`  ${name}?: `);
    }
  });

  it.each(rows.optionsOf('server').filter((row) => !row.own && row.keeper !== 'net.Server' && typeof row.key === 'string').map((row) => [row.name, row]))(
    'has the default that node:http gives %s',
    (name, row) => {
      const server = turnout.createServer();
      if (typeof row.fallback !== 'function') expect([name, server[name]]).toEqual([name, row.fallback]);
      // Older Nodes know fewer of them.
      if (NODE_26 && row.keeper === null && typeof row.fallback !== 'function') expect(row.fallback).toBe(http.createServer()[name]);
    },
  );

  // Which properties a server has, as node:http's, is what compat.test.js looks at.
  it('says of every property of a server that it may change', () => {
    const server = turnout.createServer();
    for (const { name, key, live } of rows.optionsOf('server')) expect([name, live]).toEqual([name, name === key && Object.hasOwn(server, name)]);
  });

  it('has no word for the engine that it does not hear', () => {
    const server = turnout.createServer();
    for (const { name, engine, live } of rows.optionsOf('server')) {
      if (!live) continue;
      const before = JSON.stringify(engineConfig(server));
      const kept = server[name];
      server[name] = { httpValidation: 'relaxed', insecureHTTPParser: true, noDelay: false, keepAlive: true }[name] ?? 77;
      const after = JSON.stringify(engineConfig(server));
      server[name] = kept;
      expect([name, before !== after]).toEqual([name, engine]);
    }
  });

  it('has the engine hear of each change', () => {
    const server = turnout.createServer();
    for (const { name, engine } of rows.optionsOf('server')) {
      const heard = jest.spyOn(server[kSide], 'configure');
      const { [name]: value } = server;
      if (engine) server[name] = value;
      expect([name, heard.mock.calls.length]).toEqual([name, engine ? 1 : 0]);
      heard.mockRestore();
    }
  });
});

/** What the kernel alone knows of: what the engine is told of them is looked at above. */
const TOLD = ['noDelay', 'keepAlive', 'keepAliveInitialDelay'];
/** Rows whose effect has a test of its own, and where. */
const ELSEWHERE = {
  server: { threads: 'server/driver.test.js', catchUpgradeErrors: 'upgrade/upgrade-errors.test.js' },
  agent: { proxyEnv: 'client/proxies.test.js' },
  // A connection's path is the socketPath of a request or an agent.
  connection: { path: 'parity/client/sockets.test.js' },
};

/** Each row has an effect, and values tell it from none. */
function expectEffects(end, effects, told = []) {
  const elsewhere = ELSEWHERE[end] ?? {};
  expect([...Object.keys(effects), ...told, ...Object.keys(elsewhere)].sort()).toEqual(names(end).sort());
  for (const [name, { outcomes }] of Object.entries(effects)) {
    expect([name, outcomes.length === 1 || new Set(outcomes.map(([, outcome]) => outcome)).size > 1]).toEqual([name, true]);
  }
  for (const [name, file] of Object.entries(elsewhere)) expect(read(`__test__/${file}`)).toContain(name === 'path' ? 'socketPath' : name);
}

const titleOf = (value) => (typeof value === 'function' ? 'a function' : value);

describe('an option of a server', () => {
  it('is shown to have an effect, each', () => expectEffects('server', EFFECTS, TOLD));

  const cases = [];
  for (const row of rows.optionsOf('server')) {
    const effect = EFFECTS[row.name];
    // A stream is served by the Node that runs, and older ones know less.
    const ways = WAYS.filter((way) => (way === 'option' ? !row.property : row.live && (way === 'property' || (NODE_26 && !effect?.accepted))));
    for (const [value, outcome] of effect?.outcomes ?? []) for (const way of ways) cases.push([row.name, titleOf(value), way, outcome, value]);
  }

  it.each(cases)('%s: %s as %s: %s', async (name, _, way, outcome, value) => {
    expect(await serverEffect(turnout, name, value, way)).toBe(outcome);
    if (NODE_26) expect(await serverEffect(http, name, value, way)).toBe(outcome);
  });
});

describe('an option of a request or an agent', () => {
  let tools;
  beforeAll(async () => {
    tools = await client.openEcho();
  });
  afterAll(() => tools.close());

  it('is shown to have an effect, each', () => {
    expectEffects('request', client.REQUEST);
    expectEffects('agent', client.AGENT);
    expectEffects('connection', client.CONNECTION);
  });

  const cases = [];
  const add = (whose, effects) => {
    for (const [name, { outcomes, tell, ours = false }] of Object.entries(effects)) {
      for (const [value, outcome] of outcomes) cases.push([whose, name, titleOf(value), outcome, value, tell, ours]);
    }
  };
  add('request', client.REQUEST);
  add('agent', client.AGENT);
  const byAgent = ([name, effect]) => [name, { ...effect, tell: client.byAgent((given, more) => effect.tell(given, more)) }];
  // A signal of a request is the request's own, and of noDelay the agent always has a word of its own.
  add('connection, by request', Object.fromEntries(Object.entries(client.CONNECTION).filter(([name]) => name !== 'signal' && name !== 'noDelay')));
  add('connection, by agent', Object.fromEntries(Object.entries(client.CONNECTION).map(byAgent)));

  it.each(cases)('%s, %s: %s: %s', async (_, name, __, outcome, value, tell, ours) => {
    for (const implementation of NODE_26 && !ours ? [turnout, http] : [turnout]) {
      const all = { ...tools, http: implementation };
      const given = typeof value === 'function' ? await value(all) : value;
      expect(await tell(all, { [name]: given })).toBe(outcome);
    }
  });
});
