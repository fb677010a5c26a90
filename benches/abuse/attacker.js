'use strict';

/** One attack: `attacker.js NAME PORT`; prints `ready`, and what it saw when its standard input ends. */

const net = require('node:net');
const attacks = require('./attacks');

const [, , name, port] = process.argv;

class Attacker {
  #counts = {};
  #lives = [];

  count(key, n = 1) {
    this.#counts[key] = (this.#counts[key] ?? 0) + n;
  }

  /** A socket that survives whatever the server does. */
  connect(connected) {
    const socket = net.connect(Number(port), '127.0.0.1', connected);
    socket.on('error', () => this.count('errors'));
    return socket;
  }

  every(milliseconds, act) {
    setInterval(act, milliseconds);
  }

  /** Counts the statuses the server answers with. */
  readStatus(socket) {
    socket.on('data', (data) => {
      const status = /^HTTP\/1.1 (\d+)/.exec(data.latin1Slice(0, 16))?.[1];
      if (status !== undefined) this.count(status);
    });
  }

  /** Notes how long the server lets the connection live, from connect to its end. */
  timeLife(socket, next) {
    let began = 0;
    socket.on('connect', () => (began = performance.now()));
    this.readStatus(socket);
    socket.on('end', () => this.#lives.push(performance.now() - began));
    socket.on('close', next);
  }

  /** Connects, says `text` and resets. */
  strike(text) {
    const socket = this.connect(() => {
      socket.write(text, () => socket.resetAndDestroy());
      this.count('strikes');
    });
  }

  /** One request on a connection of its own, whose answer is read. */
  ask(request) {
    const socket = this.connect(() => socket.write(request));
    this.readStatus(socket);
    socket.once('data', () => socket.destroy());
  }

  /** `count` sockets that send `n` requests as fast as they are taken, read every answer, and begin anew. */
  pipeline(count, request, n) {
    const text = Buffer.from(request.repeat(n));
    const open = () => {
      let answers = 0;
      let rest = '';
      const socket = this.connect(() => socket.write(text));
      socket.on('data', (data) => {
        const all = rest + data.latin1Slice();
        answers += all.split('HTTP/1.1 200').length - 1;
        rest = all.slice(-11);
        if (answers >= n) {
          this.count('pipelines');
          socket.destroy();
        }
      });
      socket.on('close', () => {
        if (answers < n) this.count('cut');
        open();
      });
    };
    for (let i = 0; i < count; i++) open();
  }

  /** Opens `count` sockets, 200 at a time, and keeps them. */
  async hold(count, text) {
    for (let i = 0; i < count; i += 200) {
      await Promise.all(
        Array.from({ length: Math.min(200, count - i) }, () => new Promise((resolve) => {
          const socket = this.connect(() => socket.write(text, resolve));
          socket.on('close', () => this.count('closed'));
          socket.resume();
        })),
      );
    }
  }

  report() {
    const lives = this.#lives.sort((a, b) => a - b).map(Math.round);
    return { counts: this.#counts, lives: lives.length > 0 ? { count: lives.length, least: lives[0], median: lives[lives.length >> 1], most: lives.at(-1) } : null };
  }
}

const attacker = new Attacker();
process.stdin.resume().on('end', () => {
  console.log(JSON.stringify(attacker.report()));
  process.exit();
});
Promise.resolve(attacks[name](attacker)).then(() => console.log('ready'));
