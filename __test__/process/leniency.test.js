'use strict';

/** --insecure-http-parser, however a process is told of it: a server and a client go by it as node:http's, and warn of it once. */

const { run } = require('../support/child');

/** Says what became of a request and of a response with a control character in a field, in a process of its own. */
const program = (http) => `
  const http = require(${JSON.stringify(http)});
  process.on('warning', ({ message }) => console.log('warning', message));
  const net = require('node:net');
  const server = http.createServer((req, res) => res.end()).listen(0, '127.0.0.1', () => {
    const peer = net.connect(server.address().port, '127.0.0.1');
    peer.write('GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\nA: b\\x01\\r\\n\\r\\n');
    peer.once('data', (data) => console.log(String(data).split('\\r\\n')[0]));
    peer.on('close', () => server.close(ask));
  });
  function ask() {
    const server = net.createServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nA: b\\x01\\r\\n\\r\\n')));
    server.listen(0, '127.0.0.1', () => {
      const req = http.get({ port: server.address().port, host: '127.0.0.1', agent: false }, (res) => console.log(res.resume().statusCode));
      req.on('error', (error) => console.log(error.code));
      req.on('close', () => server.close());
    });
  }
`;

const INSECURE = 'HTTP/1.1 200 OK\n200\n';
const STRICT = 'HTTP/1.1 400 Bad Request\nHPE_INVALID_HEADER_TOKEN\n';

describe('a process is told to parse leniently', () => {
  it.each([
    ['not at all', [], '', STRICT],
    ['on the command line', ['--insecure-http-parser'], '', INSECURE],
    ['with underscores', ['--insecure_http_parser'], '', INSECURE],
    ['by NODE_OPTIONS', [], '--max-http-header-size=9000 --insecure-http-parser', INSECURE],
    ['by NODE_OPTIONS, and not to on the command line', ['--no-insecure-http-parser'], '--insecure-http-parser', STRICT],
  ])('%s', async (_, flags, NODE_OPTIONS, expected) => {
    for (const http of ['node:http', require.resolve('../..')]) {
      const { out } = await run([...flags, '-e', program(http)], { env: { NODE_OPTIONS } });
      const lines = out.split(/(?<=\n)/);
      expect([http, lines.filter((line) => !line.startsWith('warning')).join('')]).toEqual([http, expected]);
      expect([http, lines.filter((line) => line === 'warning Using insecure HTTP parsing\n').length]).toEqual([http, expected === INSECURE ? 1 : 0]);
    }
  });

  it('whatever node:http says of the other words, as properties that nobody checks', () => {
    const { parserLeniency, fieldLeniency, isLenientSender, STRICT: strict, RELAXED: relaxed, INSECURE: insecure } = require('../../lib/seam/leniency');
    const words = ['strict', 'relaxed', 'insecure', 'x', null, undefined];
    expect(words.map((httpValidation) => parserLeniency({ httpValidation }))).toEqual([strict, relaxed, insecure, strict, strict, strict]);
    expect(words.map((httpValidation) => parserLeniency({ httpValidation, insecureHTTPParser: 1 }))).toEqual([strict, relaxed, insecure, insecure, insecure, insecure]);
    expect(words.map((httpValidation) => fieldLeniency({ httpValidation }))).toEqual([false, true, true, true, true, null]);
    expect(isLenientSender({ httpValidation: 'strict', req: { socket: { server: { httpValidation: 'relaxed' } } } })).toBe(false);
    expect(isLenientSender({ insecureHTTPParser: true, req: { socket: { server: { httpValidation: 'strict' } } } })).toBe(false);
    expect(isLenientSender({ req: { socket: { server: { insecureHTTPParser: true } } } })).toBe(true);
  });

  // Node 24 asks in another order.
  (Number(process.versions.node.split('.')[0]) >= 26 ? it : it.skip)('and its own function says the same of messages and of their servers', () => {
    const { isLenientSender } = require('../../lib/seam/leniency');
    const nodes = require('node:http').OutgoingMessage.prototype._isLenientHeaderValidation;
    const words = ['strict', 'relaxed', 'insecure', 'x', null, undefined];
    for (const httpValidation of words) {
      for (const insecureHTTPParser of [true, false, undefined, 1]) {
        for (const server of [undefined, { httpValidation: 'strict' }, { insecureHTTPParser: true }, { httpValidation, insecureHTTPParser }]) {
          const message = { httpValidation, insecureHTTPParser, req: { socket: { server } } };
          expect([message, isLenientSender(message)]).toEqual([message, nodes.call(message)]);
        }
      }
    }
  });
});
