'use strict';

/** The process that programs send their sockets to; it is made when one does, and ended after the program. */

const { fork } = require('node:child_process');
const path = require('node:path');
const { codeOf } = require('./record');

const SCRIPT = path.join(__dirname, 'child.js');
let child = null;
let sent = [];

function childOf() {
  if (child === null) {
    child = fork(SCRIPT, { stdio: 'ignore' });
    child.on('message', ({ name, got }) => sent.find((entry) => entry.name === name)?.told(got));
    child.on('error', () => {});
  }
  return child;
}

/** Sends `socket` as `name`, and writes down what both sides say of it. */
function sendToChild(stage, call, name, socket, keepOpen) {
  stage.pending += 1;
  let open = true;
  const told = (got) => {
    if (open) stage.pending -= 1;
    open = false;
    stage.record.note(`${call} child got`, got);
  };
  sent.push({ name, told });
  try {
    childOf().send({ name }, socket, { keepOpen }, (error) => {
      stage.record.fault(`${call} sent`, error ?? undefined);
      if (error) told('nothing');
    });
  } catch (error) {
    if (open) stage.pending -= 1;
    open = false;
    throw Object.assign(error, { code: codeOf(error) });
  }
}

/** @return {Promise<void>} once the child has gone */
function endChild() {
  const old = child;
  child = null;
  sent = [];
  if (old === null) return Promise.resolve();
  return new Promise((resolve) => {
    old.once('exit', resolve);
    old.kill('SIGKILL');
  });
}

module.exports = { endChild, sendToChild };
