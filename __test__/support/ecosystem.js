'use strict';

/** Runs real packages on turnout: each scenario in a process of its own, with `http` being turnout for every module in it. */

const { run } = require('./child');

const MARK = 'RESULT ';
/** node:http is the same under every driver: it is asked in the run that names none. */
const CONTROL = !process.env.TURNOUT_DRIVER;

/**
 * Defines a test: the scenario gives what is expected on turnout, and on node:http, which shows that the scenario is right.
 * @param {string} name
 * @param {Function} scenario `async (kit, require, argument)`, the kit being ecosystem-kit.js; its text goes to the child, so it closes over nothing
 * @param {*} expected what it resolves to
 * @param {*} [argument] for the scenario
 */
function runsOnTurnout(name, scenario, expected, argument) {
  it(name, async () => {
    const [ours, nodes] = await Promise.all([play(scenario, { argument }), CONTROL ? play(scenario, { argument, host: 'node:http' }) : expected]);
    expect(nodes).toEqual(expected);
    expect(ours).toEqual(expected);
  });
}

/**
 * @param {Function} scenario
 * @param {object} [options] `argument`; `host`: 'turnout' or 'node:http'; `register`: whether packages get turnout, too; `node`: the binary
 * @return {Promise<*>} what the scenario resolved to; rejects unless the process then ended by itself
 */
async function play(scenario, { argument = null, host = 'turnout', register = host === 'turnout', node } = {}) {
  const text = `require('./__test__/support/ecosystem-kit').play(${scenario}, require, ${JSON.stringify(argument)}, ${JSON.stringify(host)})`;
  const { code, signal, out, err } = await run([...(register ? ['--require', './register.js'] : []), '-e', text], { node });
  const line = out.split('\n').find((each) => each.startsWith(MARK));
  if (code !== 0 || line === undefined) throw new Error(`on ${host}: exit ${code ?? signal}\n${out}\n${err}`);
  return JSON.parse(line.slice(MARK.length));
}

module.exports = { runsOnTurnout, play };
