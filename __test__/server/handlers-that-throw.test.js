'use strict';

const { program } = require('../support/child');

/** Sends `count` requests to path /0, /1, … on connections of their own, at once, and prints what came back. */
const ASK = `
const net = require('node:net');
function ask(port, count, done) {
  let left = count;
  const answers = [];
  for (let i = 0; i < count; i++) {
    const socket = net.connect(port, '127.0.0.1');
    let text = '';
    socket.write('GET /' + i + ' HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n');
    socket.on('data', (chunk) => (text += chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      answers[i] = text.split('\\r\\n\\r\\n')[1] ?? 'nothing';
      if (--left === 0) done(answers);
    });
  }
}
`;

describe('a handler that throws', () => {
  it('surfaces as an uncaughtException and loses no other request of its turn', async () => {
    const { code, out } = await program(`${ASK}
      const errors = [];
      process.on('uncaughtException', (error, origin) => errors.push(error.message + ' ' + origin));
      const server = http.createServer((req, res) => {
        if (Number(req.url.slice(1)) % 2 === 1) { setImmediate(() => req.socket.destroy()); throw new Error('boom ' + req.url); }
        res.end('ok' + req.url);
      });
      server.listen(0, '127.0.0.1', () => ask(server.address().port, 20, (answers) => {
        console.log(JSON.stringify([answers, errors.sort()]));
        server.close();
      }));`);
    expect(code).toBe(0);
    const [answers, errors] = JSON.parse(out);
    for (let i = 0; i < 20; i++) expect(answers[i]).toBe(i % 2 === 1 ? 'nothing' : `ok/${i}`);
    expect(errors).toEqual([1, 3, 5, 7, 9, 11, 13, 15, 17, 19].map((i) => `boom /${i} uncaughtException`).sort());
  });

  it("does not keep the connection from being served when it is a 'connection' listener", async () => {
    const { out } = await program(`${ASK}
      process.on('uncaughtException', (error) => console.log('uncaught', error.message));
      const server = http.createServer((req, res) => res.end('ok' + req.url));
      server.on('connection', () => { throw new Error('connection'); });
      server.listen(0, '127.0.0.1', () => ask(server.address().port, 2, (answers) => { console.log(answers.join()); server.close(); }));`);
    expect(out.trim().split('\n')).toEqual(['uncaught connection', 'uncaught connection', 'ok/0,ok/1']);
  });

  it('ends the process with 1 when nobody listens for it', async () => {
    const { code, err } = await program(`${ASK}
      const server = http.createServer(() => { throw new Error('fatal'); });
      server.listen(0, '127.0.0.1', () => ask(server.address().port, 1, () => {}));`);
    expect(code).toBe(1);
    expect(err).toMatch(/Error: fatal/);
  });

  it('does not keep finish and upgrade listeners from running', async () => {
    const { out } = await program(`${ASK}
      process.on('uncaughtException', (error) => console.log('uncaught', error.message));
      const server = http.createServer((req, res) => {
        res.on('finish', () => { throw new Error('finish' + req.url); });
        res.on('close', () => console.log('close', req.url));
        res.end('ok');
      });
      server.listen(0, '127.0.0.1', () => ask(server.address().port, 2, (answers) => { console.log(answers.join()); server.close(); }));`);
    const lines = out.trim().split('\n');
    for (const line of ['uncaught finish/0', 'uncaught finish/1', 'close /0', 'close /1', 'ok,ok']) expect(lines).toContain(line);
  });

  it('destroys the socket of an upgrade whose shouldUpgradeCallback throws', async () => {
    const { code, out } = await program(`
      const net = require('node:net');
      process.on('uncaughtException', (error) => console.log('uncaught', error.message));
      const server = http.createServer({ shouldUpgradeCallback() { throw new Error('no'); } });
      server.on('upgrade', () => console.log('upgrade'));
      server.listen(0, '127.0.0.1', () => {
        const socket = net.connect(server.address().port, '127.0.0.1');
        socket.write('GET / HTTP/1.1\\r\\nConnection: upgrade\\r\\nUpgrade: x\\r\\n\\r\\n');
        socket.on('error', () => {});
        socket.resume().on('close', () => { console.log('closed'); server.close(); });
      });`);
    expect([code, out]).toEqual([0, 'uncaught no\nclosed\n']);
  });
});

