'use strict';

/**
 * A connection of a server's on which HTTP has not begun, or is over because somebody speaks another protocol: PHASE.PLAIN. Its bytes are its socket's. When
 * HTTP begins, those that JavaScript has, or that are on their way to it, are parsed first: see Intake.
 */

const { PHASE } = require('./states');

/** The server's own listener has been called: HTTP begins. */
function beginHttp(connection) {
  connection.phase = PHASE.HTTP;
  connection.intake.beginHttp(connection.madeSocket.readableLength > 0);
}

/** Somebody else's protocol goes on here, as on a stream that has never spoken HTTP. */
function leaveToOthers(connection) {
  connection.phase = PHASE.PLAIN;
  connection.intake.becomePlain();
}

/**
 * Bytes of a connection have come that the engine's parser has not seen, or those of the protocol after an upgrade.
 * @return {boolean} they are of the body of the request that asked for the upgrade, so that the parser must have them
 */
function isAheadOfParser(connection, bytes) {
  const isBody = connection.phase > PHASE.PLAIN && connection.receiving !== null;
  if (isBody || connection.phase < PHASE.UPGRADED) connection.intake.noteTold(bytes);
  return isBody;
}

module.exports = { beginHttp, leaveToOthers, isAheadOfParser };
