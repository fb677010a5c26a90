'use strict';

/**
 * Differences that are meant, each with its reason; docs/compatibility.md tells the larger ones in prose. `where` is matched against
 * `place › member`, `kinds` are compare.js's.
 */

const { optionsOf } = require('../lib/seam/options');

/** Properties of a server of which the engine hears. */
const TOLD = optionsOf('server').filter(({ engine }) => engine).map(({ name }) => name);
const MESSAGE = /^(req|res|clientReq|clientRes|IncomingMessage|OutgoingMessage|ServerResponse)\b/;
const SOCKET = /^(client )?socket\b/;

module.exports = [
  {
    where: /^(Agent|ClientRequest|IncomingMessage|OutgoingMessage|Server|ServerResponse|https\.Agent|https\.Server)(\.prototype)? /,
    kinds: ['own'],
    reason: 'our prototypes inherit from Node\'s, and ServerResponse has OutgoingMessage\'s members itself: both kinds pass instanceof',
  },
  { where: /./, kinds: ['configurable'], reason: 'accessors can be redefined: messages of node:http may come to stand on our prototypes' },
  { where: MESSAGE, kinds: ['own', 'form', 'enumerable'], reason: 'lazy: stands on the prototype until it is written or read' },
  { where: /^IncomingMessage\.prototype › /, kinds: ['extra'], reason: 'lazy: the default of a field that Node puts on each message' },
  { where: / › (outputData|_events|_maxListeners|eventNames|_eventsCount)$/, kinds: ['extra', 'value', 'own'], reason: 'lazy: made when first needed' },
  { where: /^ClientRequest\.prototype › _events$/, kinds: ['form', 'enumerable'], reason: 'objects derived from a message share its listeners, which are made with the first' },
  { where: /^(req|res|clientReq|clientRes|server|socket|client socket).* › _eventsCount$/, kinds: ['value'], reason: 'counts the listeners below' },
  {
    where: /^(res|req) .*, listeners › (finish|end)$/,
    kinds: ['absent', 'value'],
    reason: 'the connection learns of the end by itself: a listener on every message would cost those that nobody listens to',
  },
  { where: /^socket (in 'request'|between requests)(, over [^,]+)?, listeners › close$/, kinds: ['value'], reason: 'the same: a response hears of the close from its connection' },
  { where: / › joinDuplicateHeaders$/, kinds: ['value'], reason: 'false where Node says null or undefined' },
  { where: /^req in 'upgrade'(, over [^,]+)? › parser$/, kinds: ['absent'], reason: 'Node leaves its parser\'s former place on the request; there is no parser object' },
  { where: new RegExp(`^server .* › (${TOLD.join('|')})$`), kinds: ['form'], reason: 'the engine hears of every change' },
  { where: /^server listening › _handle$/, kinds: ['value'], reason: 'the engine listens' },
  { where: /^(client )?socket .* › _handle$/, kinds: ['value'], reason: 'null: tls.TLSSocket would hand a truthy one to C++ and abort the process' },
  { where: /^(client )?socket .* › parser$/, kinds: ['value'], reason: 'the parser is in the engine: an empty object stands for it' },
  { where: /^socket .* › (on|addListener|prependListener)$/, kinds: ['own'], reason: 'stands on the prototype of our sockets' },
  { where: SOCKET, kinds: ['enumerable', 'form', 'writable'], reason: 'accessors of net.Socket, told by the engine' },
  { where: / › (_peername|_sockname)$/, kinds: ['absent', 'value'], reason: 'net\'s cache; the engine told both addresses with the connection' },
  { where: / › (_httpMessage|_paused)$/, kinds: ['extra', 'own'], reason: 'always there; Node adds it later' },
  { where: / › _header(s|Names)$/, kinds: ['value', 'form', 'writable', 'enumerable'], reason: 'gone from Node 24 on; in those before it only warned' },
  { where: / › _onPendingData$/, kinds: ['value'], reason: 'a function that is called and does nothing, on every message' },
  { where: /^socket between requests(, over [^,]+)? › timeout$/, kinds: ['absent', 'value'], reason: 'the engine keeps the keep-alive timeout, not the socket' },
  { where: /^client socket in 'socket' › local(Address|Port|Family)$/, kinds: ['value'], reason: 'not bound before it is connected' },
  { where: /^client socket destroyed › pending$/, kinds: ['value'], reason: 'false also afterwards' },
  { where: /^clientReq in 'response' › parser$/, kinds: ['value'], reason: 'the parser is in the engine: an empty object stands for it' },
  { where: /^client.*(readableDidRead|_consuming|_readableState › ended)$/, kinds: ['value'], reason: 'the engine reads the bytes; the response is a stream when it is first read' },
  { where: /^http › websocket(Mask|Unmask)$/, kinds: ['extra'], reason: 'ws uses them where http has them' },
  { where: /^(ClientRequest|OutgoingMessage) › \[Symbol\.hasInstance\]$/, kinds: ['extra'], reason: 'Node\'s messages pass instanceof' },
  {
    where: /^socket (in 'upgrade'|destroyed), over [^,]+(, listeners › (pause|resume)| › setEncoding)$/,
    kinds: ['absent', 'value', 'own'],
    reason: 'a given stream is its program\'s after an upgrade, with nothing of a server left on it; Node leaves these there',
  },
  { where: /^socket .*, over TLS › readableDidRead$/, kinds: ['value'], reason: 'what tls decrypts comes as its \'data\'; Node\'s parser takes it from the handle below' },
  { where: /^client socket in 'response', over a stream(._readableState › length| › readableLength)$/, kinds: ['value'], reason: 'a chunk is written to a given stream in one piece with its frame' },
  { where: /^req in 'end', over TLS › _consuming$/, kinds: ['value'], reason: 'a message that is read as it comes needs nobody to ask for it' },
  { where: /^(client )?socket .*(over a foreign agent|over TLS).* › push$/, kinds: ['extra'], reason: 'what a handle brings goes to the parser without passing the stream, while HTTP is spoken on it' },
  { where: /^https › globalAgent$/, kinds: ['form'], reason: 'an accessor, as http has one: who assigns it is heard' },
  { where: /^Agent › \[Symbol\.hasInstance\]$/, kinds: ['extra'], reason: 'agents of turnout/https inherit from node:https\'s' },
  { where: /^Server\.prototype › \[turnout\.pass\]$/, kinds: ['extra'], reason: 'what a channel between processes asks of a server that is sent' },
];
