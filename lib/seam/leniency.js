'use strict';

/**
 * How strictly messages are taken: the options `httpValidation` and `insecureHTTPParser` of a server or a request, and the flag
 * --insecure-http-parser for whom neither says anything. Node asks two questions of them, with different answers.
 *
 * | | what is parsed | values of fields that are sent |
 * |---|---|---|
 * | `httpValidation: 'strict'` | strict | strict |
 * | `'relaxed'` | control characters in values | lenient |
 * | `'insecure'`, `insecureHTTPParser: true` | all that llhttp lets pass | lenient |
 *
 * Both are properties that a program may set at any time, and then nobody checks them: what is none of these words means nothing to the
 * parser, and is lenient to what is sent.
 */

const http = require('../base/host-http');
const { each, split } = require('../base/primordials');

/** What a parser lets pass, as the engine is told it. */
const { STRICT, RELAXED, INSECURE } = require('./layout').validation;

const FLAG = '--insecure-http-parser';
/** Node 24 and later tell what the process was started with, and warn of it, when they are asked about a message that says nothing. */
const { _isLenientHeaderValidation: askNode } = http.OutgoingMessage.prototype;

/** @return {boolean} what the command line and, before it, NODE_OPTIONS say last */
function readFlags() {
  let insecure = false;
  for (const flag of each([...split(process.env.NODE_OPTIONS ?? '', /\s+/), ...process.execArgv])) {
    const name = flag.replaceAll('_', '-');
    if (name === FLAG) insecure = true;
    else if (name === `--no-${FLAG.slice(2)}`) insecure = false;
  }
  return insecure;
}

/** They are read when this is loaded: `process.execArgv` and the environment may change. */
const startedInsecure = askNode === undefined && readFlags();

function askFlags() {
  if (startedInsecure) process.emitWarning('Using insecure HTTP parsing');
  return startedInsecure;
}

let insecureProcess;

/** @return {boolean} --insecure-http-parser; the first to ask makes Node's warning appear */
function isProcessInsecure() {
  insecureProcess ??= askNode === undefined ? askFlags() : askNode.call({});
  return insecureProcess;
}

/**
 * @param {{httpValidation?: string, insecureHTTPParser?: boolean}} owner a server or a request
 * @return {number} STRICT, RELAXED or INSECURE: how what comes is parsed
 */
function parserLeniency({ httpValidation, insecureHTTPParser }) {
  if (httpValidation === 'strict') return STRICT;
  if (httpValidation === 'relaxed') return RELAXED;
  if (httpValidation === 'insecure') return INSECURE;
  return (insecureHTTPParser === undefined ? isProcessInsecure() : insecureHTTPParser) ? INSECURE : STRICT;
}

/** @return {boolean|null} whether values of fields may be sent that are not valid; null: `owner` does not say */
function fieldLeniency({ httpValidation, insecureHTTPParser }) {
  if (httpValidation !== undefined) return httpValidation !== 'strict';
  return typeof insecureHTTPParser === 'boolean' ? insecureHTTPParser : null;
}

/**
 * @param {import('http').OutgoingMessage} message
 * @return {boolean} whether it may send values that are not valid: as it says itself, its server, or the process
 */
function isLenientSender(message) {
  const server = message.req?.socket?.server;
  const validation = message.httpValidation === undefined ? server?.httpValidation : message.httpValidation;
  if (validation !== undefined) return validation !== 'strict';
  return fieldLeniency(message) ?? (server ? fieldLeniency(server) : null) ?? isProcessInsecure();
}

module.exports = { STRICT, RELAXED, INSECURE, parserLeniency, fieldLeniency, isLenientSender };
