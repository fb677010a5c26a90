import turnout = require('turnout');
import https = require('turnout/https');
import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';

const server: turnout.Server = turnout.createServer(
  { keepAliveTimeout: 1000, shouldUpgradeCallback: (req: turnout.IncomingMessage) => req.url === '/chat' },
  (req, res) => {
    const method: string | undefined = req.method;
    res.writeHead(200, { 'Content-Type': 'text/plain' }).end(method);
  },
);
server.on('upgrade', (req: turnout.IncomingMessage, stream: Duplex, head: Buffer) => {
  const socket: Socket = req.socket;
  stream.write(head);
  socket.setNoDelay(true);
});
server.on('clientError', (error: Error, socket: Duplex) => socket.destroy(error));
turnout.createServer({ threads: 2, catchUpgradeErrors: true }).on('upgradeError', (error: Error, stream: Duplex, req: turnout.IncomingMessage) => {
  console.error(error.message, stream.destroyed, req.url);
});
server.once('upgradeError', (error, stream, req) => console.error(error.message, stream.destroyed, req.url));
// @ts-expect-error a switch, not a word
turnout.createServer({ catchUpgradeErrors: 'yes' });
// @ts-expect-error a number of threads
turnout.createServer({ threads: '2' });
server.listen({ port: 0, host: '127.0.0.1', reusePort: true });
// @ts-expect-error a timeout is a number
server.keepAliveTimeout = 'long';
// @ts-expect-error the callback decides by returning something
turnout.createServer({ shouldUpgradeCallback: 1 });
export const agent: turnout.Agent = turnout.globalAgent;
turnout.websocketMask(Buffer.of(1), Buffer.alloc(4), new Uint8Array(3), 2, 1);
turnout.websocketUnmask(Buffer.of(1), Buffer.alloc(4));
// @ts-expect-error the mask is bytes, not a number
turnout.websocketUnmask(Buffer.of(1), 7);

const secure: https.Server = https.createServer({ key: '', cert: '', SNICallback: (name, done) => done(null), keepAliveTimeout: 1000, catchUpgradeErrors: true }, (req, res) => {
  res.end(req.url);
});
secure.on('secureConnection', (socket) => console.log(socket.alpnProtocol, socket.getPeerCertificate().subject));
secure.on('upgrade', (req: turnout.IncomingMessage, stream: Duplex, head: Buffer) => stream.write(head));
secure.on('upgradeError', (error: Error, stream: Duplex, req: turnout.IncomingMessage) => console.error(error.message, stream.destroyed, req.url));
secure.addContext('example.org', {});
secure.closeAllConnections();
https.get('https://localhost', { agent: new https.Agent({ keepAlive: true, maxCachedSessions: 2 }), servername: 'a' }, (res) => res.resume());
// @ts-expect-error Node's tls reads the connections
https.createServer({ threads: 1 });
export const secureAgent: https.Agent = https.globalAgent;
