'use strict';

/** A headless Chromium, spoken to over its own debugging protocol, for what only a browser does. */

const { spawn, execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const { WebSocket } = require('ws');

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'];
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--remote-debugging-port=0',
];

/** @return {string|undefined} a Chromium of this machine */
function findBrowser() {
  for (const name of process.platform === 'win32' ? [] : NAMES) {
    try {
      return execFileSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

class Browser {
  #child;
  #folder;
  #socket;
  #last = 0;
  #calls = new Map();

  /** @param {string} binary @return {Promise<Browser>} */
  static async start(binary) {
    const browser = new Browser();
    browser.#folder = fs.mkdtempSync(path.join(os.tmpdir(), 'turnout-browser-'));
    browser.#child = spawn(binary, [...FLAGS, `--user-data-dir=${browser.#folder}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe'] });
    const url = await new Promise((resolve, reject) => {
      let text = '';
      browser.#child.stderr.setEncoding('utf8').on('data', (data) => {
        text += data;
        const found = /DevTools listening on (ws:\S+)/.exec(text);
        if (found) resolve(found[1]);
      });
      browser.#child.on('error', reject).on('exit', (code) => reject(new Error(`${binary} ended with ${code}: ${text}`)));
    });
    browser.#socket = new WebSocket(url);
    browser.#socket.on('message', (data) => browser.#settle(JSON.parse(data)));
    await once(browser.#socket, 'open');
    return browser;
  }

  #settle({ id, result, error }) {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    this.#calls.delete(id);
    if (error) call.reject(new Error(error.message));
    else call.resolve(result);
  }

  #call(method, params = {}, sessionId = undefined) {
    const id = ++this.#last;
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    return new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }));
  }

  /**
   * Opens a page and runs a function in it.
   * @param {string} url
   * @param {Function} act its text goes to the page, so it closes over nothing
   * @return {Promise<*>} what it resolves to; JSON
   */
  async run(url, act) {
    const { targetId } = await this.#call('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.#call('Target.attachToTarget', { targetId, flatten: true });
    const evaluate = async (expression) => {
      const { result, exceptionDetails } = await this.#call('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true }, sessionId);
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      return result.value;
    };
    const { errorText } = await this.#call('Page.navigate', { url }, sessionId);
    if (errorText) throw new Error(`${url}: ${errorText}`);
    await evaluate("document.readyState === 'complete' || new Promise((resolve) => addEventListener('load', resolve))");
    return evaluate(`(${act})()`);
  }

  async stop() {
    // Its own children write into the folder until they notice; all of them have stderr open.
    const gone = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    this.#socket?.terminate();
    await gone;
    fs.rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

module.exports = { Browser, findBrowser };
