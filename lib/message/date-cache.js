'use strict';

/** The Date field (RFC 9110 §6.6.1), made once a second and without a timer. */

const { now, utcString } = require('../base/primordials');

const SECOND = 1000;

let validFrom = 0;
let line = '';

/** @return {string} `Date: … CRLF` of this second */
function dateLine() {
  const age = now() - validFrom;
  // A clock set back makes the age negative.
  if (age >= SECOND || age < 0) renew();
  return line;
}

/** Makes the line of the current second. */
function renew() {
  const time = now();
  validFrom = time - (time % SECOND);
  line = `Date: ${utcString(validFrom)}\r\n`;
}

module.exports = { dateLine };
