'use strict';

/** Responses by grammar, seeded, and the request each answers: case n of seed s is the same text everywhere. */

const { Random } = require('./random');
const { LONG, cuts, mutated } = require('./mutations');
const { bodyFor, fieldLine, manyFields } = require('./fields');

const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'];
const ODD_VERSIONS = ['HTTP/0.9', 'HTTP/2.0', 'HTTP/1.2', 'HTTP/9.9', 'http/1.1', 'HTTP/1', 'HTTP/1.', 'HTTP/11.1', 'RTSP/1.0', 'ICE/1.0', 'HTTPS/1.1', '', 'XTTP/1.1', 'HTTP/1,1', 'HTTP /1.1', ' HTTP/1.1', 'GET / HTTP/1.1'];
const STATUSES = ['200', '200', '200', '200', '201', '204', '205', '206', '301', '304', '400', '404', '500', '599', '299', '999', '600'];
const INTERIM = ['100', '102', '103', '101', '199', '110'];
const ODD_STATUSES = ['', '2', '20', '2000', '099', '000', '-20', '+20', '2x0', '20x', ' 200', '0x1', '2 0', '200\t', '\xb200'];
const REASONS = [' OK', ' OK', ' OK', ' Not Found', ' ', '', '  ', ' a b', ' \xe4', ' \x80\xff', ' \t', ' O\tK', '\tOK', ' O:K'];
const ODD_REASONS = [' \0', ' O\x01K', ' \x7f', ' O\rK', ' O\nK', ' OK\r', 'OK', ' \x0b'];
const LINE_ENDS = ['\n', '\r', '\r\r\n', ' \r\n', '\n\r\n', '\r\n\r\n', '\r\n '];
const BLANKS = ['\r\n', '\n', '\r', '\r\n\r\n', ' ', '\0'];
const REQUESTS = [
  { method: 'GET' },
  { method: 'GET' },
  { method: 'GET' },
  { method: 'HEAD' },
  { method: 'POST', body: 'hello' },
  { method: 'CONNECT', path: 'a:80' },
  { method: 'GET', headers: { Connection: 'Upgrade', Upgrade: 'x' } },
  { method: 'GET', headers: { Connection: 'keep-alive' } },
];
const OPTIONS = [{}, {}, {}, {}, {}, {}, { insecureHTTPParser: true }, { maxHeaderSize: 120 }];

function response(random, interim) {
  let head = random.oneIn(30) ? random.pick(BLANKS) : '';
  head += random.oneIn(40) ? random.pick(ODD_VERSIONS) : random.pick(VERSIONS);
  head += random.oneIn(100) ? random.pick(['  ', '\t', '']) : ' ';
  head += random.oneIn(40) ? random.pick(ODD_STATUSES) : random.pick(interim ? INTERIM : STATUSES);
  head += random.oneIn(40) ? random.pick(ODD_REASONS) : random.pick(REASONS);
  if (random.oneIn(250)) head += 'r'.repeat(random.pick(LONG));
  head += random.oneIn(100) ? random.pick(LINE_ENDS) : '\r\n';
  const plain = random.below(5);
  if (plain === 0) head += random.pick(['Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n', 'Content-Length: 0\r\n']);
  else if (plain === 1 && random.oneIn(2)) head += 'Connection: upgrade\r\nUpgrade: x\r\n';
  for (let n = random.below(4); n > 0; n--) head += fieldLine(random);
  head += manyFields(random);
  head += random.oneIn(100) ? random.pick(LINE_ENDS) : '\r\n';
  return interim && random.below(8) > 0 ? head : head + bodyFor(head, random);
}

/**
 * @param {{seed: number, lenient?: boolean}} options `lenient`: all cases with insecureHTTPParser
 * @return {{side: string, seed: number, n: number, request: object, options: object, text: string, cuts: number[], fin: string}} case `n`
 */
function responseCase(n, { seed, lenient = false }) {
  const random = new Random(2, seed, n);
  const request = random.pick(REQUESTS);
  const options = lenient ? { insecureHTTPParser: true } : random.pick(OPTIONS);
  let text = '';
  for (let count = random.pick([0, 0, 0, 0, 0, 1, 1, 2]); count > 0; count--) text += response(random, true);
  text += response(random, random.oneIn(20));
  if (random.oneIn(8)) text += random.pick(['x', '\r\n', 'HTTP/1.1 200 OK\r\n\r\n', '\0', 'raw bytes']);
  if (random.oneIn(3)) text = mutated(text, 1 + random.below(2), random);
  return { side: 'response', seed, n, request, options, text, cuts: cuts(text, random), fin: random.oneIn(3) ? 'later' : 'at once' };
}

module.exports = { responseCase };
