import turnout, { createServer, websocketMask, type IncomingMessage } from 'turnout';

const same: typeof createServer = turnout.createServer;
export const server = same((req: IncomingMessage, res) => res.end(req.url));
turnout.websocketUnmask(Buffer.of(1), Buffer.alloc(4));
import('turnout/register').then(() => websocketMask(Buffer.of(1), Buffer.alloc(4), Buffer.alloc(1), 0, 1));
import https, { createServer as createSecure } from 'turnout/https';
export const secure = (createSecure satisfies typeof https.createServer)({ key: '' }, (req: IncomingMessage, res) => res.end(req.url));
