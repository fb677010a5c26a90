'use strict';

/**
 * Differences from node:http that are meant, each with the words of its row in docs/compatibility.md. An entry judges two outcomes
 * of one case, and must hold of nothing but what its row says.
 */

const { isSplit } = require('./compare');
const { PROFILES } = require('./server-profiles');

const heads = (messages) => messages.map(({ kind, head }) => `${kind} ${head}`);
const startsWith = (list, start) => start.every((entry, n) => entry === list[n]);

/** Whether a head asks for another protocol; node:http takes the head's Connection and Upgrade for it, or CONNECT. */
function asksForUpgrade({ head }) {
  // Method, target and version have no spaces in them.
  const fields = JSON.parse(head.split(' ').slice(3).join(' '));
  const values = (name) => fields.filter((_, n) => n % 2 === 1 && fields[n - 1].toLowerCase() === name);
  return head.startsWith('CONNECT ') || (values('upgrade').length > 0 && /upgrade/i.test([...values('connection'), ...values('proxy-connection')].join()));
}

/** What a server says by itself to a request without Host, and to garbage. */
const NO_HOST = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nDate: *\r\n';
const REFUSED = /HTTP\/1\.1 4\d\d [A-Z][A-Za-z ]*\r\nConnection: close\r\n\r\n$/;

const alike = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** Whether the listener of an upgrade after an answer that closes hears of writing to a stream that has ended. */
const wroteLate = ({ errors, messages }) => errors[0]?.code === 'ERR_STREAM_WRITE_AFTER_END' && messages.at(-1)?.first !== undefined;

/** Messages with what they switched to in one piece. */
const joined = ({ messages }) => messages.map(({ first, raw, ...message }) => (first === undefined ? message : { ...message, stream: first + raw }));

/** Pieces of a wire, one for each message's head, in no order. */
const pieces = (wire) => wire.split(/(?=HTTP\/1\.1 )/).sort();
const includesAll = (list, others) => others.every((other) => list.includes(other));

