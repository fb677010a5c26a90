'use strict';

/**
 * npm run compat [-- --node BINARY] [--all] [--record]
 *
 * Prints the face of node:http and node:https, and where turnout's differs. Ends with status 1 when a difference is not documented.
 * --node BINARY  with that Node instead of the running one
 * --all          also the members that are alike
 * --record       keeps the running Node's face, which must be 26, as the one older Nodes are measured by
 */

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { compare } = require('./compare');
const { faceOf, withoutHttps } = require('./face');

const NEWEST = path.join(__dirname, 'node26-face.json');
const HTTPS = path.join(__dirname, '..', 'https.js');
const { argv } = process;

async function main() {
  const at = argv.indexOf('--node');
  if (at !== -1) {
    const rest = [...argv.slice(2, at), ...argv.slice(at + 2)];
    process.exitCode = spawnSync(argv[at + 1], [__filename, ...rest], { stdio: 'inherit' }).status ?? 1;
    return;
  }
  const host = await faceOf({ http: require('node:http'), https: require('node:https') });
  if (argv.includes('--record')) {
    if (!process.versions.node.startsWith('26.')) throw new Error(`record with Node 26, not ${process.versions.node}`);
    fs.writeFileSync(NEWEST, pack(host));
    return;
  }
  const rows = await compareFaces(host);
  const wrong = rows.filter((row) => row.kinds.length > 0 && row.reason === null);
  for (const row of rows) if (row.kinds.length > 0 || argv.includes('--all')) console.log(line(row));
  const documented = rows.filter((row) => row.reason !== null).length;
  console.log(`Node ${process.versions.node}: ${rows.length} members, ${rows.length - documented - wrong.length} alike, ${documented} documented, ${wrong.length} not`);
  process.exitCode = wrong.length > 0 ? 1 : 0;
}

/** @param {object} host node:http's face on this Node @return {Promise<object[]>} compare.js's rows */
async function compareFaces(host) {
  const known = [host, unpack(fs.readFileSync(NEWEST, 'utf8'))];
  const https = fs.existsSync(HTTPS) ? require(HTTPS) : null;
  const [itsHost, itsNewest] = https === null ? known.map(withoutHttps) : known;
  return compare(itsHost, itsNewest, await faceOf({ http: require('..'), https }, known));
}

/** Over another carrier most of a place is as it is over sockets. */
const overSockets = (place) => place.replace(/, over [^,]+/, '');

/**
 * One line per place. Most members are own, writable, enumerable and configurable data: these are told by their value alone. Of a place over
 * another carrier what differs is told; null: it is not there.
 */
function pack(face) {
  const places = {};
  for (const [key, { value, form, flags, own }] of Object.entries(face)) {
    const [place, name] = key.split(' › ');
    places[place] ??= {};
    places[place][name] = form === 'data' && flags === 'wec' && own ? value : [value, form, flags, own ? 1 : 0];
  }
  for (const [place, members] of Object.entries(places).reverse()) {
    const usual = overSockets(place);
    if (usual === place || places[usual] === undefined) continue;
    for (const [name, member] of Object.entries(places[usual])) {
      if (members[name] === undefined) members[name] = null;
      else if (JSON.stringify(members[name]) === JSON.stringify(member)) delete members[name];
    }
  }
  return `{\n${Object.entries(places).map(([place, members]) => `${JSON.stringify(place)}: ${JSON.stringify(members)}`).join(',\n')}\n}\n`;
}

function unpack(text) {
  const face = {};
  const places = JSON.parse(text);
  for (const [place, told] of Object.entries(places)) {
    const usual = overSockets(place);
    const members = usual === place ? told : { ...places[usual], ...told };
    for (const [name, member] of Object.entries(members)) {
      if (member === null) continue;
      const [value, form, flags, own] = typeof member === 'string' ? [member, 'data', 'wec', 1] : member;
      face[`${place} › ${name}`] = { value, form, flags, own: own === 1 };
    }
  }
  return face;
}

const text = (member) => (member ? `${member.value}${member.form === 'data' ? '' : ` ${member.form}`} ${member.flags}${member.own ? ' own' : ''}` : '–');

function line({ path: where, node, ours, kinds, reason }) {
  const mark = kinds.length === 0 ? ' ' : reason === null ? '✗' : '≠';
  return `${mark} ${where} | ${text(node)} | ${text(ours)}${kinds.length > 0 ? ` | ${kinds} | ${reason ?? 'NOT DOCUMENTED'}` : ''}`;
}

if (require.main === module) main();
