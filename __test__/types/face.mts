import turnout, { createServer, type IncomingMessage } from 'turnout';

const same: typeof createServer = turnout.createServer;
export const server = same((req: IncomingMessage, res) => res.end(req.url));
