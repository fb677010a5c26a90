'use strict';

/** A lane of each kind for each implementation: one case at a time through all of them. */

const { same } = require('./compare');
const { allowedAs } = require('./allowed');
const { ClientLane } = require('./client-lane');
const { ServerLane } = require('./server-lane');
const { requestCase } = require('./requests');
const { responseCase } = require('./responses');
const { overStream, throughEmit } = require('./ways');

/** The third driver is a stream that an implementation is given; node:http has the same. */
const SIDES = {
  requests: {
    caseOf: requestCase,
    lanes: (node, turnout) => ({ node: new ServerLane(node), inline: new ServerLane(turnout, { threads: 0 }), threads: new ServerLane(turnout, { threads: 1 }) }),
  },
  // Which driver a client has is the environment's: TURNOUT_DRIVER.
  responses: {
    caseOf: responseCase,
    lanes: (node, turnout) => ({ node: new ClientLane(node), client: new ClientLane(turnout) }),
  },
  'stream-requests': {
    caseOf: (n, options) => overStream(requestCase(n, options)),
    lanes: (node, turnout) => ({ node: new ServerLane(node, {}, throughEmit), streams: new ServerLane(turnout, {}, throughEmit) }),
  },
  'stream-responses': {
    caseOf: (n, options) => overStream(responseCase(n, options)),
    lanes: (node, turnout) => ({ node: new ClientLane(node, true), streams: new ClientLane(turnout, true) }),
  },
};

class Players {
  #lanes;

  /** @param {string} side of SIDES @param {object} node node:http @param {object} turnout */
  constructor(side, node, turnout) {
    this.#lanes = SIDES[side].lanes(node, turnout);
  }

  /** @return {Promise<{outcomes: object, difference: string|undefined, allowed: string|undefined}>} `difference`: the lane that shows one */
  async judge(one) {
    const names = Object.keys(this.#lanes);
    const played = await Promise.all(names.map((name) => this.#lanes[name].play(one)));
    const outcomes = Object.fromEntries(names.map((name, n) => [name, played[n]]));
    let allowed;
    for (const name of names.slice(1)) {
      if (same(outcomes.node, outcomes[name], one)) continue;
      allowed = allowedAs(outcomes.node, outcomes[name], one);
      if (allowed === undefined) return { outcomes, difference: name };
    }
    return { outcomes, allowed };
  }

  close() {
    for (const lane of Object.values(this.#lanes)) lane.close();
  }
}

module.exports = { Players, SIDES };
