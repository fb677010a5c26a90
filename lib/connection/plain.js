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

/** Bytes have come that the engine's parser has not seen: of a plain stream, of the protocol after an upgrade, or ahead of the parser. */
function receiveRaw(connection, chunk) {
  const { intake, phase, upgradeStream } = connection;
  // They were on their way when the request was upgraded, and are of its body: the parser must have them.
  const isBody = phase > PHASE.PLAIN && connection.receiving !== null;
  if (isBody || phase < PHASE.UPGRADED) intake.noteTold(chunk.length);
  if (!connection.isActive) return;
  connection.touch();
  if (isBody) intake.passOn(chunk);
  else if (upgradeStream !== null) upgradeStream.receive(chunk);
  else connection.socket.receive(chunk);
}

module.exports = { beginHttp, leaveToOthers, receiveRaw };