const ALLOWED = {
  'Bytes after a declined upgrade, same packet: node:http loses them'(node, turnout, one) {
    if (one.side !== 'request' || PROFILES[one.profile].upgrades === 'accept') return false;
    const declined = node.messages.findIndex(asksForUpgrade);
    // What comes in later packets it parses again, from wherever these begin.
    if (declined !== -1 && isSplit(one)) return startsWith(heads(turnout.messages), heads(node.messages.slice(0, declined + 1)));
    // A request without Host is answered 400 before any event tells of it.
    const refused = node.wire.includes(NO_HOST) && /upgrade/i.test(one.text);
    const last = declined !== -1 && declined === node.messages.length - 1;
    return node.errors.length === 0 && (last || refused) && startsWith(heads(turnout.messages), heads(node.messages));
  },

  'Responses pipelined ahead of an accepted upgrade: node:http writes them after the 101'(node, turnout, one) {
    const upgraded = node.messages.findIndex(({ first }) => first !== undefined);
    return upgraded > 0 && one.side === 'request' && alike([joined(node), node.errors], [joined(turnout), turnout.errors])
      && alike(pieces(node.wire), pieces(turnout.wire));
  },

  'Responses pipelined ahead of a CONNECT nobody listens to: node:http loses them'(node, turnout, one) {
    return one.side === 'request' && PROFILES[one.profile].upgrades === 'none' && one.text.includes('CONNECT ')
      && alike([node.messages, node.errors], [turnout.messages, turnout.errors]) && turnout.wire.startsWith(node.wire);
  },

  'a CONNECT nobody listens to, on a given stream: node:http never tells the requests ahead of it that their connection has closed'(node, turnout, one) {
    const ended = ({ messages }) => messages.map(({ end, error, ...message }) => (end === 'aborted' || end.startsWith('end') ? message : { ...message, end, error }));
    return one.side === 'request' && one.over !== undefined && PROFILES[one.profile].upgrades === 'none' && one.text.includes('CONNECT ')
      && alike([ended(node), node.errors], [ended(turnout), turnout.errors]) && turnout.wire.startsWith(node.wire);
  },

  'Answers that wait for their turn over TLS on a Duplex when its peer ends: node:http loses them'(node, turnout, one) {
    return one.side === 'request' && one.over?.stream === 'tls' && node.messages.length > 1 && alike([node.messages, node.errors], [turnout.messages, turnout.errors])
      && node.errors.length === 0 && turnout.wire.startsWith(node.wire) && !node.wire.includes('Connection: close')
      && pieces(turnout.wire).filter((piece) => !piece.startsWith('HTTP/1.1 1')).length <= turnout.messages.length;
  },

  'Body of an upgrade request, peer gone or malformed: node:http never tells'(node, turnout, one) {
    const last = node.messages.at(-1);
    if (one.side !== 'request') return false;
    if (last?.kind !== 'upgrade' || last.end !== '' || !(node.errors.length === 0 || wroteLate(node))) return false;
    const before = heads(node.messages.slice(0, -1));
    const told = turnout.errors.length > 0 || turnout.messages.at(-1)?.end === 'aborted' || !PROFILES[one.profile].tells;
    // A body malformed in the very read that brought the head is an error instead of an upgrade.
    const same = [before, heads(node.messages)].some((list) => alike(list, heads(turnout.messages)));
    return told && same;
  },

  'Body cut short after its answer: node:http never tells'(node, turnout, one) {
    if (one.side !== 'request' || node.errors.length > 0 || turnout.errors.length > 0 || node.messages.length !== turnout.messages.length) return false;
    const told = turnout.messages.map((message, n) => {
      const { end, error } = node.messages[n];
      const cut = message.end === 'aborted' && end === '';
      // Only leniency lets a request's body last until the FIN.
      const untilFin = one.profile === 'lenient' && message.end === 'end []' && end !== message.end;
      return cut || untilFin ? { ...message, end, error } : message;
    });
    return alike(told, node.messages) && node.wire === turnout.wire;
  },

  'bytes after a message with `Connection: close`: what is written after the finished response is not sent'(node, turnout, one) {
    if (one.side === 'request' && wroteLate(node)) return alike(heads(node.messages), heads(turnout.messages));
    return one.side === 'request' && alike([joined(node), node.errors], [joined(turnout), turnout.errors]) && includesAll(pieces(node.wire), pieces(turnout.wire))
      && turnout.wire.slice(turnout.wire.lastIndexOf('HTTP/1.1 ')).includes('Connection: close\r\n');
  },

  'order of answers when a bad request follows a good one in a packet'(node, turnout, one) {
    return one.side === 'request' && !PROFILES[one.profile].tells && alike(heads(node.messages), heads(turnout.messages)) && turnout.wire.startsWith(node.wire.replace(REFUSED, ''));
  },

  // Whether later packets of a connection that its answer closes are still read is a race in node:http as well.
  'packets after an answer that closes'(node, turnout, one) {
    if (one.side !== 'request' || !isSplit(one) || ![node, turnout].some(({ wire }) => wire === '' || wire.includes('Connection: close'))) return false;
    const [fewer, more] = [heads(node.messages), heads(turnout.messages)].sort((a, b) => a.length - b.length);
    return startsWith(more, fewer);
  },

  'a body that nobody has read yet, on a given stream: node:http pauses at its high-water mark, so that later reads bring more'(node, turnout, one) {
    const told = ({ errors }) => errors.map(({ code, reason }) => [code, reason]);
    return one.side === 'request' && one.over !== undefined && node.errors.length > 0 && /transfer-encoding|content-length/i.test(one.text)
      && alike([heads(node.messages), told(node)], [heads(turnout.messages), told(turnout)]);
  },

  'a head with another fault near its maximum size'(node, turnout, one) {
    const codes = [node, turnout].map(({ errors }) => errors[0]?.code);
    return isSplit(one) && codes.includes('HPE_HEADER_OVERFLOW') && !codes.includes(undefined) && alike(heads(node.messages), heads(turnout.messages));
  },

  'bytes in a later packet than the end of a response'(node, turnout, one) {
    if (one.side !== 'response' || !isSplit(one)) return false;
    const [quiet, told] = node.errors.length === 0 ? [node, turnout] : [turnout, node];
    const final = quiet.messages.find(({ kind }) => kind === 'response');
    // After a 101 that names no protocol node:http's goes on writing to a given stream whose peer has closed.
    const late = (code) => code.startsWith('HPE_') || (code === 'EPIPE' && one.over !== undefined && final.head.startsWith('101 '));
    return quiet.errors.length === 0 && final?.end.endsWith(' true') && told.errors.length > 0 && late(told.errors[0].code) && startsWith(heads(told.messages), heads(quiet.messages));
  },

  'a second response after the response, malformed'(node, turnout, one) {
    if (one.side !== 'response' || !(node.errors[0]?.code ?? '').startsWith('HPE_')) return false;
    const final = turnout.messages.find(({ kind }) => kind === 'response');
    return turnout.errors.length === 0 && final?.end.endsWith(' true') && one.text.split('HTTP/').length > 2 && alike(heads(node.messages), heads(turnout.messages));
  },

  '`insecureHTTPParser`: Content-Length of an interim response that closes counts for the next with node:http'(node, turnout, one) {
    const interim = turnout.messages.find(({ kind, head }) => kind === 'information' && /"content-length"/i.test(head));
    return one.side === 'response' && one.options.insecureHTTPParser && interim !== undefined && startsWith(heads(turnout.messages), heads(node.messages));
  },

  '`insecureHTTPParser`: a NUL in a field value is refused'(node, turnout, one) {
    const lenient = one.side === 'request' ? one.profile === 'lenient' : one.options.insecureHTTPParser;
    return lenient && one.text.includes('\0') && turnout.errors[0]?.code === 'HPE_INVALID_HEADER_TOKEN' && startsWith(heads(node.messages), heads(turnout.messages));
  },
};

/** @return {string|undefined} which entry allows the difference between `node`'s and `turnout`'s outcome of the case */
function allowedAs(node, turnout, one) {
  return Object.keys(ALLOWED).find((name) => ALLOWED[name](node, turnout, one));
}

module.exports = { allowedAs };
