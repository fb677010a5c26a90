'use strict';

/** Runs programs in processes of their own. */

const { execFileSync, spawn } = require('node:child_process');
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

/** The Nodes to be tested besides the running one: version → binary; TURNOUT_NODES names the binaries as PATH names folders. */
function otherNodes() {
  const binaries = (process.env.TURNOUT_NODES ?? '').split(path.delimiter).filter(Boolean);
  return Object.fromEntries(binaries.map((binary) => [execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim(), binary]));
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
