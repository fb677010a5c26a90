'use strict';

const PATIENCE = 5000;

/** Lines that say what has happened, and who waits for something to happen. Subclasses say in `seen()` what else there is to see. */
class Log {
  constructor() {
    this.lines = [];
    this.waiting = [];
    this.timers = new Set();
    this.log = (...words) => {
      this.lines.push(words.map(String).join(' '));
      this.wake();
    };
  }

  wake() {
    for (const check of [...this.waiting]) check();
  }

  /** Resolves when `test()` holds; rejects with what has been seen when it never does. */
  when(what, test) {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (!test()) return;
        this.forget(timer);
        this.waiting.splice(this.waiting.indexOf(check), 1);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(check), 1);
        reject(new Error(`no ${what}; log: ${JSON.stringify(this.lines)}; ${this.seen()}`));
      }, PATIENCE);
      this.timers.add(timer);
      this.waiting.push(check);
      check();
    });
  }

  forget(timer) {
    clearTimeout(timer);
    this.timers.delete(timer);
  }

  /** Nobody waits any more. */
  stop() {
    for (const timer of this.timers) this.forget(timer);
  }
}

module.exports = { Log };
