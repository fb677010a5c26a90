'use strict';

/** Runs programs in processes of their own. */

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');
const PATIENCE = 15000;

/**
 * @param {string[]} args for node
 * @param {object} [options] `cwd`, `env`, `node`: the binary, `onLine(line, child)` for each line of output as it comes, `patience`: milliseconds
 * @return {Promise<{code: number|null, signal: string|null, out: string, err: string}>} rejects when the process does not end
 */
function run(args, { cwd = ROOT, env = {}, node = process.execPath, onLine, patience = PATIENCE } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, args, { cwd, env: { ...process.env, ...env } });
    let out = '';
    let err = '';
    let rest = '';
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${args.join(' ').slice(0, 200)} did not end; out: ${out}; err: ${err}`));
    }, patience);
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text;
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) onLine?.(line, child);
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      err += text;
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, out, err });
    });
  });
}

/** Runs a program given as text, with `http` being turnout. */
const program = (code, options) => run(['-e', `const http = require('./index.js');\n${code}`], options);

/** The Nodes to be tested besides the running one: name → binary, as far as they are installed. */
function otherNodes() {
  const nodes = {};
  for (const version of [20, 22, 24, 26]) {
    const binary = `/opt/nodes/node_modules/node${version}/bin/node`;
    if (fs.existsSync(binary)) nodes[`Node ${version}`] = binary;
  }
  return nodes;
}

/** A port nobody listens on at the moment. */
function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

module.exports = { run, program, otherNodes, freePort, ROOT };
