'use strict';

/**
 * The names that Node keeps to itself and turnout uses all the same: no other file of lib/ finds a symbol of Node's by its description, reads what
 * stands behind an underscore, or opens a channel by its name, except for what is declared here. Each name says what it is for and what goes wrong
 * without it, so that whoever sees a Node go on without one knows what to look for.
 *
 * Most are used through a function or a constant of this file. `plain` ones are read and called where they are needed, as the properties they are:
 * they are many, and on the way of every request. eslint lets `lib/` use no other name with an underscore, except for those in OFFERED.
 *
 * This file must not lead to the rest of lib/. A process may load turnout several times and drop some of these copies, but channels to other processes
 * are intercepted once, by the first copy's channels.js, which stays for ever and keeps this file: whatever can be reached from here stays, too.
 *
 * What can be seen without doing anything is looked for when turnout is loaded. The rest (a channel to another process, handles that live, what Node
 * publishes) is asserted by __test__/package/node-internals.test.js alone, on every Node that is supported.
 */

const { ChildProcess } = require('node:child_process');
const diagnostics = require('node:diagnostics_channel');
const Module = require('node:module');
const net = require('node:net');
const { nodeError } = require('./errors');
const http = require('./host-http');
const { Object, each } = require('./primordials');

/**
 * `of`: what has the name; `key`: the name, in brackets if it is the description of a symbol. `needed`: false where turnout does without, by the means
 * that `without` tells; a function where that depends on the Node. `from`: the first Node whose newest release has it (20, where there is no word).
 * @type {{of: string, key: string, why: string, without: string, plain?: boolean, needed?: false|(() => boolean), from?: number}[]}
 */
