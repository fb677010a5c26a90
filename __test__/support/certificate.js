'use strict';

/** A key, and the certificate that goes with it, for tests with TLS; nobody trusts it. */

const fs = require('node:fs');
const path = require('node:path');

const read = (name) => fs.readFileSync(path.join(__dirname, name), 'utf8');

module.exports = { key: read('key.pem'), cert: read('cert.pem') };
