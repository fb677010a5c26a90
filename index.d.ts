/**
 * The face is node:http's, so its types are those of @types/node: `createServer`, `Server`, `IncomingMessage`, `OutgoingMessage` and
 * `ServerResponse` are turnout's, everything else is node:http's own. `shouldUpgradeCallback` works on every supported Node.
 */
import http = require('node:http');
export = http;
