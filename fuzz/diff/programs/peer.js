'use strict';

/** A raw TCP client that plays its script against a program's server and keeps what it hears. */

const net = require('node:net');
const { answersOf } = require('./answers');
const { marked, requestBytes } = require('./payload');

class Peer {
  #socket;
  #number;
  #one;
  #stage;
  #heard = [];
  #waiting = '';
  #methods = [];
  #sent = 0;
  #ended = false;
  /** How the connection went: 'open', 'closed', or an error's code. */
  #way = 'open';

  /** @param {{script: object[], halfOpen?: boolean}} one @param {import('./stage').Stage} stage */
  constructor(number, one, stage) {
    this.#number = number;
    this.#one = one;
    this.#stage = stage;
  }

  connect(port) {
    return new Promise((resolve) => {
      const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: this.#one.halfOpen === true, noDelay: true });
      this.#socket = socket;
      socket.on('data', (chunk) => {
        this.#heard.push(chunk);
        this.#stage.stir();
      });
      socket.on('end', () => {
        this.#ended = true;
        this.#stage.stir();
      });
      socket.on('error', ({ code }) => {
        // Both say that the other side has reset, and which of them comes is the system's choice.
        this.#way = code === 'EPIPE' || code === 'ECONNABORTED' ? 'ECONNRESET' : code;
      });
      socket.on('close', () => {
        if (this.#way === 'open') this.#way = 'closed';
        this.#stage.stir();
        resolve();
      });
      socket.on('connect', resolve);
    });
  }

  /** Plays the script, `gap` rounds of the loop between two steps. */
  async play(gap) {
    for (const step of this.#one.script) {
      await this.#take(step, gap);
      this.#stage.stir();
      if (!step.join) await this.#stage.rounds(gap);
    }
    this.#flush();
  }

  async #take(step, gap) {
    switch (step.do) {
      case 'request':
        this.#methods.push(step.method ?? 'GET');
        await this.#write(requestBytes(`${this.#number}${'abcdefgh'[this.#methods.length - 1]}`, step), step, gap);
        break;
      case 'text':
        await this.#write(step.text, step, gap);
        break;
      case 'raw':
        await this.#write(marked(`P${this.#number}${this.#sent++}`, step.size), step, gap);
        break;
      case 'until':
        await this.#stage.until(() => this.#way !== 'open' || this.#ended || this.#count() >= step.answers);
        break;
      case 'fin':
        this.#flush();
        this.#socket.end();
        break;
      case 'rst':
        this.#flush();
        this.#socket.resetAndDestroy();
        break;
      case 'pause':
        this.#socket.pause();
        break;
      case 'resume':
        this.#socket.resume();
        break;
      case 'wait':
        await this.#stage.rounds(step.rounds * gap);
        break;
      default:
        throw new Error(`a peer cannot ${step.do}`);
    }
  }

  /** With `join` the text waits for the next step's, with `cuts` it goes in so many pieces. */
  async #write(text, { join, cuts = 0 }, gap) {
    this.#waiting += text;
    if (join) return;
    const size = Math.ceil(this.#waiting.length / (cuts + 1));
    const all = this.#waiting;
    this.#waiting = '';
    for (let at = 0; at < all.length; at += size) {
      if (at > 0) await this.#stage.rounds(gap);
      if (!this.#socket.writable) return;
      this.#socket.write(all.slice(at, at + size), 'latin1');
    }
  }

  #flush() {
    if (this.#waiting !== '' && this.#socket.writable) this.#socket.write(this.#waiting, 'latin1');
    this.#waiting = '';
  }

  #count() {
    return this.#taken().answers.filter(({ whole }) => whole).length;
  }

  #taken() {
    return answersOf(Buffer.concat(this.#heard).toString('latin1'), this.#methods, this.#ended);
  }

  /** Whether it has heard, and can hear, all that was said to it. */
  get listens() {
    const { script } = this.#one;
    return this.#way !== 'ECONNRESET' && !script.some((step) => step.do === 'pause' || step.do === 'rst' || step.do === 'fin');
  }

  get text() {
    return Buffer.concat(this.#heard).toString('latin1');
  }

  /** Goes, without leaving a port behind. */
  leave() {
    this.#socket.resetAndDestroy();
  }

  /** @return {object} what it has heard, each thing under a name of its own */
  facts() {
    const { answers, rest } = this.#taken();
    const facts = { answers: answers.length, rest, ended: this.#way === 'ECONNRESET' ? 'reset' : this.#ended };
    answers.forEach(({ head, body, whole }, n) => {
      facts[`answer ${n} head`] = head;
      facts[`answer ${n} body`] = body;
      facts[`answer ${n} whole`] = whole;
    });
    return facts;
  }
}

module.exports = { Peer };
