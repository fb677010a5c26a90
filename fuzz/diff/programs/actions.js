'use strict';

/**
 * What a handler may do, by name: to its request and response, their socket and the server. An action is data: `{ do: 'res.write',
 * size: 5, call: true, when: 'tick', of: 1 }`; `of` takes what an earlier event had brought.
 */

const { Readable } = require('node:stream');
const { marked } = require('./payload');
const { derive, replace, transferred } = require('./tampering');
const { sendToChild } = require('./children');
const { codeOf } = require('./record');

/** Those that would go on for ever when what they emit did them again. */
const ENDLESS = new Set(['server.again', 'server.connectionAgain', 'server.get', 'throw', 'reject']);

const failure = (asked) => (asked ? Object.assign(new Error('the program says so'), { code: 'PROGRAM_ERROR' }) : undefined);

/** The bytes of a write in the form that it is given them; hex and base64 are what the mark is after decoding. */
function content({ size, as }, id) {
  const text = marked(id, size);
  switch (as) {
    case 'buffer':
      return [Buffer.from(text)];
    case 'bytes':
      return [new Uint8Array(Buffer.from(text))];
    case 'hex':
    case 'base64':
      return [Buffer.from(text).toString(as), as];
    case 'latin1':
    case 'utf16le':
      return [text, as];
    case 'wide':
      return [`${text}é€😀`, 'utf8'];
    default:
      return [text];
  }
}

function callbackOf({ call }, { stage }, id) {
  return call ? [(error) => stage.record.fault(`call ${id} callback`, error ?? undefined)] : [];
}

/** Whether what is written to `target` is to be seen by the peer. */
const hasBody = ({ statusCode }, { req }) => req?.method !== 'HEAD' && statusCode !== 204 && statusCode !== 304;

/** Writes or ends with a mark. @param {string} method */
function say(target, method, action, context, id) {
  const { record } = context.stage;
  const args = action.size === undefined ? [] : content(action, id);
  const legible = args.length > 0 && action.as !== 'utf16le' && hasBody(target, context);
  // A write is called back when somebody has taken the bytes, an end when they have left.
  if (method === 'end' && action.call && legible) record.promise(`call ${id} callback`, id);
  if (legible && context.owner !== undefined) record.promise(`${context.owner} res finish`, id);
  target[method](...args, ...callbackOf(action, context, id));
  if (action.transfer && typeof args[0] === 'object') transferred(args[0], action.transfer);
}

/** Reads `stream` to its end in the given way, and writes down what came. */
function readAll(stream, name, { how = 'data', transfer }, { stage }) {
  const take = (chunk) => {
    stage.record.data(name, chunk);
    if (transfer && typeof chunk === 'object') transferred(chunk, transfer);
  };
  if (how === 'data') stream.on('data', take);
  else if (how === 'readable') {
    stream.on('readable', () => {
      for (let chunk; (chunk = stream.read()) !== null;) take(chunk);
    });
  } else {
    (async () => {
      for await (const chunk of stream) take(chunk);
    })().then(
      () => stage.record.note(`${name} iterated`, 'to the end'),
      (error) => stage.record.note(`${name} iterated`, codeOf(error)),
    );
  }
  stream.on('end', () => stage.record.count(`${name} end`));
}

const HEADS = {
  none: {},
  close: { Connection: 'close' },
  keep: { Connection: 'keep-alive' },
  chunked: { 'Transfer-Encoding': 'chunked' },
  short: { 'Content-Length': '5' },
  empty: { 'Content-Length': '0' },
};

const RESPONSE = {
  write: (res, action, context, id) => say(res, 'write', action, context, id),
  end: (res, action, context, id) => say(res, 'end', action, context, id),
  writeHead: (res, { status, head }) => res.writeHead(status, HEADS[head]),
  setHeader: (res, { header }) => res.setHeader('X-Program', header),
  flushHeaders: (res) => res.flushHeaders(),
  writeContinue: (res) => res.writeContinue(),
  writeProcessing: (res) => res.writeProcessing(),
  writeEarlyHints: (res) => res.writeEarlyHints({ link: '</a.css>; rel=preload' }),
  cork: (res) => res.cork(),
  uncork: (res) => res.uncork(),
  destroy: (res, { error }) => res.destroy(failure(error)),
  setTimeout: (res, { msecs }) => res.setTimeout(msecs),
  addTrailers: (res) => res.addTrailers({ 'X-Trailer': 'last' }),
  removeAllListeners: (res, { event }) => res.removeAllListeners(...(event ? [event] : [])),
  detach: (res) => res.detachSocket(res.socket),
  noKeepAlive: (res) => (res.shouldKeepAlive = false),
  strict: (res) => (res.strictContentLength = true),
  pipeInto: (res, { size }, context, id) => Readable.from([Buffer.from(marked(`${id}a`, size)), Buffer.from(marked(`${id}b`, size))]).pipe(res),
};

