'use strict';

const fs = require('node:fs');
const net = require('node:net');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const readline = require('node:readline');
const { program, ROOT } = require('../support/child');

/** Descriptors the server's process may have; it starts with about thirty. */
const LIMIT = 64;
const PEERS = 80;
/** Milliseconds during which the server's processor time is looked at. */
const WINDOW = 400;

/** Whether port 1 is refused to those without privileges; containers may allow it. */
const FIRST_FREE = '/proc/sys/net/ipv4/ip_unprivileged_port_start';
const PRIVILEGED_PORT = fs.existsSync(FIRST_FREE) && Number(fs.readFileSync(FIRST_FREE, 'utf8')) > 1;

/** Says its port; then how much of a processor it uses once descriptors have run out; then its connections, whenever it is asked. */
const SERVER = `
const fs = require('node:fs');
const http = require('./index.js');
const server = http.createServer((req, res) => res.end('okay')).listen(0, '127.0.0.1', () => console.log(server.address().port));
server.keepAliveTimeout = 0;
const left = () => { try { fs.closeSync(fs.openSync('/dev/null')); return true; } catch (error) { return error.code !== 'EMFILE'; } };
const look = () => {
  if (left()) return setImmediate(look);
  const before = process.cpuUsage();
  setTimeout(() => {
    const { user, system } = process.cpuUsage(before);
    console.log((user + system) / 1000 / ${WINDOW});
  }, ${WINDOW});
};
look();
process.stdin.on('data', () => server.getConnections((error, count) => console.log(count))).on('end', () => process.exit());
`;

/** Peers that ask once and stay. */
function peers(port, count, onAnswer) {
  return Array.from({ length: count }, () => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
    socket.on('error', () => {});
    socket.once('data', (data) => onAnswer(data.latin1Slice(0, 15)));
    return socket;
  });
}

(process.platform === 'win32' ? describe.skip : describe)('a server without descriptors', () => {
  it('rests instead of spinning, and serves who waits when some are free again', async () => {
    const child = spawn('sh', ['-c', `ulimit -n ${LIMIT}; exec "$@"`, 'sh', process.execPath, '-e', SERVER], { cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const line = async () => (await lines.next()).value;
    const answers = [];
    let all;
    const everybody = new Promise((resolve) => (all = resolve));
    const sockets = peers(Number(await line()), PEERS, (answer) => answers.push(answer) === PEERS && all());
    try {
      // A spinning thread uses all of a processor.
      expect(Number(await line())).toBeLessThan(0.25);
      child.stdin.write('\n');
      const served = Number(await line());
      expect(served).toBeGreaterThan(0);
      expect(served).toBeLessThan(LIMIT);
      expect(answers.length).toBeLessThan(PEERS);
      // Whoever has been served leaves, and the others come in.
      for (const socket of sockets) socket.on('data', () => socket.destroy());
      for (const socket of sockets) if (socket.bytesRead > 0) socket.destroy();
      await everybody;
      expect(new Set(answers)).toEqual(new Set(['HTTP/1.1 200 OK']));
    } finally {
      for (const socket of sockets) socket.destroy();
      const over = once(child, 'close');
      child.stdin.end();
      await over;
    }
  });
});

(process.platform === 'linux' ? describe : describe.skip)('a server that may not listen', () => {
  it("says 'error' EACCES as node:http does, for a port and for a path", async () => {
    const { out, err } = await program(`
      const { once } = require('node:events');
      const implementations = [require('node:http'), http];
      const show = ({ code, errno, syscall, address, port, message }) => JSON.stringify({ code, errno, syscall, address, port, message });
      const refused = async (one, ...args) => show((await once(one.createServer().listen(...args), 'error'))[0]);
      (async () => {
        // The engine is loaded before the privileges go.
        const first = http.createServer().listen(0, '127.0.0.1');
        await once(first, 'listening');
        first.close();
        if (process.getuid() === 0) process.setuid(65534);
        for (const args of [${PRIVILEGED_PORT ? "[1, '127.0.0.1']," : ''} ['/turnout-may-not.sock']]) for (const one of implementations) console.log(await refused(one, ...args));
      })().catch((error) => console.log('no error', error));
    `);
    expect(err).toBe('');
    const errors = out.trim().split('\n').map((text) => JSON.parse(text));
    expect(errors.length).toBe(PRIVILEGED_PORT ? 4 : 2);
    for (let i = 0; i < errors.length; i += 2) {
      expect(errors[i].code).toBe('EACCES');
      expect(errors[i + 1]).toEqual(errors[i]);
    }
  });
});
