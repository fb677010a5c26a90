'use strict';

/** Field lines, chunked bodies and trailers, well-formed and not, for both directions. */

const { LONG } = require('./mutations');

const LENGTHS = ['0', '5', '05', '00000000000000000000005', '+5', '-0', '-5', '5,5', '5, 5', '0x5', '5 5', '', ' ', '5\t', '4294967296', '18446744073709551615', '18446744073709551616', '99999999999999999999999', '5.0', '5e0', '\xb2'];
const CODINGS = ['chunked', 'Chunked', 'CHUNKED', 'chunked ', 'chunked\t', ' chunked', '\tchunked', 'gzip, chunked', 'gzip,chunked', 'chunked, gzip', 'chunked, chunked', 'chunked,chunked', 'chunked,', ', chunked', ',chunked', 'identity', 'gzip', 'xchunked', 'chunkedx', 'chunked;q=1', '"chunked"', '', ' ', 'chunked\x0b', '\x0bchunked', 'ch unked', 'identity, chunked', 'chunked, identity', 'deflate'];
const CONNECTIONS = ['close', 'keep-alive', 'Close', 'KEEP-ALIVE', 'close, keep-alive', 'keep-alive, close', 'upgrade', 'Upgrade', 'keep-alive, Upgrade', 'upgrade, close', 'close,upgrade', '\tupgrade', 'upgrade\t', 'upgrade ', 'xupgrade', 'upgradex', 'upgrade;x', '', ',', ', upgrade', 'close ', 'clos', 'closed', 'te, trailers', 'keep-alive\t', 'up grade'];
const UPGRADES = ['websocket', 'h2c', 'foo/1.0', 'TLS/1.0, HTTP/1.1', '', ' ', 'x', 'h2'];
const HOSTS = ['a', 'a:80', '', 'a b', 'a, b', '[::1]:8', '/', 'a\t', '\xe4'];
const EXPECTS = ['100-continue', '100-Continue', 'x', '100-continue, x', '', '100-continuex', '200-ok'];
const NAMES = ['x', 'X-Y', 'accept', 'cookie', 'set-cookie', 'date', 'user-agent', 'content-type', '!#$%&\'*+-.^_`|~0', 'te', 'trailer', 'via', 'con', 'content-lengt', 'content-lengthx', 'transfer-encodin', 'connectio', 'proxy-connectio', 'upgrad', 'keep-alive', '__proto__', 'constructor'];
const BAD_NAMES = ['', ' ', 'a b', 'a ', '\ta', 'a\x01', 'a\x7f', 'a\x80', '\xff', 'a(', 'a/b', 'a@', 'a[', '{', '"a"', 'a=', 'a,b', 'a;', 'a\0'];
const VALUES = ['', 'y', ' y ', '\ty\t', 'a, b', 'a  b', '"q"', '\x80', '\xff\xfe', 'y;z=1', ':', 'a:b', '1', '  ', '\t', '\xa0y\xa0'];
const BAD_VALUES = ['a\0b', '\0', '\x01', 'a\x0bb', '\x0c', '\x1f', '\x7f', 'a\rb', 'a\r', '\r', 'a\nb', 'a\r\n b', 'a\r\n\tb', '\r\n y', 'a\x08'];
const COLONS = [': ', ': ', ': ', ': ', ':', ':  ', ':\t', ' : ', '\t:', '', ' '];
const LINE_ENDS = ['\n', '\r', '\r\r\n', '\n\r', '\r\n\r\n', ' \r\n', '\t\r\n', '\r\n '];

function odd(random, name) {
  return random.oneIn(12) ? name.toUpperCase() : random.oneIn(12) ? name.replace(/(^|-)./g, (part) => part.toUpperCase()) : name;
}

