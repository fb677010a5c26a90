'use strict';

/**
 * The change of drivers: an upgraded stream that writes one large piece after the other is taken over from its thread by the inline driver.
 * Nothing in such a stream is parsed, its bytes are only copied, and on the way to another thread they are copied twice more
 * (engine/net/handover.rs). What is written from then on goes to the inline driver; that begins to read when the thread has told of all it had
 * read, and has forgotten the stream.
 *
 * The two drivers' records come in no order (engine/net/delivery.rs), and a connection under way has records of both. What the new driver says
 * of it before it reads is how far it has written, which only grows, and that it has closed: this is told after the thread's last word.
 */

const { OP, READ, command, takeOver } = require('../seam/binding');
const { addConnection } = require('../seam/connection-table');
const { HOLD } = require('./states');

/** Bytes of one write that count, and how many in a row. */
const BULK = 32 * 1024;
const BULK_RUN = 8;

/** An upgraded stream that a thread serves is about to write. @param {number} length of bytes, or of text */
function noteWrite(connection, length) {
  const { outflow } = connection;
  if (length < BULK) outflow.bulk = 0;
  else if (++outflow.bulk > BULK_RUN) change(connection);
}

/** Goes over if nothing that was written before still waits. */
function change(connection) {
  const taken = takeOver(connection, connection.upgradeSeq, connection.outflow.handed);
  if (taken === null) return;
  if (taken.length === 0) {
    // No such driver here.
    connection.outflow.bulk = -Infinity;
    return;
  }
  command(OP.RELEASE, 0, connection, 0);
  connection.intake.setHold(HOLD.MOVING, true);
  connection.intake.readBy = READ.NOBODY;
  connection.index = taken[0];
  connection.generation = taken[1];
  addConnection(connection);
}

/**
 * The new driver has closed a connection of which the thread may still tell what the peer had sent before.
 * @param {number} index of the driver that says so
 * @return {boolean} true: it closes when the thread has told that
 */
function waitsForFormerDriver(connection, index, errno, writing) {
  // If the program has closed it, nobody wants what the thread may still tell.
  if (!connection.intake.isMoving || connection.index !== index || !connection.isActive) return false;
  connection.intake.closedBefore = { errno, writing };
  return true;
}

/** The thread has told its last of the connection. @param {boolean} ended the peer's FIN has come */
function beginReading(connection, ended) {
  const { intake } = connection;
  intake.setHold(HOLD.MOVING, false);
  if (!connection.isClosed) {
    if (ended) command(OP.TAP, 0, connection, READ.ENDED);
    else intake.tellReader();
  }
  intake.moved();
}

module.exports = { noteWrite, beginReading, waitsForFormerDriver };