const REQUEST = {
  read: (req, action, context) => readAll(req, `${context.name} req`, action, context),
  pause: (req) => req.pause(),
  resume: (req) => req.resume(),
  destroy: (req, { error }) => req.destroy(failure(error)),
  setEncoding: (req, { encoding }) => req.setEncoding(encoding),
  unshift: (req, { size }, context, id) => req.unshift(Buffer.from(marked(id, size))),
  push: (req, { size }, context, id) => req.push(size === undefined ? null : Buffer.from(marked(id, size))),
  take: (req, { size }, { name, stage }) => stage.record.note(`${name} req taken`, req.read(size)?.length),
  setTimeout: (req, { msecs }) => req.setTimeout(msecs),
  removeAllListeners: (req, { event }) => req.removeAllListeners(...(event ? [event] : [])),
  pipe: (req, action, { res, socket }) => req.pipe(res ?? socket),
  unpipe: (req) => req.unpipe(),
};

const SOCKET = {
  write: (socket, action, context, id) => say(socket, 'write', action, { ...context, owner: undefined }, id),
  end: (socket, action, context, id) => say(socket, 'end', action, { ...context, owner: undefined }, id),
  accept: (socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
  refuse: (socket) => socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'),
  destroy: (socket, { error }) => socket.destroy(failure(error)),
  destroySoon: (socket) => socket.destroySoon(),
  resetAndDestroy: (socket) => socket.resetAndDestroy(),
  setTimeout: (socket, { msecs }) => socket.setTimeout(msecs),
  read: (socket, action, context) => readAll(socket, `${context.name} stream`, action, context),
  pause: (socket) => socket.pause(),
  resume: (socket) => socket.resume(),
  unshift: (socket, { size }, context, id) => socket.unshift(Buffer.from(marked(id, size))),
  echo: (socket) => socket.pipe(socket),
  unpipe: (socket) => socket.unpipe(),
  cork: (socket) => socket.cork(),
  uncork: (socket) => socket.uncork(),
  ref: (socket) => socket.ref(),
  unref: (socket) => socket.unref(),
  setNoDelay: (socket) => socket.setNoDelay(true),
  setKeepAlive: (socket) => socket.setKeepAlive(true, 1000),
  removeAllListeners: (socket, { event }) => socket.removeAllListeners(...(event ? [event] : [])),
  toChild: (socket, { keepOpen }, { stage, name }, id) => sendToChild(stage, `call ${id}`, name, socket, keepOpen),
};

const SERVER = {
  close: (server) => server.close(),
  closeIdle: (server) => server.closeIdleConnections(),
  closeAll: (server) => server.closeAllConnections(),
  again: (server, action, { kind, req, res, socket, head }) => (res ? server.emit(kind, req, res) : server.emit(kind, req, socket, head)),
  connectionAgain: (server, action, context) => server.emit('connection', context.stage.socketOf(context)),
  removeAllListeners: (server, { event }) => server.removeAllListeners(event),
  setTimeout: (server, { msecs }) => server.setTimeout(msecs),
  unref: (server) => server.unref(),
  toChild: (server, action, { stage, name }, id) => sendToChild(stage, `call ${id}`, name, server),
  get: (server, { agent }, { stage }, id) => nested(stage, id, agent),
};

/** A request to the server from within its handler, with the implementation's own client. */
function nested(stage, id, keepAlive) {
  const { Agent } = stage.http;
  const agent = keepAlive ? new Agent({ keepAlive }) : false;
  const request = stage.http.get({ port: stage.port, host: '127.0.0.1', path: '/nested', agent }, (response) => {
    let text = '';
    response.on('data', (chunk) => (text += chunk));
    response.on('end', () => {
      stage.record.note(`call ${id} answer`, `${response.statusCode} ${text}`);
      if (keepAlive) agent.destroy();
    });
  });
  request.on('error', (error) => stage.record.fault(`call ${id} error`, error));
}

const OTHERS = {
  derive: (action, context) => derive(action, context),
  replace: (action, context) => replace(action, context),
  throw: () => {
    throw Object.assign(new Error('the program throws'), { code: 'PROGRAM' });
  },
  reject: () => void Promise.reject(Object.assign(new Error('the program rejects'), { code: 'PROGRAM_REJECTION' })),
  touch: ({ what, property }, context) => void (what === 'socket' ? context.stage.socketOf(context) : context[what])?.[property],
};

const TABLES = { res: RESPONSE, req: REQUEST, socket: SOCKET, server: SERVER };

/** What the action is done to: of this event, or of an earlier one that the same peer had caused. */
function contextOf(context, { of = 0 }) {
  const its = context.stage.contexts.filter(({ name }) => name[0] === context.name[0]);
  return its[its.indexOf(context) - of] ?? context;
}

/** Does it; what it throws at its caller is written down. */
function perform(here, action, id) {
  const context = contextOf(here, action);
  context.stage.stir();
  const [what, name] = action.do.split('.');
  if (name === undefined) {
    OTHERS[what](action, context, id);
    return;
  }
  const { stage } = context;
  const target = what === 'server' ? stage.server : what === 'socket' ? stage.socketOf(context) : context[what];
  if (!target) return;
  try {
    TABLES[what][name](target, action, { ...context, owner: context.name }, id);
  } catch (error) {
    stage.record.note(`call ${id} ${action.do} threw`, codeOf(error));
  }
}

module.exports = { ENDLESS, perform };
