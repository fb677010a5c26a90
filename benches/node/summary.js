'use strict';

// The README's table from a run's --json FILE: node benches/node/summary.js FILE

const fs = require('node:fs');
const { median } = require('../kit');

const REFERENCE = 'node:http';

/** @return {string} `server`'s median beside node:http's, an empty string where it has no such row */
function times(results, server, key) {
  const rounds = results[server];
  const value = rounds && median(rounds, key) / median(results[REFERENCE], key);
  return Number.isFinite(value) ? value.toFixed(2) : '';
}

function row(name, results) {
  const own = results[REFERENCE];
  if (own[0].kib !== undefined) {
    return [name, `${median(own, 'kib').toFixed(1)} KiB each`, '', '', times(results, 'turnout', 'kib'), '', times(results, 'turnout threads', 'kib'), '', '', ''];
  }
  return [
    name,
    `${Math.round(median(own, 'perSecond')).toLocaleString('en')}/s, ${median(own, 'all').toFixed(1)} µs`,
    times(results, 'turnout', 'perSecond'),
    times(results, 'turnout', 'p99'),
    times(results, 'turnout', 'all'),
    times(results, 'turnout threads', 'perSecond'),
    times(results, 'turnout threads', 'all'),
    times(results, 'turnout threads', 'js'),
    times(results, 'uWebSockets.js', 'perSecond'),
    times(results, 'limit', 'perSecond'),
  ];
}

const HEAD = ['', 'node:http', 'turnout', 'its p99', 'its CPU', 'threads', 'their CPU', 'their JS thread', 'uWebSockets.js', 'limit'];

const { results } = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const line = (cells) => console.log(`| ${cells.join(' | ')} |`);
line(HEAD);
console.log(`|${'---|'.repeat(HEAD.length)}`);
for (const [name, { results: servers }] of Object.entries(results)) if (servers[REFERENCE]?.length) line(row(name, servers));
