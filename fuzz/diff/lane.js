'use strict';

/** What both sides' lanes share: addresses to listen on, writing in parts, patience. */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

/** Milliseconds after which a connection that has not closed is said to hang. */
const PATIENCE = 2_000;
/** Rounds of the loop between the last byte and a FIN that comes later. */
const FIN_LATER = 8;

const WINDOWS = process.platform === 'win32';
let folder;
let sockets = 0;

/** @return {object} for `listen()`: a Unix socket's path, which leaves no port in TIME_WAIT, or a port where there are none */
function freshAddress() {
  if (WINDOWS) return { port: 0, host: '127.0.0.1' };
  if (folder === undefined) {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'turnout-fuzz-'));
    process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  }
  sockets += 1;
  return { path: path.join(folder, String(sockets)) };
}

/** @return {Promise<object>} how to connect to `server`, which listens from now on */
function listening(server) {
  const address = freshAddress();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => resolve(address.path === undefined ? { port: server.address().port, host: '127.0.0.1' } : address));
  });
}

/** @return {string[]} the text in the writes it is cut into */
function parts({ text, cuts }) {
  return [0, ...cuts].map((from, n) => text.slice(from, cuts[n] ?? text.length));
}

function endLater(socket, rounds) {
  if (rounds === 0) socket.end();
  else setImmediate(endLater, socket, rounds - 1);
}

/** Writes a case's text to `socket`, each part in a turn of the loop of its own, and then ends it. */
function send(socket, one) {
  const rest = parts(one);
  const next = () => {
    if (socket.destroyed || !socket.writable) return;
    const part = Buffer.from(rest.shift(), 'latin1');
    if (rest.length > 0) {
      socket.write(part);
      setImmediate(next);
    } else if (one.fin === 'at once') {
      socket.end(part);
    } else {
      socket.write(part);
      endLater(socket, FIN_LATER);
    }
  };
  next();
}

module.exports = { PATIENCE, listening, send };
