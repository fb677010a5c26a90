'use strict';

/** Gets sockets from programs: says hello, sends back what it hears, and ends with its peer. A server it closes. */

const net = require('node:net');

process.on('message', ({ name }, socket) => {
  process.send({ name, got: socket === undefined ? 'nothing' : socket instanceof net.Server ? 'a server' : 'a socket' });
  if (socket === undefined) return;
  if (socket instanceof net.Server) {
    socket.close();
    return;
  }
  socket.on('error', () => {});
  socket.write(`<child:${name}>`);
  socket.pipe(socket);
});
process.on('disconnect', () => process.exit());
