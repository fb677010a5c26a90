'use strict';

/** What several features of parity/client/ ask and answer. */

const HEAD_END = { until: '\r\n\r\n' };
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
/** Steps of a server that answers /1 to /n on one connection. */
const answers = (n) => Array.from({ length: n }, (_, i) => [{ until: `/${i + 1} HTTP` }, OK]).flat();
/** How many there are in one of an agent's tables. */
const count = (lists) => Object.values(lists).reduce((sum, list) => sum + list.length, 0);

/** One request, read to its end. */
const ask = ({ http, port, host, agent, log }, path, options) =>
  new Promise((resolve) => {
    const req = http.get({ port, host, agent, path, ...options }, (res) => {
      log(path, res.statusCode, `reused=${req.reusedSocket}`);
      res.resume();
    });
    req.on('error', (error) => log(path, error.code, error.message, `reused=${req.reusedSocket}`));
    req.on('close', () => setImmediate(resolve, req));
  });

module.exports = { HEAD_END, OK, answers, ask, count };