const NAMES = [
  // ---- ticks, listeners, streams
  { of: 'process', key: '_tickCallback',
    why: 'runs ticks and promises between two handlers of a turn, as Node does between two calls of libuv',
    without: 'ticks would wait for all handlers of a turn' },
  { of: 'an EventEmitter', key: '_events', plain: true,
    why: "messages get their table of listeners late; listeners that come and go with every request are put into a socket's by hand",
    without: 'listeners would be added where nobody looks for them' },
  { of: 'an EventEmitter', key: '_eventsCount', plain: true,
    why: 'goes with `_events`',
    without: 'an emitter would take itself for one without listeners' },
  { of: 'an EventEmitter', key: '_maxListeners', plain: true, needed: false,
    why: 'set on each message in the place of the constructor, which would set it',
    without: 'each message has a field for nobody' },
  { of: 'a Readable', key: '_readableState', plain: true,
    why: 'of a message it is made when it is first asked for; of a socket it tells a pause from the rest before the first reader',
    without: 'messages would be born without the half that is read' },
  ...['flowing', 'readableListening', 'endEmitted', 'readingMore', 'resumeScheduled', 'reading', 'ended', 'destroyed', 'closed', 'closeEmitted'].map((key) => ({
    of: "a Readable's _readableState",
    key,
    plain: true,
    why: 'says how far reading is: whether anybody has begun, whether the end has been told, whether read() is under way',
    without: 'bodies nobody reads would not be thrown away, or bodies somebody reads would be',
  })),
  { of: 'stream.Readable.prototype', key: 'readableFlowing', plain: true,
    why: 'documented to be read; here it is set, to stop a flow without a pause, as Node does when a protocol changes',
    without: "bytes of the new protocol would flow before 'upgrade' has a listener for them" },
  { of: 'a Writable', key: '_writableState',
    why: 'its `corked` is set to 1, which ends all corks with one uncork(); its `highWaterMark` becomes that of the next request',
    without: 'what was corked more than once would stay in the socket when its message has ended' },
  { of: 'stream.Writable.prototype', key: 'writableBuffer', plain: true, needed: false,
    why: 'socket.bytesWritten counts what waits in the stream',
    without: 'it counts what has left the stream' },

  // ---- sockets
  { of: 'net.Socket.prototype', key: '_handle', plain: true,
    why: "net.Socket's _destroy() asks it to close, and reads its counters; a handle made of a descriptor is taken out of it",
    without: "sockets would say 'close' before the engine has closed, and could not be sent to other processes" },
  { of: 'a net.Socket', key: '_server', plain: true,
    why: "net.Socket's _destroy() counts the connection down there",
    without: "the server's 'close' would not come" },
  { of: 'net.Socket.prototype', key: '_unrefTimer', plain: true,
    why: 'starts the idle timer anew when bytes have passed',
    without: 'sockets would time out in the middle of their work' },
  { of: 'net.Socket.prototype', key: '_destroy', plain: true,
    why: 'documented to be overridden; here it is also called, with an object in the place of the handle: it stops timers and counts',
    without: 'idle timers would outlive their sockets' },
  { of: 'a net.Socket', key: '_hadError', plain: true, needed: false,
    why: "the client's mark that an error has been told; programs find it where node:http's client leaves it",
    without: 'the mark is there all the same, for us alone' },
  { of: 'net', key: '_normalizeArgs',
    why: "the forms of connect()'s arguments, for agents that call createConnection() as net.connect",
    without: 'agents could not connect' },
  { of: 'net.Socket.prototype', key: '[messaging_transfer_list_symbol]', needed: false, from: 24,
    why: 'postMessage(socket, [socket]) asks for the handle with it',
    without: 'sockets cannot be transferred, as on Nodes before' },
  { of: 'net.Socket.prototype', key: '[messaging_transfer_symbol]', needed: false, from: 24,
    why: 'and then for what the other thread makes the socket of',
    without: 'the same' },

  { of: "the 'data' listener of Node's wrap of a stream", key: 'ondata', needed: false,
    why: 'TLS and HTTP/2 read a socket of ours by such a wrap: it is known by its name and by the error it makes, and HTTP ends where it begins to read',
    without: "a server's connection that is given to them beside the server's own listener would be parsed as HTTP, too" },

  // ---- servers
  { of: 'net.Server.prototype', key: '_listen2', plain: true,
    why: "the last step of listen(), overridden: arguments, names and cluster are net.Server's business, the socket is the engine's",
    without: "libuv would listen, and every connection would be node:http's" },
  { of: 'a net.Server', key: '_handle', plain: true,
    why: 'what listen() leaves there is asked for address(), ref(), unref() and close()',
    without: 'a server would not know that it listens' },
  { of: 'a net.Server', key: '_connections', plain: true,
    why: "counts the engine's connections together with those of other processes",
    without: "getConnections() would be wrong, and 'close' too early" },
  { of: 'net.Server.prototype', key: '_emitCloseIfDrained', plain: true,
    why: "emits the server's 'close' when the last connection has gone of which no socket was made",
    without: "'close' would not come" },
  { of: 'a net.Server', key: '_workers', plain: true,
    why: 'the children that have connections of this server: a closed server waits for theirs',
    without: "'close' would come before a child has closed its connections" },
  { of: 'a net.Server', key: '_unref', plain: true,
    why: 'says that unref() was called before listen()',
    without: 'such a server would keep the process alive' },
  { of: 'net', key: '_createServerHandle', needed: false,
    why: "makes libuv's handle of the engine's listening socket, for those who hand `server._handle` on",
    without: 'an object stands in its place, which cannot go to another process' },
  { of: 'net.Server.prototype', key: '[messaging_transfer_symbol]', needed: false, from: 24,
    why: 'postMessage(server, [server]) asks with it',
    without: 'servers cannot be transferred, as on Nodes before' },

  // ---- http
  { of: 'an http.OutgoingMessage', key: '[kOutHeaders]',
    why: "where the fields are: node:http's methods work on our messages, and ours on its",
    without: 'fields set by the one would be unknown to the other' },
  { of: 'an http.Server', key: '[kUniqueHeaders]',
    why: "the same for `uniqueHeaders`: Node's server sets it on messages of our classes",
    without: 'such fields would leave on several lines' },
  { of: 'an http.Server', key: '[IncomingMessage]',
    why: "Node's parser asks the server of a socket for the class of its requests, and a socket of `emit('connection', socket)` names ours",
    without: 'the parser would find no class for these requests' },
  { of: 'an http.IncomingMessage', key: '[kAbortController]', needed: false, from: 24,
    why: "Node's server looks at these fields (kAbort…) of messages of a class that extends ours",
    without: 'they are not needed, as on Nodes before' },
  { of: 'http.OutgoingMessage.prototype', key: '_finish', plain: true,
    why: "of the prototypes of node:http's response and request: takes the time for entries of perf_hooks, whose functions Node does not show",
    without: "PerformanceObserver would not hear of 'http'" },
  { of: 'http.Agent.prototype', key: 'addRequest', plain: true,
    why: 'ClientRequest gives itself to its agent by it; overridden to take a free connection without merging all options',
    without: 'a request would find no connection' },
  { of: 'http.Agent.prototype', key: 'removeSocket', plain: true,
    why: "takes a connection out of the agent's tables",
    without: 'connections that have gone would be handed out' },
  { of: 'an http.Agent', key: 'totalSocketCount', plain: true,
    why: 'compared with `maxTotalSockets` before a connection is kept',
    without: 'too many would be kept' },
  { of: 'the listeners of an http.Agent', key: 'free', plain: true,
    why: "the first listener of 'free' is Node's: ours takes its place, and calls it in the rarer cases",
    without: 'connections would be kept twice, or not at all' },
  { of: 'an http.Agent with a proxy', key: '[kProxyConfig]', needed: () => 'setGlobalProxyFromEnv' in http, from: 22,
    why: "where an agent keeps its proxy: requests of ours look at Node's agents, and Node's at ours",
    without: 'such requests would pass the proxy by' },

  // ---- modules and processes
  { of: 'module', key: '_load', plain: true,
    why: 'every require() passes here: turnout/register gives turnout for http',
    without: 'turnout/register would change nothing' },
  { of: 'process', key: '_getActiveHandles', plain: true, needed: false,
    why: 'finds children whose channel was there before turnout',
    without: 'sockets that are sent over such a channel stay behind' },
  { of: 'child_process.ChildProcess.prototype', key: 'spawn', plain: true, needed: () => ChildProcess !== undefined,
    why: 'wrapped: `stdio: [socket]` gets the descriptor of a connection of ours',
    without: 'such a spawn() would be refused' },

  // ---- seen only where something is under way
  { of: 'a socket with a request', key: '_httpMessage', plain: true,
    why: "Node's agent and programs look there for the message on a socket",
    without: 'an agent would not take its connection back' },
  { of: "the listeners of an agent's socket", key: 'agentRemove', plain: true,
    why: "emitted when a socket is no longer its agent's: it has failed while it was free, or speaks another protocol",
    without: 'an agent would count upgraded sockets among its own' },
  { of: 'net.Socket.prototype._destroy()', key: 'resetAndClosing', plain: true,
    why: 'says that resetAndDestroy() was called, so that the handle is asked to reset',
    without: 'the peer would see an ordinary end' },
  ...['_peername', '_sockname'].map((key) => ({
    of: 'the ends of a net.Socket', key, plain: true,
    why: "where net.Socket remembers its handle's answer: TLS over a socket of ours has no handle that knows",
    without: 'remoteAddress, localAddress and their like would be undefined there',
  })),
  { of: 'a tls.TLSSocket', key: '_parent', plain: true,
    why: 'the socket that TLS is spoken over',
    without: 'the same' },
  { of: 'the options of a net.Socket', key: 'manualStart', plain: true,
    why: 'a net.Socket that is made for the sake of its handle reads nothing',
    without: "another process's bytes would be read here" },
  { of: "an agent's options of a socket", key: '_agentKey', plain: true,
    why: "the name of the agent's list that a socket is in",
    without: 'it is made anew each time, from all options' },
  { of: 'the options of an https request', key: '[per-request checkServerIdentity]', needed: false, from: 22,
    why: 'marks a request with a `checkServerIdentity` of its own, and its connection, which is for no other request',
    without: 'a request may get a connection that another has verified, as on Nodes before' },
  { of: 'an http.ClientRequest', key: '[kAuthority]', from: 24,
    why: 'an entry of perf_hooks names the host by it',
    without: 'entries would name no host' },
  { of: 'the parser of an http.ClientRequest', key: 'onIncoming',
    why: 'what Node calls with a response, which ends an entry of perf_hooks',
    without: "there would be no 'HttpClient' entries" },
  { of: 'an http.ServerResponse that is observed', key: '[ServerResponseStatistics]',
    why: 'tells that somebody observes entries of perf_hooks who came before turnout',
    without: 'such an observer would hear nothing' },
  { of: 'a channel', key: '_send', plain: true,
    why: 'what send() comes down to, also for what Node has queued: asked whether an object is ours',
    without: 'sockets of ours could not be sent' },
  { of: 'a channel', key: '_handleQueue', plain: true,
    why: 'what waits for a handle to be acknowledged, or for bytes of ours to leave',
    without: 'messages would overtake one another' },
  { of: 'a channel', key: '_disconnect', plain: true,
    why: 'ends a channel that was to end while messages waited',
    without: 'disconnect() would not come to its end' },
  { of: 'the options of a channel', key: 'swallowErrors', plain: true,
    why: 'messages of ours that cannot be sent are no error of the program',
    without: 'a program would hear of messages that it has not sent' },
  { of: 'the internal messages of a channel', key: 'NODE_HANDLE',
    why: 'brings a handle; `type` says whose, and messages whose `cmd` begins with NODE_ reach no program',
    without: 'bytes that were read and not used would not reach the child' },
  { of: 'the handle of a socket', key: '[owner_symbol]',
    why: 'leads to the net.Socket of a handle that has come from another process',
    without: 'bytes that came with it would be lost' },
  { of: 'the handle of a socket', key: 'fd', plain: true,
    why: 'the descriptor of a connection that libuv has accepted, which the engine copies',
    without: 'cluster workers would serve with node:http' },
  { of: 'the handle of a server', key: 'onconnection', plain: true,
    why: 'what libuv calls with a connection: ours gives its descriptor to the engine',
    without: 'cluster workers would serve with node:http' },
  ...['close', 'ref', 'unref', 'listen'].map((key) => ({
    of: 'the handle of a server',
    key,
    plain: true,
    why: "what net.Server, or who has been given the handle, asks of it, the engine's listener hears, too",
    without: 'the engine would go on accepting, or keep the process alive',
  })),
  { of: 'the handle of a server', key: 'getAsyncId', plain: true,
    why: "tells libuv's handles from objects in their place, which C++ must not get",
    without: 'every server would pass for one that cannot be sent' },
  { of: 'the handle of a server', key: 'owner', plain: true,
    why: 'says whose handle it is, for TCP',
    without: 'the handle would name nobody' },
  { of: 'a server that listens', key: '_connectionKey', plain: true,
    why: 'by it a primary and its children name the same server',
    without: 'a server sent to a child would wait for it in vain' },
  { of: 'a server that listens on a path', key: '_pipeName', plain: true,
    why: 'what address() answers with',
    without: 'address() would ask the handle' },
  { of: "a child of a server", key: 'close',
    why: "an entry of server._workers: asks the child to tell when it has closed the server's connections",
    without: "'close' would come too early" },
];

