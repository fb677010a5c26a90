'use strict';

/** What a peer has received, taken apart into the answers it is made of. */

const { brief } = require('./payload');

const DATE = /^Date: [^\r\n]*/gm;

/** @return {{body: string, end: number, whole: boolean}} the content of a chunked body that begins at `from` */
function chunkedBody(text, from) {
  let body = '';
  for (let at = from; ;) {
    const line = text.indexOf('\r\n', at);
    const size = line === -1 ? NaN : parseInt(text.slice(at, line), 16);
    if (Number.isNaN(size)) return { body: body + text.slice(at), end: text.length, whole: false };
    if (size === 0) {
      const end = text.startsWith('\r\n', line + 2) ? line + 4 : text.indexOf('\r\n\r\n', line) + 4;
      return end < line ? { body, end: text.length, whole: false } : { body, end, whole: true };
    }
    body += text.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
    if (at > text.length) return { body, end: text.length, whole: false };
  }
}

function bodyOf(text, from, head, status, method, ended) {
  if (method === 'HEAD' || status === 204 || status === 304) return { body: '', end: from, whole: true };
  if (/^transfer-encoding: chunked\r?$/im.test(head)) return chunkedBody(text, from);
  const length = /^content-length: (\d+)\r?$/im.exec(head)?.[1];
  if (length === undefined) return { body: text.slice(from), end: text.length, whole: ended };
  const end = from + Number(length);
  return { body: text.slice(from, end), end: Math.min(end, text.length), whole: end <= text.length };
}

/**
 * @param {string} text latin1, all that came
 * @param {string[]} methods of the requests that were sent
 * @param {boolean} ended whether the end came after it
 * @return {{answers: {head: string, body: string, whole: boolean}[], rest: string}} `rest`: what is no answer, or another protocol
 */
function answersOf(text, methods, ended) {
  const answers = [];
  let at = 0;
  let asked = 0;
  while (text.startsWith('HTTP/1.', at)) {
    const headEnd = text.indexOf('\r\n\r\n', at);
    if (headEnd === -1) break;
    const head = text.slice(at, headEnd).replace(DATE, 'Date: *');
    const status = Number(head.slice(9, 12));
    at = headEnd + 4;
    if (status >= 100 && status < 200 && status !== 101) {
      answers.push({ head, body: '', whole: true });
      continue;
    }
    const method = methods[asked++];
    if (status === 101 || (method === 'CONNECT' && status < 300)) {
      answers.push({ head, body: '', whole: true });
      break;
    }
    const { body, end, whole } = bodyOf(text, at, head, status, method, ended);
    answers.push({ head, body: brief(body).replace(DATE, 'Date: *'), whole });
    at = end;
  }
  return { answers, rest: brief(text.slice(at)).replace(DATE, 'Date: *') };
}

module.exports = { answersOf };
