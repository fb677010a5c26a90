'use strict';

/** The states of a connection. LIFE, PHASE and INPUT are one field each, of which one value holds at a time; ENDING and HOLD are bits, of which several may. */

/** How far its life has come: `connection.life`. Each value comes after those before it. */
const LIFE = {
  /** A client's: the engine does not have it yet, and what is written waits in JavaScript. */
  CONNECTING: 0,
  /** The engine takes what is written. */
  ACTIVE: 1,
  /**
   * JavaScript has asked for the end, or the engine is about to bring it and needs no word. What is still told of the connection is nobody's but for
   * one thing: a packet may bring several requests, and the handler of one of them closes the connection. The server hears of those after it, as
   * with node:http, which parses a packet to its end whatever a handler does.
   */
  CLOSING: 2,
  /** The engine has said its last word, or another process has it. */
  CLOSED: 3,
};

/**
 * What makes a connection that is alive end soon: bits of `connection.ending`. They tell of two things, the answers and the server, and neither
 * waits for the other: a connection that is to end when its answers have left may carry one that says so itself.
 */
const ENDING = {
  /** The engine has an answer that says that nothing follows: it closes when that has left, and no other answer may go there. */
  SAID: 1,
  /** The last answer has finished: what the peer still says is nobody's. It need not have been SAID: then the socket brings the end. */
  OVER: 2,
  /** The server ends idle connections, and the answers of this one had all been ended but not flushed. Stays: it is asked for IF_IDLE after each request. */
  WHEN_FLUSHED: 4,
  /** The engine was told to close it unless a request has begun to come. Goes when a request comes after all, or the peer's FIN. */
  IF_IDLE: 8,
};

/** What its bytes are: `connection.phase`. */
const PHASE = {
  HTTP: 0,
  /** A plain stream on which the server does not speak HTTP: not yet, since its own listener of 'connection' has not been called, or not any more. */
  PLAIN: 1,
  /** A raw stream. A client's connection is one until its first request, too. */
  UPGRADED: 2,
  /** The same, and the answers to requests ahead of it have been given up: see answers-ahead.js. */
  UNANSWERED: 3,
};

/** Why the peer's bytes are nobody's for now: bits of `intake.holds`. */
const HOLD = {
  /** The socket is paused in the HTTP phase. */
  PAUSED: 1,
  /** It is on its way to another process. */
  DEPARTING: 2,
  /** It is on its way from one driver to the other. */
  MOVING: 4,
  /** It has just come, and the listeners of 'connection' have not all been called. */
  ARRIVING: 8,
};

/** How far the peer's stream has come: `intake.end`. Each value comes after those before it. */
const INPUT = {
  OPEN: 0,
  /** A reader in JavaScript has come to the end, and the engine was told. */
  FED: 1,
  ENDED: 2,
  /** It ended in mid-message, which 'clientError' tells: whoever listens to that ends the socket. */
  CUT: 3,
};

module.exports = { LIFE, ENDING, PHASE, HOLD, INPUT };
