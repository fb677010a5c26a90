'use strict';

/** What happened while a program was played, under names, and what follows from it. */

const { brief, marksOf } = require('./payload');

const DIGITS_OF_PORTS = /\b\d{5}\b/g;

/** @return {string} an error by its code */
function codeOf(error) {
  if (error === null || typeof error !== 'object') return String(error);
  return error.code ?? `${error.name}: ${String(error.message).replace(DIGITS_OF_PORTS, 'PORT')}`;
}

class Record {
  #counts = new Map();
  #notes = new Map();
  #faults = new Map();
  #data = new Map();
  #facts = {};
  #promises = [];
  #stir;

  /** @param {Function} stir called whenever something is written down */
  constructor(stir) {
    this.#stir = stir;
  }

  count(name) {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    this.#stir();
  }

  note(name, value) {
    this.#notes.set(name, String(value));
    this.#stir();
  }

  /** One more error of that name; their codes are kept, in no order. */
  fault(name, error) {
    this.#faults.set(name, [...(this.#faults.get(name) ?? []), codeOf(error)].sort());
    this.#stir();
  }

  /** @param {Buffer|string} chunk more of what was read */
  data(name, chunk) {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1');
    this.#data.set(name, (this.#data.get(name) ?? '') + text);
    this.#stir();
  }

  state(name, object, properties) {
    for (const property of properties) {
      const value = object[property];
      this.#facts[`${name}.${property}`] = value !== null && typeof value === 'object' ? codeOf(value) : String(value);
    }
  }

  /**
   * Whatever the implementation: nothing comes twice, and what is said to have left has come.
   * @param {{number: number, text: string, listens: boolean}[]} peers
   */
  compareWire(peers) {
    const marks = peers.flatMap(({ text }) => marksOf(text)).filter((mark) => !mark.endsWith('…'));
    this.#facts['wire: comes twice'] = [...new Set(marks.filter((mark, n) => marks.indexOf(mark) !== n))].sort().join(' ');
    const there = new Set(marks);
    const deaf = peers.filter(({ listens }) => !listens).map(({ number }) => String(number));
    const left = this.#promises.filter(({ mark, kept }) => !deaf.includes(mark[0]) && !there.has(mark) && kept());
    this.#facts['wire: has left and is not there'] = left.map(({ mark }) => mark).sort().join(' ');
  }

  /** The peer gets `mark` if the event or the callback of that name came, without an error. */
  promise(name, mark) {
    this.#promises.push({ mark, kept: () => this.#counts.has(name) || this.#faults.get(name)?.join() === 'undefined' });
  }

  /** With arguments: more of them. @return {object} name → text */
  facts(more, prefix = '') {
    if (more !== undefined) {
      for (const [name, value] of Object.entries(more)) this.#facts[prefix + name] = String(value);
      return this.#facts;
    }
    const facts = { ...this.#facts };
    for (const [name, value] of this.#counts) facts[name] = String(value);
    for (const [name, value] of this.#notes) facts[name] = value;
    for (const [name, value] of this.#faults) facts[name] = value.join(' ');
    for (const [name, value] of this.#data) facts[`${name} read`] = brief(value);
    return facts;
  }
}

module.exports = { Record, codeOf };
