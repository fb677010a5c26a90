'use strict';

/** The processes that play programs: one for each implementation. One that dies or does not answer is a finding, and replaced. */

const { fork } = require('node:child_process');
const path = require('node:path');

const SCRIPT = path.join(__dirname, 'worker.js');
const TURNOUT = path.join(__dirname, '..', '..', '..');
/** Milliseconds after which a process that has not answered is said to hang. */
const PATIENCE = 12_000;

class Player {
  #lane;
  #child = null;
  #ready = null;
  #noise = '';
  #execPath;
  #turnout;

  /** @param {'node'|'inline'|'threads'|'streams'} lane @param {{execPath?: string, turnout?: string}} others another Node, another tree */
  constructor(lane, { execPath = process.execPath, turnout = TURNOUT }) {
    this.#lane = lane;
    this.#execPath = execPath;
    this.#turnout = turnout;
  }

  #start() {
    const env = { ...process.env, TURNOUT_DRIVER: this.#lane === 'threads' ? 'threads' : 'inline', NODE_NO_WARNINGS: '1' };
    this.#child = fork(SCRIPT, [this.#lane, this.#turnout], { env, execPath: this.#execPath, execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#noise = '';
    this.#child.stderr.setEncoding('utf8').on('data', (text) => (this.#noise = (this.#noise + text).slice(-2000)));
    this.#ready = new Promise((resolve) => this.#child.once('message', resolve));
  }

  /** @return {Promise<object>} the facts; those of a process that died say how */
  async play(one, pace) {
    if (this.#child === null) this.#start();
    const child = this.#child;
    await Promise.race([this.#ready, new Promise((resolve) => child.once('exit', resolve))]);
    const { facts, clean } = await this.#answer(child, { one, pace });
    if (!clean) await this.stop();
    return facts;
  }

  #answer(child, task) {
    return new Promise((resolve) => {
      const settle = (answer) => {
        clearTimeout(timer);
        child.removeAllListeners('message');
        child.removeAllListeners('exit');
        resolve(answer);
      };
      const timer = setTimeout(settle, PATIENCE, { facts: { process: 'hangs' }, clean: false });
      child.once('message', settle);
      child.once('exit', (code, signal) => settle({ facts: { process: `dies: ${signal ?? code}`, noise: this.#noise }, clean: false }));
      child.send(task, () => {});
    });
  }

  async stop() {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }
}

class Crew {
  #players;

  /** @param {string[]} lanes @param {{execPath?: string, turnout?: string}} [others] another Node, another tree */
  constructor(lanes, others = {}) {
    this.#players = Object.fromEntries(lanes.map((lane) => [lane, new Player(lane, others)]));
  }

  play(lane, one, pace) {
    return this.#players[lane].play(one, pace);
  }

  async close() {
    await Promise.all(Object.values(this.#players).map((player) => player.stop()));
  }
}

module.exports = { Crew };
