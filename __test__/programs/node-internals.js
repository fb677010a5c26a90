'use strict';

/**
 * What lib/base/node-internals.js declares, asked of the Node that runs this: printed as JSON, the names that are missing. What can only be seen while
 * something is under way is brought about here, with node:http alone.
 */

const { fork } = require('node:child_process');
const diagnostics = require('node:diagnostics_channel');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { PerformanceObserver } = require('node:perf_hooks');
const internals = require('../../lib/base/node-internals');

const MAJOR = Number(process.versions.node.split('.')[0]);
const HOST = '127.0.0.1';

/** What has a member for each of the names that were heard. */
const saying = (names) => Object.fromEntries([...names].map((name) => [name, true]));

/** What cannot be seen from outside is looked for in the words of the function of Node's that reads it. */
const mentioned = (fn, name) => saying(String(fn).includes(name) ? [name] : []);

/** Everything Node says on the channels whose names we use, from now on. @return {Set<string>} */
function listenToChannels() {
  const heard = new Set();
  for (const { channel } of Object.values(internals.CHANNELS)) diagnostics.subscribe(channel, () => heard.add(channel));
  diagnostics.tracingChannel(internals.LISTEN_CHANNEL).subscribe({ asyncEnd: () => heard.add(internals.LISTEN_CHANNEL) });
  return heard;
}

/** A request of node:http's to a server of its own, and one to nobody. */
async function requests() {
  const observer = new PerformanceObserver(() => {});
  observer.observe({ entryTypes: ['http'] });
  const found = {};
  const server = http.createServer((req, res) => {
    found['an http.ServerResponse that is observed'] = res;
    res.end();
  });
  await once(server.listen(0, HOST), 'listening');
  const agent = new http.Agent({ keepAlive: true });
  agent.on('free', (socket, options) => {
    found["an agent's options of a socket"] = options;
  });
  const req = http.get({ port: server.address().port, host: HOST, agent });
  found['an http.ClientRequest'] = req;
  req.on('socket', (socket) => {
    found["the listeners of an agent's socket"] = socket._events;
    found['a socket with a request'] = { _httpMessage: socket._httpMessage === req || undefined };
    found['the parser of an http.ClientRequest'] = { onIncoming: typeof req.parser.onIncoming === 'function' || undefined };
  });
  const [res] = await once(req, 'response');
  await once(res.resume(), 'close');
  agent.destroy();
  server.close();
  const refused = http.get({ port: 1, host: HOST, agent: new http.Agent() });
  await once(refused, 'error');
  observer.disconnect();
  return found;
}

/** Servers that listen, and what they have for it. */
async function servers() {
  const server = net.createServer();
  await once(server.listen(0, HOST), 'listening');
  const file = path.join(os.tmpdir(), `turnout-internals-${process.pid}`);
  const onPath = net.createServer();
  await once(onPath.listen(process.platform === 'win32' ? `\\\\.\\pipe\\${path.basename(file)}` : file), 'listening');
  onPath.close();
  fs.rmSync(file, { force: true });
  return { server, found: { 'a server that listens': server, 'the handle of a server': server._handle, 'a server that listens on a path': onPath } };
}

/** A channel to a child, over which a socket goes. */
async function channel(server) {
  const child = fork(__filename, ['child']);
  const client = net.connect(server.address().port, HOST);
  const [socket] = await once(server, 'connection');
  const { _handle: handle } = socket;
  const internal = once(child, 'internalMessage');
  child.send('socket', socket);
  const queued = Array.isArray(child._handleQueue);
  // What the child answers Node's own message with.
  await internal;
  const [message] = await once(child, 'message');
  const found = {
    'the options of a channel': mentioned(child._send, 'swallowErrors'),
    'a channel': { _send: child._send, _disconnect: child._disconnect, ...(queued && { _handleQueue: true }) },
    'the internal messages of a channel': saying([message]),
    'the handle of a socket': handle,
    'a child of a server': server._workers[0],
  };
  child.kill();
  client.destroy();
  await once(child, 'exit');
  return found;
}

/** In the child: tells by which internal message the socket has come. */
function childProcess() {
  let cmd;
  process.on('internalMessage', (message) => {
    if (message.cmd === internals.NODE_HANDLE && message.type === internals.SOCKET_TYPE) ({ cmd } = message);
  });
  process.on('message', () => process.send(cmd ?? 'none'));
}

async function main() {
  const heard = listenToChannels();
  const found = {
    ...internals.owners(),
    ...(await requests()),
    'net.Socket.prototype._destroy()': mentioned(net.Socket.prototype._destroy, 'resetAndClosing'),
    'the options of a net.Socket': mentioned(net.Socket, 'manualStart'),
  };
  const { server, found: ofServers } = await servers();
  Object.assign(found, ofServers, await channel(server));
  server.close();
  const isDue = ({ from = 20 }) => MAJOR >= from;
  const missing = internals.NAMES.filter((name) => isDue(name) && !internals.has(found[name.of], name.key)).map(internals.nameOf);
  const expected = [...Object.values(internals.CHANNELS), { channel: internals.LISTEN_CHANNEL }].filter(isDue);
  console.log(JSON.stringify({ missing, silent: expected.map(({ channel }) => channel).filter((name) => !heard.has(name)) }));
}

if (process.argv[2] === 'child') childProcess();
else main();
