'use strict';

/**
 * npm runs this where the package is installed. Without a binary that loads here it builds one with cargo, from the sources that come
 * along. In a clone `prepare` builds.
 */

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');
/** What cargo calls the library, by platform. */
const LIBRARIES = { win32: 'turnout.dll', darwin: 'libturnout.dylib' };

function loads() {
  try {
    require('../native.js');
    return true;
  } catch {
    return false;
  }
}

/** The name by which native.js looks for the binary of this machine. */
function binaryName() {
  const { platform, arch } = process;
  if (platform === 'win32') return `turnout.win32-${arch}-msvc.node`;
  if (platform !== 'linux') return `turnout.${platform}-${arch}.node`;
  process.report.excludeNetwork = true;
  const libc = process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl';
  return `turnout.linux-${arch}-${libc}${arch === 'arm' ? 'eabihf' : ''}.node`;
}

/** @throws {Error} when cargo is missing or fails */
function build() {
  console.log('turnout: no binary for this machine, building one (a minute or two)');
  const target = fs.mkdtempSync(path.join(os.tmpdir(), 'turnout-build-'));
  try {
    const { status, error } = spawnSync('cargo', ['build', '--release', '--lib', '--locked'], { cwd: ROOT, stdio: 'inherit', env: { ...process.env, CARGO_TARGET_DIR: target } });
    if (error) throw new Error(`cargo cannot be run (${error.code})`);
    if (status !== 0) throw new Error('cargo build failed');
    fs.copyFileSync(path.join(target, 'release', LIBRARIES[process.platform] ?? 'libturnout.so'), path.join(ROOT, binaryName()));
  } finally {
    fs.rmSync(target, { recursive: true, force: true });
  }
}

// npm publishes no lock file: where there is one, this is a clone.
if (!fs.existsSync(path.join(ROOT, 'package-lock.json')) && !loads()) {
  try {
    build();
  } catch (error) {
    console.error(`turnout: ${error.message}. It needs Rust 1.88 or newer (https://rustup.rs) where no binary is published.`);
    process.exitCode = 1;
  }
}
