'use strict';

/**
 * Held reading: a stream of JavaScript's that was paused because it takes no more answers stays so when a request behind these is upgraded, until it
 * takes more, whatever its new program says meanwhile; as with node:http. Else the program would hear of the peer's end, and end the stream in its
 * turn, before the answers have been written to it.
 */

/** @param {import('./connection').Connection} connection whose stream is its program's from now on */
function holdReading(connection) {
  const stream = connection.madeSocket;
  let isWanted = false;
  const pauseAgain = () => {
    isWanted = true;
    stream.pause();
  };
  const letGo = () => {
    connection.letReadingGo = null;
    stream.removeListener('resume', pauseAgain);
    stream.removeListener('drain', goOnIfTaken);
    stream.removeListener('finish', letGo);
    stream._paused = false;
    if (isWanted) stream.resume();
  };
  const goOnIfTaken = () => {
    if (!connection.isFull) letGo();
  };
  stream._paused = true;
  connection.letReadingGo = goOnIfTaken;
  stream.on('resume', pauseAgain);
  stream.on('drain', goOnIfTaken);
  // The program has ended it itself: no answer will be written any more.
  stream.on('finish', letGo);
}

module.exports = { holdReading };