/**
 * Where Node publishes what its servers and requests do; ours is published there, too. Were one renamed, whoever listens under the new name would
 * hear nothing of ours. `from`: as in NAMES.
 */
const CHANNELS = {
  requestStart: { channel: 'http.server.request.start' },
  responseCreated: { channel: 'http.server.response.created', from: 22 },
  responseFinish: { channel: 'http.server.response.finish' },
  serverSocket: { channel: 'net.server.socket' },
  clientRequestCreated: { channel: 'http.client.request.created', from: 22 },
  clientRequestStart: { channel: 'http.client.request.start' },
  clientRequestError: { channel: 'http.client.request.error' },
  clientResponseFinish: { channel: 'http.client.response.finish' },
  clientSocket: { channel: 'net.client.socket' },
};
/** The one that is a tracing channel. */
const LISTEN_CHANNEL = 'net.server.listen';

/** Members that our servers, messages, sockets and parsers have by names of Node's that no document tells, because programs and Node's own code look for them: they are ours. */
const OFFERED = [
  ...['_last', '_defaultKeepAlive', '_removedConnection', '_removedContLen', '_removedTE', '_contentLength', '_hasBody', '_trailer', '_headerSent', '_closed'],
  ...['_header', '_keepAliveTimeout', '_maxRequestsPerSocket', '_onPendingData', '_isLenientHeaderValidation', '_implicitHeader', '_storeHeader', '_writeRaw'],
  ...['_flush', '_flushOutput', '_renderHeaders', '_sent100', '_expect_continue', '_ended', '_deferToConnect', '_defaultAgent'],
  ...['_consuming', '_dumped', '_dump', '_dumpAndCloseReadable', '_addHeaderLine', '_addHeaderLineDistinct', '_addHeaderLines'],
  ...['_read', '_write', '_writev', '_final', '_paused', '_headers', '_url', '_consumed'],
  ...['httpAllowHalfOpen', 'maxRequestsOnConnectionReached'],
];

