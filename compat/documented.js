'use strict';

/**
 * Differences that are meant, each with its reason; docs/compatibility.md tells the larger ones in prose.
 * `where` is matched against `place › member`, `kinds` are compare.js's.
 */
module.exports = [
];
