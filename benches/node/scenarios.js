'use strict';

/**
 * The rows. `server` is the server's scenario, `mode` the generator's; `depth` requests in flight per connection (1), `rate` requests
 * per second on schedule (0: as fast as answers come). `uws` and `limit` say who else has such a server; `tls`: that it is one of https.
 * Rows with `client` measure clients, so many exchanges of that kind at a time; `asks` is what their server must answer, where that is not
 * its name, and undici has no part in it.
 */
module.exports = [
  { name: 'GET, 1 connection', server: 'get', mode: 'get', connections: 1, size: 4, uws: true, limit: true },
  { name: 'GET, 64 connections', server: 'get', mode: 'get', connections: 64, size: 4, uws: true, limit: true },
  { name: 'GET, 512 connections', server: 'get', mode: 'get', connections: 512, size: 4, uws: true, limit: true },
  { name: 'GET pipelined by 8, 64 connections', server: 'get', mode: 'get', connections: 64, size: 4, depth: 8, uws: true, limit: true },
  { name: 'GET at 10,000/s, 64 connections', server: 'get', mode: 'get', connections: 64, size: 4, rate: 10000, uws: true, limit: true },
  { name: 'GET 1 MB, 8 connections', server: 'large', mode: 'get', connections: 8, size: 1 << 20, uws: true, limit: true },
  { name: 'POST 64 KB echoed, 16 connections', server: 'echo', mode: 'echo', connections: 16, size: 65536, uws: true, limit: true },
  { name: 'POST 64 KB consumed, 16 connections', server: 'post', mode: 'post', connections: 16, size: 65536, uws: true, limit: true },
  { name: 'upgrade handshakes by hand, 16 at a time', server: 'upgrade', mode: 'handshake', connections: 16, size: 0, limit: true },
  { name: 'ws handshakes, 16 at a time', server: 'ws', mode: 'handshake', connections: 16, size: 0, uws: true, limit: true },
  { name: 'ws echo 64 B, 64 connections', server: 'ws', mode: 'ws', connections: 64, size: 64, uws: true, limit: true },
  { name: 'ws echo 16 KB, 64 connections', server: 'ws', mode: 'ws', connections: 64, size: 16384, uws: true, limit: true },
  { name: 'ws echo 64 B, 16 in flight, 64 connections', server: 'ws', mode: 'ws', connections: 64, size: 64, depth: 16, uws: true, limit: true },
  { name: 'ws broadcast to 256', server: 'broadcast', mode: 'broadcast', connections: 256, size: 64, uws: true },
  { name: 'raw echo 64 B, 64 connections', server: 'raw', mode: 'raw', connections: 64, size: 64, limit: true },
  { name: 'raw echo 64 KB, 8 connections', server: 'raw', mode: 'raw', connections: 8, size: 65536, limit: true },
  { name: 'express hello, 64 connections', server: 'express', mode: 'get', connections: 64, size: 4 },
  { name: 'GET over emit(connection), 64 connections', server: 'emitted', mode: 'get', connections: 64, size: 4 },
  { name: 'https GET, 64 connections', server: 'get', mode: 'get', connections: 64, size: 4, tls: true },
  { name: 'https POST 64 KB echoed, 16 connections', server: 'echo', mode: 'echo', connections: 16, size: 65536, tls: true },
  { name: 'https upgrade handshakes, 16 at a time', server: 'upgrade', mode: 'handshake', connections: 16, size: 0, tls: true },
  { name: 'memory, 10,000 idle upgraded sockets', server: 'upgrade', mode: 'idle', connections: 10000, size: 0, limit: true },
  { name: 'memory, 10,000 idle ws sockets', server: 'ws', mode: 'idle', connections: 10000, size: 0, uws: true },
  { name: 'client GET, 1 at a time', client: 'get', connections: 1 },
  { name: 'client GET, 64 at a time', client: 'get', connections: 64 },
  { name: 'client GET, 512 at a time', client: 'get', connections: 512 },
  { name: 'client GET over a foreign agent, 64 at a time', client: 'foreign', asks: 'get', connections: 64 },
  { name: 'client upgrades, 16 at a time', client: 'upgrade', connections: 16 },
];