/** What has the names that can be looked for at once. */
function owners() {
  const socket = new net.Socket();
  const server = new net.Server();
  const agent = new http.Agent();
  return {
    process,
    net,
    module: Module,
    'an EventEmitter': socket,
    'a Readable': socket,
    "a Readable's _readableState": socket._readableState,
    'stream.Readable.prototype': socket,
    'a Writable': socket,
    'stream.Writable.prototype': socket,
    'a net.Socket': socket,
    'net.Socket.prototype': net.Socket.prototype,
    'a net.Server': server,
    'net.Server.prototype': net.Server.prototype,
    'an http.OutgoingMessage': new http.OutgoingMessage(),
    'http.OutgoingMessage.prototype': http.OutgoingMessage.prototype,
    'an http.IncomingMessage': new http.IncomingMessage(),
    'an http.Server': new http.Server(),
    'http.Agent.prototype': http.Agent.prototype,
    'an http.Agent': agent,
    'the listeners of an http.Agent': agent._events,
    'an http.Agent with a proxy': new http.Agent({ proxyEnv: { HTTP_PROXY: 'http://127.0.0.1:1' } }),
    'child_process.ChildProcess.prototype': ChildProcess?.prototype,
  };
}

/** @return {symbol|undefined} the symbol that `object` itself has by this description */
function symbolOf(object, description) {
  return Object.getOwnPropertySymbols(object).find((symbol) => symbol.description === description);
}

