'use strict';

const nodeHttp = require('node:http');
const { once } = require('node:events');
const turnout = require('..');

/** POSTs `text` and resolves with status, headers and body of the answer. */
async function post(server, text) {
  const req = nodeHttp.request({ port: server.address().port, host: '127.0.0.1', method: 'POST', agent: false });
  req.end(text);
  const [res] = await once(req, 'response');
  let body = '';
  for await (const chunk of res) body += chunk;
  return [res.statusCode, res.headers['x-class'], body];
}

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
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    expect(await post(server, 'hello')).toEqual([200, 'mine', 'POST! 5 hello true true']);
    await new Promise((resolve) => server.close(resolve));
  });
});
