'use strict';

/** A process that plays programs on one implementation, one after the other, as its parent asks. Usage: fork('worker.js', [node | inline | threads | streams, turnout]) */

const { Stage } = require('./stage');
const { endChild } = require('./children');
const { codeOf } = require('./record');

const [, , lane, turnout] = process.argv;
const LANES = {
  node: () => [require('node:http'), {}],
  inline: () => [require(turnout), { threads: 0 }],
  threads: () => [require(turnout), { threads: 1 }],
  streams: () => [require(turnout), {}],
};
const [http, driver] = LANES[lane]();

let stage = null;
const send = process.send.bind(process);

process.on('uncaughtException', (error) => stage?.record.fault('uncaught', error));
process.on('unhandledRejection', (error) => stage?.record.fault('unhandled rejection', error));
// Warnings of deprecated calls say nothing of a program.
process.on('warning', () => {});

process.on('message', async ({ one, pace }) => {
  stage = new Stage(http, driver, one, pace);
  let facts;
  try {
    facts = await stage.play();
  } catch (error) {
    facts = { 'the stage failed': `${codeOf(error)} ${error.stack}` };
  }
  await endChild();
  send({ facts, clean: stage.clean === true });
});
send({ ready: true });