/** @param {object|undefined} owner @param {string} key as in NAMES @return {boolean} */
function has(owner, key) {
  if (owner === undefined || owner === null) return false;
  return key[0] === '[' ? symbolOf(owner, key.slice(1, -1)) !== undefined : key in owner;
}

/** @return {string} as an error and a test call it */
const nameOf = ({ of, key }) => (key[0] === '[' ? `${of}${key}` : `${of}.${key}`);

/**
 * Looks for the names that can be looked for at once.
 * @param {object} [present] who has them
 * @return {object} the same
 * @throws {Error} ERR_TURNOUT_NODE, with the name of the one that is gone
 */
function check(present = owners()) {
  // Bun and Deno play Node as well as they can; what they lack is not gone.
  if (process.versions.bun !== undefined || process.versions.deno !== undefined) return present;
  for (const name of each(NAMES)) {
    const isNeeded = typeof name.needed === 'function' ? name.needed() : name.needed !== false;
    if (isNeeded && name.of in present && !has(present[name.of], name.key)) throw nodeError('ERR_TURNOUT_NODE', nameOf(name), name.without);
  }
  return present;
}

const present = check();

/** Under which an agent keeps what it knows of its proxy: a name of our own where Node's agents know of none. */
const kHostProxyConfig = symbolOf(present['an http.Agent with a proxy'], 'kProxyConfig');
const kProxyConfig = kHostProxyConfig ?? Symbol('turnout.proxy');

/** What Node's code looks at to abort a message, as it is on a fresh one. */
const message = present['an http.IncomingMessage'];
const abortFields = Object.getOwnPropertySymbols(message)
  .filter((symbol) => /^kAbort/.test(symbol.description))
  .map((symbol) => [symbol, message[symbol]]);

/** @param {number} fd of a listening socket @return {object|null} a handle of libuv's that does not listen; null: it cannot be had */
function serverHandleOf(fd) {
  const handle = typeof net._createServerHandle === 'function' ? net._createServerHandle(null, null, null, fd) : null;
  return typeof handle === 'object' ? handle : null;
}

