'use strict';

/**
 * Bytes that say where they come from: each piece that a program or its peer writes is a mark of its own, so that what is lost, doubled
 * or out of order shows on the other side.
 */

const LONG_RUN = /(.)\1{15,}/gs;

/** @return {string} `<id` filled up to `size` characters `>`; never shorter than its mark */
function marked(id, size = 0) {
  return `<${id}${'.'.repeat(Math.max(0, size - id.length - 2))}>`;
}

/** @return {string} the text with long runs of one character counted instead of shown */
function brief(text) {
  return text.replace(LONG_RUN, (run, character) => `${character}{${run.length}}`);
}

/** @return {string[]} the ids of the marks in `text`, in their order; one that is cut short ends with `…` */
function marksOf(text) {
  return [...text.matchAll(/<([\w'+:]+)\.*(>?)/g)].map(([, id, end]) => (end ? id : `${id}…`));
}

/** Bytes of the messages a peer sends; `name` is the request's target, which says who sent it and which of its requests it is. */
function requestBytes(name, { method = 'GET', version = '1.1', body = 'none', size = 0, fields = [], part }) {
  const target = method === 'CONNECT' ? `${name}:80` : `/${name}`;
  let text = `${method} ${target} HTTP/${version}\r\nHost: a\r\n${fields.map((field) => `${field}\r\n`).join('')}`;
  const content = marked(name, size);
  if (body === 'length') text += `Content-Length: ${content.length}\r\n\r\n${content}`;
  else if (body === 'chunked') text += `Transfer-Encoding: chunked\r\n\r\n${chunked(content)}`;
  else text += '\r\n';
  // A message that stops in the middle: so many hundredths of it.
  return part === undefined ? text : text.slice(0, Math.ceil((text.length * part) / 100));
}

function chunked(content) {
  const half = content.length >> 1;
  const chunks = [content.slice(0, half), content.slice(half)].filter((chunk) => chunk !== '');
  return `${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;
}

module.exports = { brief, marked, marksOf, requestBytes };
