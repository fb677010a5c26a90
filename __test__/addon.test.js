'use strict';

/** What the binary asks of the system that loads it. */

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { ROOT } = require('./helpers/child');

const binaries = fs.readdirSync(ROOT).filter((name) => name.endsWith('.node'));
const hasReadelf = process.platform === 'linux' && spawnSync('readelf', ['--version']).status === 0;

(hasReadelf ? it : it.skip)('the addon has no static thread-local storage, with which musl refuses to load it', () => {
  expect(binaries.length).toBeGreaterThan(0);
  for (const name of binaries) {
    const { status, stdout } = spawnSync('readelf', ['--wide', '--dynamic', path.join(ROOT, name)], { encoding: 'utf8' });
    expect([status, stdout.includes('STATIC_TLS')]).toEqual([0, false]);
  }
});
