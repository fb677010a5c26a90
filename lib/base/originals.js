'use strict';

/**
 * Whether certain functions of Node's are still Node's. A program may put its own in their place: mocks, guards that allow no network, and observers
 * do so with what opens connections. Turnout does these functions' work by itself while they are Node's, and calls what stands there as soon as they
 * are not. It may have been replaced before turnout was loaded, and be put back later. So a function is taken for Node's by its text, which says what
 * no text outside of Node does: names of values that only Node's own files have. A wrapper, a bound function or a Proxy has another text, whatever it
 * calls. A Node whose text is a new one costs speed and nothing else, and a test asks every Node that is supported.
 */

const net = require('node:net');
const http = require('./host-http');
const { Object, uncurryThis } = require('./primordials');

const textOf = uncurryThis(Function.prototype.toString);

/** Bun and Deno play Node as well as they can, with other texts: what they have when turnout is loaded is theirs. */
const hasOtherTexts = process.versions.bun !== undefined || process.versions.deno !== undefined;

class Original {
  #owner;
  #key;
  #words;
  /** What was last found to be Node's, and what was last found not to be. */
  #own;
  #other;

  /** @param {object} owner @param {string} key @param {...string} words one of which its text has */
  constructor(owner, key, ...words) {
    this.#owner = owner;
    this.#key = key;
    this.#words = words;
    if (hasOtherTexts) this.#own = owner[key];
  }

  /** Whether what stands there now is Node's. */
  get isThere() {
    const found = this.#owner[this.#key];
    return found === this.#own || (found !== this.#other && this.#look(found));
  }

  #look(found) {
    const text = typeof found === 'function' && !hasOtherTexts ? textOf(found) : '';
    const isOwn = this.#words.some((word) => text.includes(word));
    if (isOwn) this.#own = found;
    else this.#other = found;
    return isOwn;
  }
}

const { prototype: agent } = http.Agent;
const CONNECT = "debug('createConnection', normalized)";

/** What opens a connection by net's means. */
const connecting = [
  new Original(net.Socket.prototype, 'connect', '[normalizedArgsSymbol]'),
  new Original(net, 'connect', CONNECT),
  new Original(net, 'createConnection', CONNECT),
];

/** Of http.Agent.prototype. */
const ofAgent = {
  // Nodes that know nothing of proxies have net's.
  createConnection: new Original(agent, 'createConnection', 'checkShouldUseProxy(this[kProxyConfig]', CONNECT),
  addRequest: new Original(agent, 'addRequest', '[kRequestAsyncResource]'),
  removeSocket: new Original(agent, 'removeSocket', '[kRequestOptions]'),
  reuseSocket: new Original(agent, 'reuseSocket', "debug('have free socket')"),
  keepSocketAlive: new Original(agent, 'keepSocketAlive', 'NumberParseInt(hint)'),
  getName: new Original(agent, 'getName', 'options = kEmptyObject'),
};

/** @return {boolean} whether net connects as Node does, with nobody in between */
function netIsOriginal() {
  return connecting[0].isThere && connecting[1].isThere && connecting[2].isThere;
}

module.exports = { Original, netIsOriginal, ofAgent, ORIGINALS: [...connecting, ...Object.values(ofAgent)] };