/** @return {string} one field line with its line end */
function fieldLine(random) {
  const special = {
    'content-length': LENGTHS,
    'transfer-encoding': CODINGS,
    connection: CONNECTIONS,
    'proxy-connection': CONNECTIONS,
    upgrade: UPGRADES,
    host: HOSTS,
    expect: EXPECTS,
  };
  let name;
  let value;
  if (random.below(20) < 8) {
    name = random.pick(Object.keys(special));
    // The first values of each list are the harmless ones.
    value = random.oneIn(3) ? random.pick(special[name]) : special[name][random.below(2)];
    name = odd(random, name);
  } else {
    name = random.oneIn(40) ? random.pick(BAD_NAMES) : random.pick(NAMES);
    value = random.oneIn(40) ? random.pick(BAD_VALUES) : random.pick(VALUES);
    if (random.oneIn(150)) value = 'v'.repeat(random.pick(LONG));
    if (random.oneIn(300)) name = 'n'.repeat(random.pick(LONG));
  }
  const end = random.oneIn(120) ? random.pick(LINE_ENDS) : '\r\n';
  return name + (random.oneIn(12) ? random.pick(COLONS) : ': ') + value + end;
}

/** @return {string} so many field lines that limits are met, seldom; otherwise nothing */
function manyFields(random) {
  if (!random.oneIn(120)) return '';
  const count = random.pick([90, 101, 500, 990, 999, 1000, 1001, 1999, 2001, 2500]);
  return Array.from({ length: count }, (_, n) => `a${n % 7}: ${n % 10}\r\n`).join('');
}

const SIZES = ['5', '5', '5', '05', '0005', '000000000000000000000005', '5 ', ' 5', '5\t', '+5', '-5', '0x5', '', 'g', '5g', 'FFFFFFFFFFFFFFFF', 'ffffffffffffffffff', '10000000000000000', '00', '5\0', '5,', 'a', 'A'];
const EXTENSIONS = ['', '', '', '', '', '', ';', ';a', ';a=b', ';a="b"', ';a="b\\"c"', ';a="b', ';a="b\\', ';a;b=c', ' ;a', '; a', ';a =b', ';a= b', ';=b', ';a=', ';;', ';a="\x80"', ';\x80', ';a="\x01"', ';a\t', ';a="b" ', ';a="b"c', ';a="b";c', ';a=b=c', ';a="\\\x80"', ';a="\\\x01"', ';a,b'];
const CHUNK_ENDS = ['\n', '\r', '', 'x', ' \r\n', '\r\r\n', '\r\n\r\n'];

function chunk(random) {
  if (random.below(4) > 0) return '5\r\nhello\r\n';
  const size = random.pick(SIZES);
  let extension = random.pick(EXTENSIONS);
  if (random.oneIn(100)) extension = `;${'e'.repeat(random.pick(LONG))}`;
  const end = () => (random.oneIn(30) ? random.pick(CHUNK_ENDS) : '\r\n');
  const data = /^0*[aA]$/.test(size) ? 'helloworld' : /^0+$/.test(size) ? '' : 'hello';
  return size + extension + end() + data + end();
}

/** @return {string} a chunked body, with or without trailers and its end */
function chunked(random) {
  let text = '';
  for (let n = random.below(4); n > 0; n--) text += chunk(random);
  if (random.oneIn(14)) return text;
  text += random.pick(['0', '0', '0', '0', '00', '0000000000000000000', '', '0;a', '0;a=b', '0 ', '-0']) + '\r\n';
  for (let n = random.oneIn(3) ? random.below(4) : 0; n > 0; n--) text += fieldLine(random);
  if (random.oneIn(4)) text += manyFields(random);
  return random.oneIn(14) ? text : `${text}\r\n`;
}

/** @return {string} what a message with that head may bring as its body: mostly what the head announces */
function bodyFor(head, random) {
  const lower = head.toLowerCase();
  if (random.oneIn(12)) return random.pick(['', 'hello', 'hello\r\n', '5\r\nhello\r\n0\r\n\r\n', '\r\n', 'GET / HTTP/1.1\r\n\r\n']);
  if (lower.includes('chunked')) return chunked(random);
  if (/content-length: 0*5\s/.test(lower)) return 'hello';
  return random.oneIn(10) ? 'hello' : '';
}

module.exports = { bodyFor, fieldLine, manyFields };
