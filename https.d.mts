/** The ESM face: see https.d.ts. */
import https = require('./https.js');
export * from './https.js';
export default https;
