/** The ESM face: see index.d.ts. */
import turnout = require('./index.js');
export * from './index.js';
export default turnout;
