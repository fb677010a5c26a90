'use strict';

/** What several features of parity/server/ ask and answer. */

const get = (path, fields = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const post = (text, length = text.length, fields = '') => `POST /p HTTP/1.1\r\nHost: a\r\n${fields}Content-Length: ${length}\r\n\r\n${text}`;
const UPGRADE = 'GET /u HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
const CONNECT = 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n';

/** Tells when the connection has closed and everybody has heard. */
const watchClose = (server, log) => server.on('connection', (socket) => socket.on('close', (hadError) => setImmediate(log, 'socket closed', hadError)));
/** A 'clientError' listener that does nothing. */
const deaf = (server, log) => {
  watchClose(server, log);
  server.on('clientError', (error, socket) => log('clientError', error.code, socket.writable));
};
const CLOSED = ['closed', { log: 'socket closed' }];
const note = (req, res, log) => {
  log('request', req.url);
  res.on('finish', () => log(req.url, 'finish'));
  res.on('close', () => log(req.url, 'close', res.writableFinished));
  req.on('aborted', () => log(req.url, 'aborted'));
};
/** Answers one round of the loop later. */
const later = (req, res, log) => {
  note(req, res, log);
  setImmediate(() => res.end(`${req.url}.`));
};

module.exports = { get, post, UPGRADE, SWITCH, CONNECT, watchClose, deaf, CLOSED, note, later };
