/** ESM face: the same object, by name as well. */
import https from './https.js';

export default https;
export const { Agent, Server, createServer, get, globalAgent, request } = https;
