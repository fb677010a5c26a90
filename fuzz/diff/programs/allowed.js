'use strict';

/** Differences of programs that are meant, each with the words of its row in docs/compatibility.md. */

const ALLOWED = {};

/** @return {string|undefined} which entry allows the difference */
function allowedAs(difference) {
  return Object.keys(ALLOWED).find((name) => ALLOWED[name](difference));
}

module.exports = { allowedAs };
