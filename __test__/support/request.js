'use strict';

const turnout = require('../..');

/**
 * One request of turnout's, and the whole of its response.
 * @param {object} options http.request's
 * @param {string|Buffer} [body]
 * @return {Promise<{req: object, res: object, body: Buffer}>}
 */
function request(options, body) {
  return new Promise((resolve, reject) => {
    const req = turnout.request({ host: '127.0.0.1', ...options }, (res) => {
      const chunks = [];
      res.on('data', (chunk) => chunks.push(chunk));
      res.on('end', () => resolve({ req, res, body: Buffer.concat(chunks) }));
      res.on('error', reject);
    });
    req.on('error', reject);
    req.end(body);
  });
}

module.exports = { request };
