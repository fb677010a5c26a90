'use strict';

/** Lists of actions, at random: what one listener of a program does. */

/** Bytes of a write; those about 16, 32 and 64 KiB take other ways than small ones. */
const SIZES = [0, 0, 5, 5, 5, 100, 100, 3_000, 15_000, 20_000, 40_000, 70_000, 300_000];
const FORMS = ['text', 'text', 'text', 'buffer', 'buffer', 'buffer', 'bytes', 'hex', 'base64', 'latin1', 'utf16le', 'wide'];
const WAYS = ['clone', 'port', 'transfer'];
const MSECS = [0, 1, 3];

const WHENS = {
  request: ['req end', 'req data', 'req close', 'req resume', 'res close', 'res finish', 'res drain', 'res prefinish', 'socket close', 'socket end', 'socket timeout'],
  stream: ['socket data', 'socket end', 'socket close', 'socket drain', 'socket finish'],
};

const yes = (random, n, more) => (random.oneIn(n) ? more : {});

function piece(random, isEnd) {
  const one = { ...yes(random, 3, { call: true }) };
  if (isEnd && random.oneIn(4)) return one;
  Object.assign(one, { size: random.pick(SIZES) });
  const as = random.pick(FORMS);
  if (as !== 'text') one.as = as;
  if ((as === 'buffer' || as === 'bytes') && random.oneIn(10)) one.transfer = random.pick(WAYS);
  return one;
}

const reading = (random) => ({ how: random.pick(['data', 'data', 'data', 'readable', 'iterate']), ...yes(random, 5, { transfer: random.pick(WAYS) }) });
const error = (random) => yes(random, 3, { error: true });
const msecs = (random) => ({ msecs: random.pick(MSECS) });
const size = (random) => ({ size: random.pick(SIZES) });
const nothing = () => ({});

/** name → [weight, its arguments] */
const RESPONSE = {
  'res.write': [12, (random) => piece(random, false)],
  'res.end': [10, (random) => piece(random, true)],
  'res.writeHead': [4, (random) => ({ status: random.pick([200, 200, 200, 204, 304, 404, 500]), head: random.pick(['none', 'none', 'close', 'keep', 'chunked', 'short', 'empty']) })],
  'res.setHeader': [1, () => ({ header: 'yes' })],
  'res.flushHeaders': [2, nothing],
  'res.writeContinue': [1, nothing],
  'res.writeProcessing': [1, nothing],
  'res.writeEarlyHints': [1, nothing],
  'res.cork': [1, nothing],
  'res.uncork': [1, nothing],
  'res.destroy': [3, error],
  'res.setTimeout': [2, msecs],
  'res.addTrailers': [1, nothing],
  'res.removeAllListeners': [1, (random) => yes(random, 2, { event: random.pick(['finish', 'close', 'timeout']) })],
  'res.detach': [1, nothing],
  'res.noKeepAlive': [1, nothing],
  'res.strict': [1, nothing],
  'res.pipeInto': [2, size],
};

const REQUEST = {
  'req.read': [8, reading],
  'req.pause': [2, nothing],
  'req.resume': [3, nothing],
  'req.destroy': [3, error],
  'req.setEncoding': [1, (random) => ({ encoding: random.pick(['utf8', 'hex', 'latin1']) })],
  'req.unshift': [1, size],
  'req.push': [1, (random) => (random.oneIn(2) ? {} : size(random))],
  'req.take': [1, (random) => ({ ...yes(random, 2, { size: 3 }) })],
  'req.setTimeout': [1, msecs],
  'req.removeAllListeners': [1, (random) => yes(random, 2, { event: random.pick(['end', 'data', 'close']) })],
  'req.pipe': [2, nothing],
  'req.unpipe': [1, nothing],
};

const CONNECTION = {
  'socket.destroy': [3, error],
  'socket.destroySoon': [2, nothing],
  'socket.resetAndDestroy': [1, nothing],
  'socket.end': [3, (random) => (random.oneIn(2) ? {} : piece(random, true))],
  'socket.refuse': [2, nothing],
  'socket.setTimeout': [3, msecs],
  'socket.pause': [2, nothing],
  'socket.resume': [2, nothing],
  'socket.unshift': [1, size],
  'socket.cork': [1, nothing],
  'socket.uncork': [1, nothing],
  'socket.ref': [1, nothing],
  'socket.unref': [1, nothing],
  'socket.setNoDelay': [1, nothing],
  'socket.setKeepAlive': [1, nothing],
  'socket.toChild': [1, (random) => yes(random, 3, { keepOpen: true })],
};

const IN_HTTP = { 'socket.write': [2, (random) => piece(random, false)], 'socket.read': [1, reading], 'socket.removeAllListeners': [1, (random) => ({ event: random.pick(['timeout', 'error', 'close', 'drain']) })] };

const STREAM = {
  'socket.accept': [10, nothing],
  'socket.write': [14, (random) => piece(random, false)],
  'socket.read': [10, reading],
  'socket.echo': [4, nothing],
  'socket.unpipe': [1, nothing],
  'socket.removeAllListeners': [1, (random) => yes(random, 2, { event: random.pick(['data', 'end', 'close', 'error']) })],
};

