'use strict';

const { once } = require('node:events');
const { Agent, createServer, get } = require('../..');

describe("a response's signal", () => {
  it('leaves nothing on a connection that is kept', async () => {
    const server = createServer((req, res) => res.end('answer')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const agent = new Agent({ keepAlive: true });
    const counts = [];
    for (let n = 0; n < 3; n++) {
      const req = get({ port: server.address().port, host: '127.0.0.1', agent });
      const [res] = await once(req, 'response');
      expect(res.signal.aborted).toBe(false);
      const { socket } = res;
      await once(res.resume(), 'close');
      counts.push(socket.listenerCount('close'));
      expect(res.signal.aborted).toBe(false);
    }
    expect(counts).toEqual([counts[0], counts[0], counts[0]]);
    agent.destroy();
    server.close();
  });
});
