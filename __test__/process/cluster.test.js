'use strict';

const path = require('node:path');
const { run, program } = require('../support/child');

describe('a cluster worker', () => {
  it.each(['SCHED_RR', 'SCHED_NONE'])('serves its connections with the engine: %s', async (policy) => {
    const { code, out, err } = await run([path.join(__dirname, '..', 'programs', 'cluster.js')], { env: { POLICY: policy } });
    expect([out, err, code]).toEqual(['["[true,\\"127.0.0.1\\",true,true]"] true head true\ndisconnected\n', '', 0]);
  });
});

describe('listen() on what somebody else has opened', () => {
  const LISTEN = `
    const { Socket } = require('./lib/connection/socket');
    const server = http.createServer((req, res) => res.end(String(req.socket instanceof Socket)));
    server.keepAliveTimeout = 1;
    server.listen(TARGET, () => {
      const { port } = server.address() ?? {};
      require('node:http').get({ port, socketPath: process.env.SOCKET_PATH, host: '127.0.0.1', agent: false }, (res) => {
        res.on('data', (data) => console.log('ours:', String(data)));
        res.on('end', () => server.close(() => console.log('closed')));
      });
    });`;

  it('serves a descriptor that was inherited', async () => {
    const parent = `
      const net = require('node:net');
      const { spawn } = require('node:child_process');
      const server = net.createServer().listen(0, '127.0.0.1', () => {
        const code = ${JSON.stringify(`const http = require('./index.js');${LISTEN.replace('TARGET', '{ fd: 3 }')}`)};
        spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'inherit', 'inherit', server._handle.fd] }).on('exit', (code) => process.exit(code));
        // The child's is a copy; this one must not take its connections.
        server.close();
      });`;
    const { code, out, err } = await run(['-e', parent]);
    expect([out, err, code]).toEqual(['ours: true\nclosed\n', '', 0]);
  });

  it('serves a handle', async () => {
    const handle = `const { TCP, constants } = process.binding('tcp_wrap'); const handle = new TCP(constants.SERVER); handle.bind('127.0.0.1', 0);`;
    const { code, out, err } = await program(`${handle}${LISTEN.replace('TARGET', 'handle')}`);
    expect([out, err, code]).toEqual(['ours: true\nclosed\n', '', 0]);
  });

  it('fails as node:http does for a descriptor that is no socket', async () => {
    const code = "const fd = require('node:fs').openSync('package.json'); LIB.createServer().on('error', (e) => console.log(e.code, e.syscall)).listen({ fd });";
    const ours = await program(code.replace('LIB', 'http'));
    const node = await run(['-e', code.replace('LIB', "require('node:http')")]);
    expect(node.out).toMatch(/^E[A-Z]+ listen/);
    expect([ours.out, ours.err]).toEqual([node.out, node.err]);
  });

  it("drops past maxConnections, counts and takes changed settings as for its own listener's", async () => {
    const code = `
      const net = require('node:net');
      const { TCP, constants } = process.binding('tcp_wrap');
      const handle = new TCP(constants.SERVER);
      handle.bind('127.0.0.1', 0);
      const server = http.createServer((req, res) => res.end('x'));
      server.maxConnections = 1;
      server.on('drop', (data) => {
        console.log('drop', data.localPort === server.address().port, server._connections);
        server.keepAliveTimeout = 1;
        server.keepAliveTimeoutBuffer = 0;
        first.write('GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n');
      });
      let first;
      server.listen(handle, () => {
        first = net.connect(server.address().port, '127.0.0.1', () => net.connect(server.address().port, '127.0.0.1').on('error', () => {}));
        first.resume().on('close', () => server.close(() => console.log('closed', server._connections)));
      });`;
    const { code: status, out, err } = await program(code);
    expect([out, err, status]).toEqual(['drop true 1\nclosed 0\n', '', 0]);
  });
});
