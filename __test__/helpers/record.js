'use strict';

/** Records what node:http of the running Node, which must be 26, shows for every parity case. */

const fs = require('node:fs');
const path = require('node:path');
const http = require('node:http');
const { traceOf } = require('./trace');

async function main() {
  if (!process.versions.node.startsWith('26.')) throw new Error(`record with Node 26, not ${process.versions.node}`);
  const folder = path.join(__dirname, '..', 'cases');
  const traces = {};
  for (const file of fs.readdirSync(folder).sort()) {
    const feature = path.basename(file, '.js');
    traces[feature] = {};
    for (const [title, one] of Object.entries(require(path.join(folder, file)))) {
      traces[feature][title] = await traceOf(http, one.nodeSteps ? { ...one, steps: one.nodeSteps } : one).catch((error) => {
        throw new Error(`${feature}: ${title}: ${error.message}`);
      });
    }
  }
  fs.writeFileSync(path.join(__dirname, '..', 'node26-traces.json'), `${JSON.stringify(traces, null, 2)}\n`);
}

main();