describe('between handlers', () => {
  it('of one packet no ticks or promises run, as with node:http', async () => {
    const { out } = await program(`
      const net = require('node:net');
      const log = [];
      const server = http.createServer((req, res) => {
        log.push('handler' + req.url);
        process.nextTick(() => log.push('tick' + req.url));
        Promise.resolve().then(() => log.push('promise' + req.url));
        if (req.url === '/3') setImmediate(() => { console.log(log.join(' ')); process.exit(); });
      });
      server.listen(0, '127.0.0.1', () => {
        const get = (n) => 'GET /' + n + ' HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n';
        net.connect(server.address().port, '127.0.0.1').write(get(1) + get(2) + get(3));
      });`);
    expect(out.trim()).toBe(['handler', 'tick', 'promise'].flatMap((what) => [1, 2, 3].map((n) => `${what}/${n}`)).join(' '));
  });

  it('AsyncLocalStorage keeps to its request, and starts with the context of listen()', async () => {
    const { out } = await program(`
      const net = require('node:net');
      const { AsyncLocalStorage } = require('node:async_hooks');
      const storage = new AsyncLocalStorage();
      const seen = [];
      const server = http.createServer((req, res) => {
        seen.push(req.url + ':' + storage.getStore());
        storage.enterWith('store' + req.url);
        setImmediate(() => { seen.push('later' + req.url + ':' + storage.getStore()); if (seen.length === 6) { console.log(seen.join(' ')); process.exit(); } });
      });
      storage.run('listen', () => server.listen(0, '127.0.0.1', () => {
        const get = (n) => 'GET /' + n + ' HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n';
        net.connect(server.address().port, '127.0.0.1').write(get(1) + get(2) + get(3));
      }));`);
    expect(out.trim()).toBe('/1:listen /2:listen /3:listen later/1:store/1 later/2:store/2 later/3:store/3');
  });
});

/**
 * Two pipelined requests; listeners of the events named throw while the connection ends; what else is to be told is told, and the server closes.
 * What is printed: the events that came, whether each was thrown from, and that the server has closed.
 */
const ENDING = (thrown, end) => `
  const net = require('node:net');
  const log = [];
  process.on('uncaughtException', (error) => log.push('uncaught ' + error.message));
  const boom = (name) => () => { throw new Error(name); };
  let told = 0;
  const server = http.createServer((req, res) => {
    const n = req.url;
    const on = (emitter, name, event) => {
      if (name + ' ' + event === ${JSON.stringify(thrown)}) emitter.on(event, boom(name + ' ' + event + n));
    };
    on(req, 'req', 'aborted');
    req.on('error', () => {});
    on(req, 'req', 'close');
    on(res, 'res', 'close');
    if (n === '/1') on(req.socket, 'socket', 'close');
    if (${JSON.stringify(thrown)} === 'res write') { res.write('x'.repeat(4e6), boom('write' + n)); res.write('x'.repeat(4e6), boom('write again' + n)); }
    if (${JSON.stringify(thrown)} === 'res end') res.end('x'.repeat(8e6), boom('end' + n));
    const tell = (what) => () => {
      log.push(what + n);
      if (++told < 4) return;
      server.close(() => { console.log(JSON.stringify(log.sort())); process.exit(); });
    };
    res.on('close', tell('res close'));
    req.on('close', tell('req close'));
    if (n === '/2') setImmediate(() => (${end}));
  });
  let peer;
  server.listen(0, '127.0.0.1', () => {
    peer = net.connect(server.address().port, '127.0.0.1').on('error', () => {}).pause();
    peer.write('GET /1 HTTP/1.1\\r\\nHost: a\\r\\n\\r\\nGET /2 HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n');
  });
`;

describe.each([
  ['the peer goes', 'peer.destroy()'],
  ['the peer resets', 'peer.resetAndDestroy()'],
  ['closeAllConnections() is called', 'server.closeAllConnections()'],
])('a listener that throws while a connection ends because %s', (_, end) => {
  const CLOSES = ['req close/1', 'req close/2', 'res close/1', 'res close/2'];

  it.each([
    // The stream's own destroy() makes it the error of the request.
    ['req aborted', []],
    ['socket close', ['socket close/1']],
    ['res write', ['write again/2', 'write/1', 'write/2']],
    ['res end', ['end/1', 'end/2']],
  ])('%s: the others are told, and the server closes', async (thrown, errors) => {
    const { code, out } = await program(ENDING(thrown, end));
    expect([code, JSON.parse(out)]).toEqual([0, [...CLOSES, ...errors.map((message) => `uncaught ${message}`)]]);
  });

  // What throws stands before what looks.
  it.each(['req close', 'res close'])('%s: the others are told, and the server closes', async (thrown) => {
    const looksElsewhere = ENDING(thrown, end).replace(`${thrown.slice(0, 3)}.on('close', tell`, `process.on('uncaughtException', tell`);
    const { code, out } = await program(looksElsewhere);
    expect(code).toBe(0);
    for (const other of CLOSES.filter((name) => !name.startsWith(thrown))) expect(JSON.parse(out)).toContain(other);
    expect(JSON.parse(out)).toEqual(expect.arrayContaining([`uncaught ${thrown}/1`, `uncaught ${thrown}/2`]));
  });
});
