'use strict';

/**
 * Every parity case of server and client, once, in this process and without jest: for sanitizers, which do not go with jest's native
 * resolver. Exits with 1 when a trace is not Node 26's.
 */

const fs = require('node:fs');
const path = require('node:path');
const turnout = require('../..');
const { traceOf } = require('./trace');
const { clientTraceOf } = require('./client-trace');

const MAJOR = Number(process.versions.node.split('.')[0]);

async function main() {
  let count = 0;
  const sides = [
    ['cases', 'node26-traces.json', traceOf],
    ['client-cases', 'node26-client-traces.json', clientTraceOf],
  ];
  for (const [folder, traces, trace] of sides) {
    const recorded = require(`../${traces}`);
    for (const file of fs.readdirSync(path.join(__dirname, '..', folder)).sort()) {
      const feature = path.basename(file, '.js');
      for (const [title, one] of Object.entries(require(path.join(__dirname, '..', folder, file)))) {
        if (MAJOR < (one.since ?? 0)) continue;
        count++;
        const shown = await trace(turnout, one);
        if (shown === (one.better ?? recorded[feature]?.[title])) continue;
        console.error(`${folder}/${feature}: ${title}: ${shown}`);
        process.exitCode = 1;
      }
    }
  }
  console.log(`${count} cases`);
  process.exit();
}

main();