const SERVER = {
  'server.close': [2, nothing],
  'server.closeIdle': [2, nothing],
  'server.closeAll': [2, nothing],
  'server.again': [2, nothing],
  'server.connectionAgain': [1, nothing],
  'server.removeAllListeners': [1, (random) => ({ event: random.pick(['request', 'upgrade', 'clientError', 'timeout']) })],
  'server.setTimeout': [1, msecs],
  'server.unref': [1, nothing],
  'server.toChild': [1, nothing],
  'server.get': [2, (random) => yes(random, 2, { agent: true })],
};

const METHODS = {
  req: ['emit', 'on', 'read', 'push', 'resume', 'destroy'],
  res: ['write', 'end', 'emit', 'writeHead', '_send', 'on', 'destroy'],
  socket: ['write', 'end', 'emit', 'destroy', 'on', 'read', 'push', 'pause', 'resume', 'setTimeout'],
  server: ['emit', 'close'],
  global: ['setTimeout', 'setImmediate', 'setInterval', 'clearTimeout', 'queueMicrotask', 'structuredClone'],
  process: ['nextTick'],
  Buffer: ['from', 'concat', 'alloc', 'allocUnsafe', 'allocUnsafeSlow', 'byteLength', 'isBuffer'],
  bytes: ['slice', 'subarray', 'copy', 'write', 'toString', 'utf8Write', 'latin1Write', 'latin1Slice', 'utf8Slice', 'asciiSlice', 'fill', 'readUInt32LE'],
  array: ['slice', 'subarray', 'set', 'fill'],
};
const PROPERTIES = {
  req: ['socket', 'headers', 'rawHeaders', 'readable', 'connection', 'trailers', '_readableState', 'signal'],
  res: ['socket', 'connection', 'writableLength', 'writable', 'headersSent', 'outputSize', '_header', 'writableNeedDrain', 'writableFinished'],
  socket: ['parser', '_httpMessage', 'bytesRead', 'bytesWritten', 'remoteAddress', 'writableLength', '_handle', 'readableFlowing', 'timeout', 'pending', 'readyState'],
};

function replacing(random) {
  const what = random.pick(['req', 'res', 'res', 'socket', 'socket', 'server', 'global', 'global', 'process', 'Buffer', 'bytes', 'bytes', 'array']);
  const name = random.pick(METHODS[what]);
  const how = what === 'global' ? random.pick(['never', 'calls', 'throws']) : what === 'Buffer' || what === 'bytes' || what === 'array' ? 'throws' : 'calls';
  return { what, name, how };
}

function touching(random) {
  const what = random.pick(Object.keys(PROPERTIES));
  return { what, property: random.pick(PROPERTIES[what]) };
}

const derivation = (whats) => (random) => ({ what: random.pick(whats), how: random.pick(['create', 'create', 'wrap', 'bound', 'proxy', 'prototype']) });

const TAMPERING = { replace: [4, replacing], touch: [3, touching], throw: [2, nothing], reject: [1, nothing] };

const TABLES = {
  request: { ...RESPONSE, ...REQUEST, ...CONNECTION, ...IN_HTTP, ...SERVER, ...TAMPERING, derive: [4, derivation(['req', 'res', 'socket'])] },
  stream: { ...STREAM, ...CONNECTION, ...SERVER, ...TAMPERING, 'req.read': [2, reading], 'req.destroy': [1, error], derive: [2, derivation(['req', 'socket'])] },
  connection: { ...CONNECTION, ...IN_HTTP, ...SERVER, ...TAMPERING },
  clientError: { ...CONNECTION, 'socket.refuse': [20, nothing], 'socket.destroy': [10, error] },
};
const TABLE_OF = { checkContinue: 'request', upgrade: 'stream', connect: 'stream', timeout: 'clientError' };

function weighted(table, random) {
  const entries = Object.entries(table);
  let left = random.below(entries.reduce((sum, [, [weight]]) => sum + weight, 0));
  for (const [name, [weight, make]] of entries) {
    left -= weight;
    if (left < 0) return { do: name, ...make(random) };
  }
  return undefined;
}

/** When it is done: mostly within the listener. */
function when(random, events) {
  const choice = random.below(10);
  if (choice < 5) return {};
  if (choice < 8) return { when: random.pick(['tick', 'micro', 'immediate', 'immediate', 'timer']) };
  return events === undefined ? {} : { when: random.pick(events) };
}

const CLOSING = { upgrade: 'socket.end', connect: 'socket.end', request: 'res.end', checkContinue: 'res.end' };

/** @return {object[]} */
function handlerActions(kind, random) {
  const table = TABLE_OF[kind] ?? kind;
  const events = WHENS[table];
  const actions = [];
  if (table === 'stream' && !random.oneIn(4)) actions.push({ do: 'socket.accept' });
  const count = table === 'connection' || table === 'clientError' ? random.below(3) : random.pick([0, 1, 1, 2, 2, 3, 4, 6]);
  for (let n = 0; n < count; n++) {
    const action = { ...weighted(TABLES[table], random), ...when(random, events) };
    if (random.oneIn(10)) action.of = 1;
    actions.push(action);
  }
  // Most answer in the end.
  if (kind in CLOSING && !random.oneIn(5)) actions.push({ do: CLOSING[kind], ...piece(random, true), ...when(random, events) });
  return actions;
}

module.exports = { handlerActions };
