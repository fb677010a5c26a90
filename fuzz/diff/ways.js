'use strict';

/**
 * How a peer and an implementation come by their connection: over a socket that the implementation accepts or opens itself, or over a stream
 * that is given to it, which may be of any kind.
 */

const fs = require('node:fs');
const net = require('node:net');
const nodeHttp = require('node:http');
const path = require('node:path');
const tls = require('node:tls');
const { CutStream, memoryPair } = require('./cut-stream');
const { listening } = require('./lane');
const { Random } = require('./random');

/**
 * Streams that are given to an implementation: an end in memory, or a socket of net's; as it is, its peer cutting what it sends, or
 * inside a Duplex that cuts; or tls' over such a Duplex.
 */
const STREAMS = ['memory', 'memory', 'cut memory', 'cut memory', 'socket', 'socket', 'cut socket', 'cut socket', 'tls'];
/** When a server gets its stream: at once, after some of the peer's bytes have been waiting in it, or from somebody who has looked at the first of them. */
const MOMENTS = ['at once', 'at once', 'later', 'peeked'];
/** What a client ends when its peer has, as net's sockets do. */
const WHOLE = { allowHalfOpen: false };
/** How a request gets its stream. */
const GIVERS = ['createConnection', 'callback', 'agent', 'agent of node:http', 'onSocket'];

/** @return {object} case `one` over a stream: what kind, and how it is given */
function overStream(one) {
  const random = new Random(3, one.seed, one.n);
  return { ...one, over: { stream: random.pick(STREAMS), moment: random.pick(MOMENTS), giver: random.pick(GIVERS) } };
}

/** @return {Random} that decides where the streams of a case cut */
const tasteOf = ({ seed, n }) => new Random(4, seed, n);

/** A server's own port. @return {Promise<{connect: (one: object) => net.Socket, close: () => void}>} */
async function throughPort(server) {
  const address = await listening(server);
  return {
    connect: () => net.connect(address),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

let context;

/** The end of TLS that has the certificate, over `stream`. */
function secured(stream) {
  const fixture = (name) => fs.readFileSync(path.join(__dirname, '..', '..', '__test__', 'support', name));
  context ??= tls.createSecureContext({ key: fixture('key.pem'), cert: fixture('cert.pem') });
  return new tls.TLSSocket(stream, { isServer: true, secureContext: context });
}

/** The end that begins. */
const securing = (stream) => tls.connect({ socket: stream, rejectUnauthorized: false });

const soon = (task, rounds) => setImmediate(() => (rounds === 1 ? task() : soon(task, rounds - 1)));

/** Gives `stream` to `server`. */
function give(server, stream, moment) {
  const emit = () => server.emit('connection', stream);
  if (moment === 'at once') emit();
  else if (moment === 'later') soon(emit, 4);
  else {
    stream.once('readable', () => {
      const first = stream.read(1);
      if (first !== null) stream.unshift(first);
      emit();
    });
  }
}

/** By `emit('connection', stream)`. @return {Promise<{connect: (one: object) => import('stream').Duplex, close: () => void}>} */
async function throughEmit(server) {
  let accepted;
  const front = net.createServer({ allowHalfOpen: true }, (socket) => accepted(socket));
  const address = await listening(front);
  // node:http's knows none of its connections otherwise.
  await listening(server);
  const open = new Set();
  const keep = (stream) => {
    open.add(stream);
    stream.on('close', () => open.delete(stream));
    return stream;
  };
  return {
    connect(one) {
      const random = tasteOf(one);
      const { stream, moment } = one.over;
      if (stream === 'tls') {
        const [near, far] = memoryPair(random);
        const its = keep(secured(new CutStream(far, random)));
        its.once('secure', () => give(server, its, moment));
        return securing(near);
      }
      const cuts = stream.startsWith('cut');
      const present = (its) => give(server, keep(cuts ? new CutStream(its, random) : its), moment);
      let ours;
      if (stream.endsWith('memory')) {
        const [near, far] = memoryPair(random);
        ours = near;
        present(far);
      } else {
        accepted = present;
        ours = net.connect(address);
      }
      return cuts ? ours : new CutStream(ours, random);
    },
    close() {
      for (const stream of open) stream.destroy();
      front.close();
      server.close();
    },
  };
}

/** @param {object} address of a peer @return {(one: object) => object} options of a request: it opens a connection itself */
function toPort({ path, ...where }) {
  return () => ({ ...(path === undefined ? where : { socketPath: path }), agent: false });
}

/**
 * @param {object} address of a peer, for the kinds that are sockets
 * @param {object} http an implementation
 * @param {(stream: import('stream').Duplex) => void} answer a peer in memory gets its end
 * @param {(stream: import('stream').Duplex) => void} giving called with what a request gets
 */
function givenStream(address, http, answer, giving) {
  return (one) => {
    const random = tasteOf(one);
    const { stream, giver } = one.over;
    const made = () => {
      if (stream === 'tls') {
        const [near, far] = memoryPair(random, WHOLE);
        answer(secured(far));
        return securing(new CutStream(near, random, WHOLE));
      }
      const cuts = stream.startsWith('cut');
      let its;
      if (stream.endsWith('memory')) {
        const [near, far] = memoryPair(random, WHOLE);
        its = near;
        answer(cuts ? far : new CutStream(far, random));
      } else {
        its = net.connect(address);
      }
      return cuts ? new CutStream(its, random, WHOLE) : its;
    };
    const make = () => {
      const its = made();
      giving(its);
      return its;
    };
    if (giver === 'createConnection') return { createConnection: make };
    if (giver === 'callback') return { createConnection: (options, done) => void soon(() => done(null, make()), 2) };
    if (giver === 'onSocket') return { agent: { addRequest: (req) => req.onSocket(make()) } };
    const { Agent } = giver === 'agent' ? http : nodeHttp;
    return { agent: Object.assign(new Agent(), { createConnection: make }) };
  };
}

module.exports = { givenStream, overStream, tasteOf, throughEmit, throughPort, toPort };
