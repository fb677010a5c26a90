/** The ESM face: see index.d.ts. */
import http from 'node:http';
export * from 'node:http';
export default http;
