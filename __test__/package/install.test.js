'use strict';

/** The package as npm would publish it, installed on a machine for which it has no binary. */

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { ROOT, run } = require('../support/child');

/** Stands in for cargo, whose build takes a minute: it notes how it was called and hands over the library that there is. */
const cargo = (built) => `#!/bin/sh
echo "$@" > called
mkdir -p "$CARGO_TARGET_DIR/release"
cp '${built}' "$CARGO_TARGET_DIR/release/libturnout.so"
cp '${built}' "$CARGO_TARGET_DIR/release/libturnout.dylib"
`;

/** Every file below a directory, relative to the root. */
const filesBelow = (directory) => fs.readdirSync(path.join(ROOT, directory), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)));

const onUnix = process.platform === 'win32' ? describe.skip : describe;

onUnix('the published package', () => {
  let directory;
  let packed;
  let built;

  beforeAll(() => {
    const [{ files }] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    packed = files.map((file) => file.path);
    built = fs.readdirSync(ROOT).find((name) => name.endsWith('.node'));
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'turnout-package-'));
    for (const file of packed) {
      fs.mkdirSync(path.dirname(path.join(directory, file)), { recursive: true });
      fs.copyFileSync(path.join(ROOT, file), path.join(directory, file));
    }
    fs.mkdirSync(path.join(directory, 'bin'));
    fs.writeFileSync(path.join(directory, 'bin', 'cargo'), cargo(path.join(ROOT, built)), { mode: 0o755 });
  });
  afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

  const install = (PATH) => run(['scripts/install.js'], { cwd: directory, env: { PATH } });

  it('has all that cargo needs, and neither tests nor binaries', () => {
    for (const file of ['Cargo.toml', 'Cargo.lock', 'build.rs', 'native.js', ...filesBelow('src'), ...filesBelow('lib')]) expect(packed).toContain(file);
    for (const [, file] of fs.readFileSync(path.join(ROOT, 'Cargo.toml'), 'utf8').matchAll(/^path = "(.*)"$/gm)) expect(packed).toContain(file);
    expect(packed.filter((file) => /\.node$|\.test\.js$|^(tests|benches|fuzz|target)\//.test(file))).toEqual([]);
  });

  it('says what is missing where there is no cargo', async () => {
    const { code, err } = await install('/nowhere');
    expect(code).toBe(1);
    expect(err).toMatch(/cargo cannot be run \(ENOENT\)\. It needs Rust 1\.88 or newer \(https:\/\/rustup\.rs\)/);
  });

  it('builds the binary under the name it will be looked for, once', async () => {
    const bin = `${path.join(directory, 'bin')}:/usr/bin:/bin`;
    expect((await install(bin)).code).toBe(0);
    expect(fs.readFileSync(path.join(directory, 'called'), 'utf8').trim()).toBe('build --release --lib --locked');
    expect(fs.readdirSync(directory).filter((name) => name.endsWith('.node'))).toEqual([built]);
    fs.rmSync(path.join(directory, 'called'));
    const { out } = await run(
      ['-e', "const http = require(process.cwd()); const s = http.createServer((req, res) => res.end('okay')).listen(0, () => http.get({ port: s.address().port, agent: false }, (res) => { s.close(); res.on('data', (d) => console.log(String(d))); }))"],
      { cwd: directory },
    );
    expect(out).toBe('okay\n');
    expect((await install(bin)).code).toBe(0);
    expect(fs.existsSync(path.join(directory, 'called'))).toBe(false);
  });
});
