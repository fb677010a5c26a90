'use strict';

/**
 * Keys and certificates for tests with TLS. `key` and `cert` go together, and nobody has signed them. `authority` has signed the rest, each a file
 * with a key and its certificate, which may be given as both: `localhost`, for servers here, `other`, for `other.test` and what ends with it, and
 * `client`, for clients. certificates/make.sh makes these anew.
 */

const fs = require('node:fs');
const path = require('node:path');

const read = (...name) => fs.readFileSync(path.join(__dirname, ...name), 'utf8');
const pair = (name) => {
  const both = read('certificates', `${name}.pem`);
  return { key: both, cert: both };
};

module.exports = {
  key: read('key.pem'),
  cert: read('cert.pem'),
  authority: read('certificates', 'authority.pem'),
  localhost: pair('localhost'),
  other: pair('other'),
  client: pair('client'),
};
