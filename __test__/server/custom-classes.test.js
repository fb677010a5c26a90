'use strict';

const nodeHttp = require('node:http');
const net = require('node:net');
const { once } = require('node:events');
const turnout = require('../..');
const { listening, closed } = require('../support/servers');

/** POSTs `text` and resolves with status, headers and body of the answer. */
async function post(server, text) {
  const req = nodeHttp.request({ port: server.address().port, host: '127.0.0.1', method: 'POST', agent: false });
  req.end(text);
  const [res] = await once(req, 'response');
  let body = '';
  for await (const chunk of res) body += chunk;
  return [res.statusCode, res.headers['x-class'], body];
}

/** Asks for two things on one connection that a net.Server hands over. */
async function askByHand(server) {
  const front = net.createServer((socket) => server.emit('connection', socket));
  const socket = net.connect(await listening(front), '127.0.0.1');
  socket.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n');
  socket.write('POST /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody');
  let text = '';
  for await (const chunk of socket) text += chunk;
  await closed(front);
  return text.replace(/Date: [^\r]*/g, 'Date: *');
}

describe('classes and options of the user on a connection that is handed over', () => {
  const told = async (http, base) => {
    class Request extends base.IncomingMessage {
      get shout() {
        return `${this.url}!`;
      }
    }
    class Response extends base.ServerResponse {
      finishWith(text) {
        this.setHeader('X-Class', ['mine', 'yours']);
        this.end(text);
      }
    }
    const options = { IncomingMessage: Request, ServerResponse: Response, uniqueHeaders: ['X-Class'], keepAliveTimeout: 7000 };
    const server = http.createServer(options, async (req, res) => {
      let body = '';
      for await (const chunk of req) body += chunk;
      res.finishWith(`${req.shout} ${body} ${req instanceof Request} ${res instanceof Response}.`);
    });
    return askByHand(server);
  };

  it("count, whether they extend turnout's classes or node:http's", async () => {
    const expected = await told(nodeHttp, nodeHttp);
    expect(expected).toMatch(/X-Class: mine; yours\r\n[^]*timeout=7[^]*\/1! {2}true true\.[^]*\/2! body true true\.$/);
    expect(await told(turnout, nodeHttp)).toBe(expected);
    expect(await told(turnout, turnout)).toBe(expected);
  });
});

describe.each([
  ['node:http', nodeHttp],
  ['turnout', turnout],
])('%s with classes of the user', (name, http) => {
  it('makes requests and responses of them', async () => {
    class Request extends http.IncomingMessage {
      get shout() {
        return this.method + '!';
      }
    }
    class Response extends http.ServerResponse {
      finishWith(text) {
        this.setHeader('X-Class', 'mine');
        this.end(text);
      }
    }
    const server = http.createServer({ IncomingMessage: Request, ServerResponse: Response }, async (req, res) => {
      let body = '';
      for await (const chunk of req) body += chunk;
      res.finishWith(`${req.shout} ${req.headers['content-length']} ${body} ${req instanceof Request} ${res instanceof Response}`);
    });
    await listening(server);
    expect(await post(server, 'hello')).toEqual([200, 'mine', 'POST! 5 hello true true']);
    await closed(server);
  });
});
