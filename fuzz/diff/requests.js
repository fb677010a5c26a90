'use strict';

/** Requests by grammar, seeded: case n of seed s is the same text everywhere. */

const { Random } = require('./random');
const { LONG, cuts, mutated } = require('./mutations');
const { bodyFor, fieldLine, manyFields } = require('./fields');
const { PROFILES } = require('./server-profiles');

const METHODS = ['GET', 'GET', 'GET', 'GET', 'POST', 'POST', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'CONNECT', 'CONNECT', 'M-SEARCH', 'QUERY', 'LINK', 'PROPFIND', 'UNSUBSCRIBE', 'SOURCE'];
const ODD_METHODS = ['PRI', 'SETUP', 'DESCRIBE', 'SET_PARAMETER', 'FLUSH', 'REDIRECT', 'RECORD', 'get', 'Get', 'G', 'GE', 'GETT', 'GET\t', 'POSTS', 'FOO', '', ' GET', 'G\0T', 'G\xc9T', 'M-', 'CONNEC', 'HTTP/1.1'];
const TARGETS = ['/', '/', '/', '/a?b=c', '/a#f', '*', 'http://a/b', 'http://u@h:80/p?q', '//x', '/%00', '/a?b?c', 'https://a', 'ws://a/'];
const ODD_TARGETS = ['a', 'a:80', '[::1]:80', '?a', '#', '#a', '@', '@@', 'http:/b', 'http:', 'http://', 'urn:x', 'http://b#x', '/a b', '/\x80', '/\xff', '/\0', '/\x7f', '/\t', '/\x0c', '', '/a##', '/?#', '/"<>', '/\\', 'http://a@b@c/', 'h://?', '/\x01', ':80', '1http://a', 'http://a\x80/', '**', '*a', 'http://[', '/a\r'];
const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/1.0'];
const ODD_VERSIONS = ['HTTP/0.9', 'HTTP/2.0', 'HTTP/1.2', 'HTTP/3.0', 'HTTP/9.9', 'HTTP/1', 'HTTP/1.', 'HTTP/.1', 'HTTP/11.1', 'HTTP/1.11', 'http/1.1', 'HTTP/1,1', 'HTTPS/1.1', 'RTSP/1.0', 'ICE/1.0', 'HTTP 1.1', 'HTTP/', '', 'XTTP/1.1', 'HTTP/1.1 ', 'HTTP/1.1\t', 'HTTP/a.b'];
const BLANKS = ['\r\n', '\r\n\r\n', '\n', '\n\n', '\r', '\r\r\n', ' ', ' \r\n', '\t', '\0'];
const SPACES = ['  ', '\t', '', '   ', ' \t', '\x0b'];
const LINE_ENDS = ['\n', '\r', '\r\r\n', ' \r\n', '\n\r\n', '\r\n\r\n'];
/** What follows the protocol's switch. */
const RAW = ['', 'raw', '\x81\x85abcdhello', 'GET /raw HTTP/1.1\r\nHost: a\r\n\r\n', '\r\n', '\0\xff'];

function requestLine(random) {
  const method = random.oneIn(40) ? random.pick(ODD_METHODS) : random.pick(METHODS);
  let target = random.oneIn(30) ? random.pick(ODD_TARGETS) : random.pick(TARGETS);
  if (method === 'CONNECT' && !random.oneIn(4)) target = random.pick(['a:80', 'a.b:443', '[::1]:80']);
  if (random.oneIn(250)) target = `/${'t'.repeat(random.pick(LONG))}`;
  const version = random.oneIn(40) ? random.pick(ODD_VERSIONS) : random.pick(VERSIONS);
  const space = () => (random.oneIn(100) ? random.pick(SPACES) : ' ');
  const end = random.oneIn(100) ? random.pick(LINE_ENDS) : '\r\n';
  return method + space() + target + (version === '' && random.oneIn(2) ? '' : space()) + version + end;
}

function request(random) {
  let head = random.oneIn(20) ? random.pick(BLANKS) : '';
  head += requestLine(random);
  if (!random.oneIn(25)) head += 'Host: a\r\n';
  const plain = random.below(6);
  if (plain === 0) head += random.pick(['Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n']);
  else if (plain === 1) head += `Connection: upgrade\r\nUpgrade: ${random.pick(['websocket', 'x', 'h2c'])}\r\n`;
  for (let n = random.below(4); n > 0; n--) head += fieldLine(random);
  head += manyFields(random);
  head += random.oneIn(100) ? random.pick(LINE_ENDS) : '\r\n';
  return head + bodyFor(head, random);
}

/**
 * @param {{seed: number, lenient?: boolean}} options `lenient`: all cases with insecureHTTPParser
 * @return {{side: string, seed: number, n: number, profile: string, text: string, cuts: number[], fin: string}} case `n`
 */
function requestCase(n, { seed, lenient = false }) {
  const random = new Random(1, seed, n);
  const names = Object.keys(PROFILES);
  let profile = random.below(3) > 0 ? 'plain' : random.pick(names);
  if (lenient) profile = 'lenient';
  let text = '';
  for (let count = random.pick([1, 1, 1, 2, 2, 3]); count > 0; count--) text += request(random);
  if (random.oneIn(4)) text += random.pick(RAW);
  if (random.oneIn(3)) text = mutated(text, 1 + random.below(2), random);
  // Node 26.10 spins for ever on a NUL in a field value when values are relaxed.
  if (PROFILES[profile].options?.httpValidation === 'relaxed') text = text.replaceAll('\0', '');
  return { side: 'request', seed, n, profile, text, cuts: cuts(text, random), fin: random.oneIn(3) ? 'later' : 'at once' };
}

module.exports = { requestCase };
