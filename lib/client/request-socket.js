'use strict';

/** A request gets its socket: one that the engine has dialled carries it itself, over any other stream the engine speaks HTTP. */

const { listen } = require('../base/own-listeners');
const { HTTPParser } = require('../connection/parser-face');
const { carriedOn } = require('../connection/carried');
const { connectionOf } = require('../connection/socket');
const { ondrain, socketCloseListener, socketOnData, socketOnEnd } = require('./client-exchange');
const { GivenConnection } = require('./given-connection');

/**
 * The socket carries `req` from now on.
 * @param {import('./client-request').ClientRequest} req
 * @param {import('stream').Duplex} socket
 * @return {import('./client-connection').ClientConnection}
 */
function attach(req, socket) {
  const dialled = connectionOf(socket);
  const connection = dialled?.carriesRequests ? dialled : over(socket);
  req.socket = socket;
  connection.parser ??= new HTTPParser(connection, socket);
  connection.parser.outgoing = req;
  req.parser = connection.parser;
  socket.parser = connection.parser;
  socket._httpMessage = req;
  connection.begin(req);
  if (connection.isStream) {
    // Whoever made the stream may have methods of its own.
    socket.on('data', socketOnData);
    socket.on('end', socketOnEnd);
    socket.on('close', socketCloseListener);
    socket.on('drain', ondrain);
    connection.readDirectly(socketOnData);
    return connection;
  }
  // The first 'data' listener must be added by on(), which makes the stream flow.
  if (socket.readableFlowing === true) listen(socket, 'data', socketOnData);
  else socket.on('data', socketOnData);
  listen(socket, 'end', socketOnEnd);
  listen(socket, 'close', socketCloseListener);
  listen(socket, 'drain', ondrain);
  return connection;
}

/** Two requests at a time on one stream are its agent's mistake; the later one hears the answers, as with node:http. */
function over(stream) {
  carriedOn(stream)?.release();
  return new GivenConnection(stream);
}

module.exports = { attach };
