'use strict';

/** Responses on a socket that was assigned by hand, turnout's and node:http's, and what is to be seen of them. */

const http = require('node:http');
const { Duplex } = require('node:stream');
const { ServerResponse } = require('../../lib/server/server-response');

const MAJOR = Number(process.versions.node.split('.')[0]);
const tick = () => new Promise((resolve) => setImmediate(resolve));
const request = (more) => ({ method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1, headers: {}, ...more });

/** A Duplex that keeps what is written to it. */
function recordingSocket() {
  const chunks = [];
  const socket = new Duplex({
    read() {},
    write(chunk, encoding, callback) {
      chunks.push(chunk);
      callback();
    },
  });
  socket.setTimeout = (msecs) => chunks.push(Buffer.from(`[timeout ${msecs}]`));
  socket.bytes = () => Buffer.concat(chunks).toString('latin1').replace(/Date: [^\r]+/g, 'Date: now');
  return socket;
}

/** Before 26 Node did not join the chunks of one tick: there only the joined body is compared. */
function joinChunks(bytes) {
  const at = bytes.indexOf('\r\n\r\n');
  if (MAJOR >= 26 || !/transfer-encoding: chunked/i.test(bytes.slice(0, at))) return bytes;
  let rest = bytes.slice(at + 4);
  let body = '';
  for (;;) {
    const line = rest.indexOf('\r\n');
    const size = parseInt(rest.slice(0, line), 16);
    if (!(size > 0)) return `${bytes.slice(0, at + 4)}${body}|${rest}`;
    body += rest.slice(line + 2, line + 2 + size);
    rest = rest.slice(line + 4 + size);
  }
}

/** What hosts before 26 do otherwise. */
const ONLY_ON_26 = new Set([
  'writeHead with a list over setHeader',
  'an object as last chunk',
  'an unknown encoding',
  'a status code from the field',
  'less than content-length',
]);
const onHost = (title) => (MAJOR < 26 && ONLY_ON_26.has(title) ? it.skip : it);

/** What a response of `Response` does under `drive`, on a socket assigned by hand. */
async function observe(Response, drive, options = {}) {
  const socket = recordingSocket();
  const log = [];
  const res = new Response(request(options.req), options.response);
  for (const event of ['prefinish', 'finish', 'close', 'error', 'drain', 'timeout', 'socket']) {
    res.on(event, (value) => log.push(event === 'error' ? `error ${value.code}` : event));
  }
  socket.on('error', () => {});
  if (!options.late) res.assignSocket(socket);
  try {
    await drive(res, log, socket);
  } catch (error) {
    log.push({ name: error.name, code: error.code, message: error.message, text: String(error), keys: Object.keys(error) });
  }
  if (options.late) res.assignSocket(socket);
  await tick();
  await tick();
  const state = {};
  for (const name of STATE) state[name] = res[name];
  return { bytes: joinChunks(socket.bytes()), log, state, headers: res.getHeaders() };
}

const STATE = [
  'statusCode statusMessage finished headersSent _headerSent _hasBody _last _contentLength chunkedEncoding shouldKeepAlive',
  'useChunkedEncodingByDefault _removedConnection _removedContLen _removedTE _defaultKeepAlive destroyed closed errored writable',
  'writableEnded writableFinished writableLength writableObjectMode writableNeedDrain writableCorked outputSize _trailer _sent100',
]
  .join(' ')
  .split(' ');

/** Both do the same. */
async function expectParity(drive, options) {
  const [ours, nodes] = [await observe(ServerResponse, drive, options), await observe(http.ServerResponse, drive, options)];
  expect(ours).toEqual(nodes);
  return ours;
}

const note =
  (log, name) =>
  (error) =>
    log.push(`${name} ${error ? error.code : 'ok'}`);

module.exports = { MAJOR, tick, request, onHost, observe, expectParity, note };
