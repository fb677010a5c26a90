'use strict';

/**
 * Roles: the interfaces between the rooms of lib/, written down once. Whatever has one of these roles says so where it is declared;
 * nothing else may be asked of it.
 *
 * An outgoing message writes to its *sink*; until its turn comes, it stands in a *line*. An incoming message reads from its *source*. A `Connection`
 * (lib/connection/connection.js) is all three. It belongs to a *side*, which has the *exchange*: what becomes of what the engine recognises.
 */

/**
 * Where a message writes: `message[kSink]`. A `Connection`, a `ClientConnection`, or a `SocketSink` for a socket that the message was assigned to by hand.
 * @typedef {object} Sink
 * @property {import('net').Socket|import('stream').Duplex} socket made when it is asked for
 * @property {number} writableLength bytes that wait in it
 * @property {number} highWaterMark bytes from which on send() returns false
 * @property {boolean} isEnded nothing can be written to it any more: what a message is given stays in the message, and is never sent
 * @property {(message: object, head: string, chunk: string|Uint8Array|null, encoding: string|null|undefined, flags: number, callback?: Function) => boolean} send
 *   takes a piece of a message (`flags`: layout.writeFlags), or gives it back by message[kEnqueue]() if it cannot be written now; false: over the
 *   high-water mark, and message[kOnDrain]() follows. With LAST message[kOnFinish]() follows
 * @property {(message: object, text: string) => void} information an interim response, in the message's place and outside its framing
 * @property {boolean} [gathers] what has waited is written to it corked: it writes to a stream, of which each write may be a system call
 * @property {() => void} cork what is written from now on waits for uncork()
 * @property {() => void} uncork
 * @property {() => void} uncorkFully a message has ended: what waits in the socket leaves, however often that was corked
 * @property {(msecs: number) => void} setTimeout
 * @property {(error?: Error) => void} destroy the message was destroyed. Whatever ends the connection calls message[kOnClose]()
 * @property {() => void} [abandon] the same of a message that counts as sent: only a sink has it that says so (see steps.js)
 * @property {(message: object) => void} [letGo] detachSocket() has taken the message off; only of sinks that hand one message after the other to the engine
 */

/**
 * Where a response waits for its turn: `response[kLine]`, the `Connection` that will be its sink. See lib/connection/pipeline.js.
 * @typedef {object} Line
 * @property {(delta: number) => void} noteQueued bytes that wait in a response have become so many more, or fewer
 * @property {(response: object) => boolean} mayHandOver whether the engine takes what a response says now, before its turn
 * @property {Sink['send']} hand takes a piece of it then
 */

/**
 * Where an incoming message of the engine's comes from.
 * @typedef {object} Source
 * @property {import('net').Socket} socket made when it is asked for
 * @property {number} highWaterMark of the message's Readable
 * @property {boolean} paused the socket is paused, and nothing is read
 * @property {() => void} resumeSocket whoever reads a message makes its socket flow
 * @property {(n: number) => void} credit so many bytes have been taken by whoever they were for
 * @property {(request: object) => boolean} hasSentUntold whether the answer to it counts as sent (steps.js) but has not said 'finish' yet
 */

/**
 * Whom a connection belongs to: the `ServerSide` of a server, or a `ClientSide` of its own.
 * @typedef {object} Side
 * @property {Exchange} exchange
 * @property {(server?: object) => void} begin the async scope of its events is from now on that of whoever calls: with a request, or to listen (the first time)
 * @property {(fn: Function, a?: *, b?: *, c?: *, d?: *) => *} inScope runs what may call a program's code, in the async scope of the side's events
 * @property {(server: object|null) => number} highWaterMarkOf that of a new connection
 * @property {(socket: import('net').Socket, connection: object) => void} attachSocket a socket has been made: gives it its listeners
 * @property {(connection: object) => void} forget it has closed, or another process has it
 * @property {(connection: object) => boolean} [admit] a server's: a connection has come; true: a program's code ran
 * @property {(connection: object) => void} [refuse] a server's: a request has come that is nobody's to answer
 * @property {(connection: object) => void} [letGo] a server's: somebody speaks another protocol on it from now on, and HTTP ends
 * @property {(connection: object) => void} [connectionGone] a server's: one that was counted has closed, and has no socket to count it down
 * @property {(connection: object, complete: boolean) => void} [leaveHttp] a server's: an upgrade is accepted, with its request's body in or still to come
 * @property {(connection: object) => void} [endUpgradeBody] a server's: that body is in now
 * @property {(connection: object) => boolean} [allowsHalfOpen] a server's: whether answers are still sent when the peer has ended
 * @property {(connection: object) => void} [rest] a server's: no request is under way any more, and the socket's idle timer runs
 */

/**
 * What becomes of the records that tell of HTTP: of requests in lib/server/exchange.js, of responses in lib/client/client-exchange.js.
 * @typedef {object} Exchange
 * @property {(connection: object, seq: number, flags: number, method: string, url: string, version: number, fields: string) => void} [onRequest]
 *   a server's: it calls inScope() by itself, since one record may be told in two steps
 * @property {(connection: object, flags: number) => void} [onResponse] a client's: the head stands in `connection.response`
 * @property {(connection: object, seq: number, complete: boolean, head: Buffer) => void} onUpgrade the read that brought the message has been parsed
 * @property {(connection: object, error: Error) => void} onError the peer broke the protocol
 * @property {(connection: object, kind: number) => void} [onTimeout] a server's: a limit has passed (layout.expired)
 */

module.exports = {};
