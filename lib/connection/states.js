'use strict';

/** The states of a connection: each set is one field, of which one value holds at a time. */

/** How far its life has come: `connection.life`. */
const LIFE = {
  /** It takes what is written. */
  ACTIVE: 0,
  /** JavaScript has asked for the end. Records are dropped, except requests that were read together with earlier ones: node:http tells of those, too. */
  CLOSING: 1,
  /** The engine has said its last word, or another process has it. */
  CLOSED: 2,
};

/** What its bytes are: `connection.phase`. */
const PHASE = {
  HTTP: 0,
  /** A raw stream. A client's connection is one until its first request, too. */
  UPGRADED: 1,
  /** The same, and the answers to requests ahead of it have been given up: see answers-ahead.js. */
  UNANSWERED: 2,
};

/** Why the peer's bytes are nobody's for now: bits of `intake.holds`. */
const HOLD = {
  /** The socket is paused in the HTTP phase. */
  PAUSED: 1,
  /** It is on its way to another process. */
  DEPARTING: 2,
  /** It is on its way from one driver to the other. */
  MOVING: 4,
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

module.exports = { LIFE, PHASE, HOLD, INPUT };
