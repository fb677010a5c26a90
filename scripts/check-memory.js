'use strict';

/**
 * `npm run check:memory`: the engine's tests and the addon under AddressSanitizer, the addon in this Node on both drivers; Miri over the
 * protocol core where it is installed. Linux with gcc's libasan. Builds go to target/asan. CONTRIBUTING.md says what it is good for.
 */

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const programs = require('../__test__/programs/memory-programs');

const ROOT = path.join(__dirname, '..');
const TARGET = path.join(ROOT, 'target', 'asan');
const TRIPLE = `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-unknown-linux-gnu`;
/** Sanitizers are unstable; stable rustc has them all the same. */
const BUILD = { RUSTC_BOOTSTRAP: '1', RUSTFLAGS: '-Zsanitizer=address', CARGO_TARGET_DIR: TARGET };

function run(what, command, args, environment = {}) {
  console.log(`\n# ${what}`);
  const { status, signal, error } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...environment } });
  if (status !== 0) throw new Error(`${what} failed: ${error?.message ?? signal ?? `status ${status}`}`);
}

function output(command, args) {
  const { status, stdout } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

/** The runtime, which must be in the process before the addon. */
function runtime() {
  const file = output('gcc', ['-print-file-name=libasan.so']);
  if (file === null || !path.isAbsolute(file)) throw new Error("gcc's libasan.so is not installed");
  return file;
}

/** The addon with the sanitizer in it, where native.js will find it. */
function addon() {
  run('addon with AddressSanitizer', 'cargo', ['build', '--lib', '--target', TRIPLE], BUILD);
  const library = path.join(TARGET, 'turnout.node');
  fs.copyFileSync(path.join(TARGET, TRIPLE, 'debug', 'libturnout.so'), library);
  return library;
}

function main() {
  run('engine under AddressSanitizer', 'cargo', ['test', '--no-default-features', '--target', TRIPLE], BUILD);
  const environment = {
    LD_PRELOAD: runtime(),
    NAPI_RS_NATIVE_LIBRARY_PATH: addon(),
    // V8 gives back nothing at exit; what connections leave behind is counted by __test__/process/left-behind.test.js.
    ASAN_OPTIONS: 'detect_leaks=0:exitcode=99',
  };
  for (const driver of ['inline', 'threads']) {
    const on = { ...environment, TURNOUT_DRIVER: driver };
    run(`connections of every kind, ${driver}`, process.execPath, ['--expose-gc', '__test__/programs/connection-kinds.js', '960', '1'], on);
    run(`parity cases, ${driver}`, process.execPath, ['__test__/programs/parity-cases.js', 'check'], on);
    for (const name of [...programs.same, ...programs.ours]) {
      run(`${name}, ${driver}`, process.execPath, [programs.FILE, name, programs.TURNOUT], on);
    }
  }
  if (output('cargo', ['miri', '--version']) === null) console.log('\n# Miri is not installed: skipped');
  else run('protocol core under Miri', 'cargo', ['miri', 'test', '--no-default-features', '--lib', 'engine::h1'], {});
}

main();
