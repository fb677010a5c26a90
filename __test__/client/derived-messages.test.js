'use strict';

const turnout = require('../..');
const { derivations } = require('../support/derivations');
const { HEAD_END } = require('../support/client-asks');
const { traceOf } = require('../support/trace');

describe('a request', () => {
  /** node:http keeps what is written to a derived request once it has a connection. */
  it('sends what is written to what was derived from it', async () => {
    const caseOf = (derive) => ({
      server: [[HEAD_END, { until: '0\r\n\r\n' }, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok']],
      async run({ http, port, host, agent, log, until, watch }) {
        const req = watch(http.request({ port, host, agent, method: 'POST' }));
        req.on('socket', (socket) =>
          socket.once('connect', () => {
            const derived = derive(req);
            derived.write('abc');
            derived.end('def', () => log('ended', derived.finished, req.finished));
          }),
        );
        await until('req close');
      },
    });
    const expected = await traceOf(turnout, caseOf(derivations.itself));
    for (const derive of Object.values(derivations)) expect(await traceOf(turnout, caseOf(derive))).toBe(expected);
  });
});