/** @param {Function} Agent node:https's @return {symbol|undefined} under which it looks for what `checkServerIdentity` is a request's own */
function perRequestCheckOf(Agent) {
  let found;
  const get = (target, key) => {
    if (key.description === 'per-request checkServerIdentity') found = key;
  };
  new Agent().getName(new Proxy({}, { get }));
  return found;
}

/** Calls `fn`, during which nobody hears what Node says on `channel`: it asks `hasSubscribers` first. @param {object} channel @param {() => void} fn */
function silently(channel, fn) {
  Object.defineProperty(channel, 'hasSubscribers', { value: false, configurable: true });
  try {
    fn();
  } finally {
    delete channel.hasSubscribers;
  }
}

const channels = {};
for (const key of Object.keys(CHANNELS)) channels[key] = diagnostics.channel(CHANNELS[key].channel);

module.exports = {
  NAMES,
  CHANNELS,
  LISTEN_CHANNEL,
  OFFERED,
  nameOf,
  has,
  check,
  owners,

  // ---- process
  /** Runs what waits in process.nextTick() and in promises. */
  runTicks: process._tickCallback,

  // ---- streams
  /** Since Node 22 a stream's table of listeners has its usual events from birth, and a listener that goes leaves `undefined`. */
  keepsListenerSlots: 'data' in present['an EventEmitter']._events,
  /** @param {import('stream').Writable} stream that is corked, however often: one uncork() is enough now */
  corkOnce(stream) {
    stream._writableState.corked = 1;
  },
  /** @param {import('stream').Writable} stream @param {number} bytes */
  setHighWaterMark(stream, bytes) {
    stream._writableState.highWaterMark = bytes;
  },

  /** @param {Function} listener of 'data' @return {boolean} whether it hands bytes to C++, which speaks a protocol of its own with them */
  isStreamWrap: (listener) => listener.name === 'ondata' && /\bERR_STREAM_WRAP\b/.test(Function.prototype.toString.call(listener)),

  // ---- net
  /** @param {Array} args of net.connect() @return {[object, Function|null]} options and callback */
  normalizeConnectArgs: net._normalizeArgs,
  serverHandleOf,
  /** @param {object} handle of libuv's @return {object|undefined} the net.Socket that has it */
  ownerOfHandle: (handle) => handle[symbolOf(handle, 'owner_symbol')],
  kTransferList: symbolOf(net.Socket.prototype, 'messaging_transfer_list_symbol'),
  kTransfer: symbolOf(net.Socket.prototype, 'messaging_transfer_symbol'),

  // ---- http
  // In a runtime that is no Node, names of our own.
  kOutHeaders: symbolOf(present['an http.OutgoingMessage'], 'kOutHeaders') ?? Symbol('turnout.outHeaders'),
  kUniqueHeaders: symbolOf(present['an http.Server'], 'kUniqueHeaders') ?? Symbol('turnout.uniqueHeaders'),
  /** Under which a server keeps the class of its requests. */
  kRequestClass: symbolOf(present['an http.Server'], 'IncomingMessage') ?? Symbol('turnout.requestClass'),
  /** @type {[symbol, *][]} */
  abortFields,
  kProxyConfig,
  /** Whether Node's agents tell a request of what goes wrong at its proxy. */
  agentsTellOfProxies: kHostProxyConfig !== undefined,
  perRequestCheckOf,
  /** @param {http.ServerResponse} response @return {boolean} whether Node measures it, because somebody observes entries of 'http' */
  isMeasured: (response) => symbolOf(response, 'ServerResponseStatistics') !== undefined,
  /** @param {http.ClientRequest} request @return {symbol|undefined} under which it has its authority; Nodes before 24 take `host` */
  authoritySymbolOf: (request) => symbolOf(request, 'kAuthority'),

  // ---- child_process
  /** `cmd` of the internal message that brings a handle, and its `type` for a socket. Messages whose `cmd` begins with the prefix reach no program. */
  NODE_HANDLE: 'NODE_HANDLE',
  SOCKET_TYPE: 'net.Socket',
  INTERNAL_PREFIX: 'NODE_',

  // ---- diagnostics_channel
  channels,
  listenChannel: diagnostics.tracingChannel(LISTEN_CHANNEL),
  silently,
};
