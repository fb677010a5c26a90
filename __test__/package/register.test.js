'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const certificate = require('../support/certificate');
const { run, otherNodes, ROOT } = require('../support/child');

/** CommonJS: every way to ask for http and https. */
const CJS = `
const turnout = require(process.env.TURNOUT);
const { once } = require('node:events');
const { createRequire } = require('node:module');
const { Worker } = require('node:worker_threads');
const https = require(process.env.TURNOUT + '/https');
const all = (ask) => ask('http') === turnout && ask('node:http') === turnout && ask('https') === https && ask('node:https') === https;
const seen = {
  http: require('http') === turnout,
  'node:http': require('node:http') === turnout,
  https: require('https') === https,
  'node:https': require('node:https') === https,
  createRequire: all(createRequire(__filename)),
  getBuiltinModule: !process.getBuiltinModule || all(process.getBuiltinModule),
  others: (process.getBuiltinModule?.('fs') ?? require('fs')) === require('node:fs') && require('node:tls').Server === Object.getPrototypeOf(Object.getPrototypeOf(https.Server)),
};
import('node:http').then(async (esm) => {
  seen.worker = (await once(new Worker('./worker.js'), 'message'))[0];
  const secure = await import('node:https');
  seen.import = esm.default === turnout && esm.createServer === turnout.createServer && secure.default === https && secure.get === https.get;
  console.log(JSON.stringify(seen));
});
`;
/** A worker is preloaded as its process is. */
const WORKER = `
const [http, https] = [require(process.env.TURNOUT), require(process.env.TURNOUT + '/https')];
require('node:worker_threads').parentPort.postMessage(require('http') === http && require('https') === https);
`;
const ALL = { http: true, 'node:http': true, https: true, 'node:https': true, createRequire: true, getBuiltinModule: true, others: true, worker: true, import: true };

/** ESM: default, named, namespace and dynamic imports, and a CommonJS module among them. */
const ESM = `
import { createRequire } from 'node:module';
import http, { createServer, Server, STATUS_CODES, get } from 'node:http';
import * as namespace from 'http';
import https, { Agent } from 'https';
import cjs from './required.cjs';
const turnout = createRequire(import.meta.url)(process.env.TURNOUT);
const turnoutHttps = createRequire(import.meta.url)(process.env.TURNOUT + '/https');
const server = createServer((req, res) => res.end('okay')).listen(0, () => {
  get({ port: server.address().port }, (res) => res.on('data', async (data) => {
    console.log(JSON.stringify({
      default: http === turnout,
      named: server instanceof turnout.Server && Server === turnout.Server && STATUS_CODES[404] === 'Not Found',
      namespace: namespace.default === turnout && namespace.createServer === turnout.createServer,
      dynamic: (await import('http')).default === turnout,
      required: cjs === turnout,
      https: https === turnoutHttps && Agent === turnoutHttps.Agent,
      answer: String(data),
    }));
    server.close();
  }));
});
`;

/** An https server with http as the frameworks see it: messages on prototypes made from turnout's classes. */
const HTTPS = `
const http = require('http');
const https = require('https');
const request = Object.create(http.IncomingMessage.prototype);
const response = Object.create(http.ServerResponse.prototype);
const listener = (req, res) => {
  Object.setPrototypeOf(req, request);
  Object.setPrototypeOf(res, response);
  let body = '';
  req.on('data', (data) => (body += data)).on('end', () => {
    res.setHeader('X-Body', body);
    res.writeHead(201);
    res.write(req.headers.host + ' ');
    res.end(req.socket.encrypted ? 'encrypted' : 'plain');
  });
};
const { key, cert } = JSON.parse(process.env.PAIR);
const servers = { https: https.createServer({ key, cert }, listener), http: http.createServer(listener) };
(async () => {
  const seen = [];
  for (const [protocol, server] of Object.entries(servers)) {
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    for (let n = 0; n < 2; n++) {
      const client = protocol === 'http' ? http : https;
      const options = { method: 'POST', host: '127.0.0.1', port: server.address().port, headers: { host: 'me' }, rejectUnauthorized: false, agent: false };
      const res = await new Promise((done) => client.request(options, done).end('b' + n));
      let text = '';
      for await (const data of res) text += data;
      seen.push([res.statusCode, res.headers['x-body'], text]);
    }
    server.close();
  }
  console.log(JSON.stringify({ seen, ours: servers.https instanceof require(process.env.TURNOUT + '/https').Server }));
})();
`;

const PAIR = JSON.stringify(certificate);

describe.each(Object.entries({ 'this Node': process.execPath, ...otherNodes() }))('turnout/register on %s', (_, node) => {
  let directory;
  beforeAll(() => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'turnout-register-'));
    fs.mkdirSync(path.join(directory, 'node_modules'));
    fs.symlinkSync(ROOT, path.join(directory, 'node_modules', 'turnout'));
    fs.writeFileSync(path.join(directory, 'app.js'), CJS);
    fs.writeFileSync(path.join(directory, 'worker.js'), WORKER);
    fs.writeFileSync(path.join(directory, 'app.mjs'), ESM);
    fs.writeFileSync(path.join(directory, 'required.cjs'), "module.exports = require('http');");
    fs.writeFileSync(path.join(directory, 'https.js'), HTTPS);
  });
  afterAll(() => fs.rmSync(directory, { recursive: true }));

  async function play(flag, file, env) {
    const { code, out, err } = await run([flag, 'turnout/register', file], { cwd: directory, node, env: { TURNOUT: ROOT, ...env } });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return JSON.parse(out);
  }

  it.each(['--require', '--import'])('%s: CommonJS gets turnout, however it asks', async (flag) => {
    expect(await play(flag, 'app.js')).toEqual(ALL);
  });

  it.each(['--require', '--import'])('%s: ESM gets turnout, by default and by name', async (flag) => {
    const yes = { default: true, named: true, namespace: true, dynamic: true, required: true, https: true };
    expect(await play(flag, 'app.mjs')).toEqual({ ...yes, answer: 'okay' });
  });

  it('a second copy of turnout still finds node:http', async () => {
    const text = `
      const first = require('turnout');
      const hostHttps = Object.getPrototypeOf(require('turnout/https').Server);
      for (const file in require.cache) delete require.cache[file];
      const second = require('turnout');
      const server = second.createServer((req, res) => res.end('okay')).listen(0, async () => {
        const response = await fetch('http://localhost:' + server.address().port);
        const host = Object.getPrototypeOf(second.Server);
        console.log(JSON.stringify([await response.text(), first === second, host === Object.getPrototypeOf(first.Server), hostHttps === Object.getPrototypeOf(secure.Server)]));
        server.close();
      });
      const secure = require('turnout/https');`;
    fs.writeFileSync(path.join(directory, 'twice.js'), text);
    expect(await play('--require', 'twice.js')).toEqual(['okay', false, true, true]);
  });

  it('https is turnout, too, with the prototypes a framework made from http', async () => {
    const seen = [
      [201, 'b0', 'me encrypted'],
      [201, 'b1', 'me encrypted'],
      [201, 'b0', 'me plain'],
      [201, 'b1', 'me plain'],
    ];
    expect(await play('--require', 'https.js', { PAIR })).toEqual({ seen, ours: true });
  });
});
