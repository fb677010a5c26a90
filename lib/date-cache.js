'use strict';

/** The Date field (RFC 9110 §6.6.1), made once a second. */

let second = 0;
let line = '';

/** @return {string} `Date: … CRLF` */
function dateLine() {
  const now = Date.now();
  if (now - second >= 1000 || now < second) {
    second = now - (now % 1000);
    line = `Date: ${new Date(now).toUTCString()}\r\n`;
  }
  return line;
}

module.exports = { dateLine };
