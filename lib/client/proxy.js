'use strict';

/**
 * Proxies: what an agent's `proxyEnv` says (HTTP_PROXY, HTTPS_PROXY, NO_PROXY, and the same in lower case, which go first), for which servers, and what
 * a request through one says instead. As in Node 26, on every Node. A request of http names its whole URL to the proxy (RFC 9112 §3.2.2); one of https
 * goes through a tunnel: see proxy-tunnel.js.
 */

const net = require('node:net');
const { URL } = require('node:url');
const { nodeError } = require('../base/errors');
const { kProxyConfig } = require('../base/node-internals');
const { Array, Boolean, Buffer, Number, String, each, split, toLowerCase } = require('../base/primordials');
const { validatePort } = require('../base/validators');

/** The standard ports of proxies, by the scheme they are spoken to in. */
const PORTS = { 'http:': 80, 'https:': 443 };

/** The proxy of an agent. Its members are those of Node's: node:http's own requests may go through an agent of ours. */
class Proxy {
  /** @param {string} url @param {string} [noProxy] hosts that are asked directly */
  constructor(url, noProxy) {
    let parsed;
    try {
      parsed = new URL(url);
    } catch {
      throw nodeError('ERR_PROXY_INVALID_CONFIG', `Invalid proxy URL: ${url}`);
    }
    const { hostname, port, protocol, username, password } = parsed;
    this.href = url;
    this.protocol = protocol;
    if (username || password) {
      const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
      this.auth = `Basic ${Buffer.from(credentials).toString('base64')}`;
      // Errors and logs name it.
      parsed.username = '';
      parsed.password = '';
      this.href = parsed.href;
    }
    this.bypassList = noProxy ? split(noProxy, ',').map((entry) => toLowerCase(entry.trim())) : [];
    this.proxyConnectionOptions = { host: hostname[0] === '[' ? hostname.slice(1, -1) : hostname, port: port ? Number(port) : PORTS[protocol] };
  }

  /** @param {string} hostname @param {number|string} [port] @return {boolean} */
  shouldUseProxy(hostname, port) {
    const host = toLowerCase(hostname);
    const withPort = port ? `${host}:${port}` : host;
    for (const entry of each(this.bypassList)) if (entry === '*' || entry === host || entry === withPort || covers(entry, host)) return false;
    return true;
  }
}

/** @return {boolean} whether an entry for more than one host means this one: `.domain` (and the domain itself), `*.domain`, `1.2.3.4-1.2.3.9` */
function covers(entry, host) {
  if (entry[0] === '.' && (host.endsWith(entry) || host === entry.slice(1))) return true;
  if (entry.startsWith('*.') && host.endsWith(entry.slice(1))) return true;
  if (!entry.includes('-') || !net.isIPv4(host)) return false;
  const [first, last] = split(entry, '-').map((end) => end.trim());
  if (!net.isIPv4(first) || !net.isIPv4(last)) return false;
  const address = numberOf(host);
  return address >= numberOf(first) && address <= numberOf(last);
}

/** @return {number} an IPv4 address */
function numberOf(address) {
  return split(address, '.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
}

/** @param {object} env @param {string} scheme of the servers @return {string|null} the proxy's URL */
function proxyUrl(env, scheme) {
  const url = scheme === 'https:' ? env.https_proxy || env.HTTPS_PROXY : env.http_proxy || env.HTTP_PROXY;
  if (!url) return null;
  if (url.includes('\r') || url.includes('\n')) throw nodeError('ERR_PROXY_INVALID_CONFIG', `Invalid proxy URL: ${url}`);
  return url;
}

/** @return {Proxy|null} null: none is named, or one that speaks another protocol, which is somebody else's */
function proxyIn(env, scheme) {
  if (scheme !== 'http:' && scheme !== 'https:') return null;
  const url = proxyUrl(env, scheme);
  if (url === null || !(url.startsWith('http://') || url.startsWith('https://'))) return null;
  return new Proxy(url, env.no_proxy || env.NO_PROXY);
}

/** An agent whose options name proxies gets its own. @param {http.Agent} agent whose `options` and `protocol` are set */
function takeProxy(agent) {
  const { proxyEnv } = agent.options;
  if (typeof proxyEnv === 'object' && proxyEnv !== null) agent[kProxyConfig] = proxyIn(proxyEnv, agent.protocol);
}

/**
 * @param {http.Agent|null|undefined} agent ours or Node's
 * @param {{ host?: string, port?: number|string, socketPath?: string }} options where to
 * @return {Proxy|null} what a connection to there leads through
 */
function proxyFor(agent, { host, port, socketPath }) {
  const proxy = agent?.[kProxyConfig];
  return proxy && !socketPath && proxy.shouldUseProxy(host || 'localhost', port) ? proxy : null;
}

/** @throws {Error} ERR_PROXY_INVALID_CONFIG @return {boolean} whether `env` names a proxy for http or https */
function namesProxy(env) {
  const urls = [proxyUrl(env, 'http:'), proxyUrl(env, 'https:')];
  for (const url of each(urls)) if (url !== null && !URL.canParse(url)) throw nodeError('ERR_PROXY_INVALID_CONFIG', url);
  return urls[0] !== null || urls[1] !== null;
}

// ---- the request -------------------------------------------------------------------------------------------------------

/**
 * A request of http that goes through a proxy says so, and to whom.
 * @param {import('./client-request').ClientRequest} req whose head has not been made yet
 * @param {object} options the request's
 * @param {{ host: string, port: number|string }} authority where to, an IPv6 address in brackets
 * @param {string} [host] the field Host that the program has set
 * @return {boolean} whether its path is a URL now
 */
function rewriteForProxy(req, options, authority, host) {
  const { agent } = req;
  if (req._header || !agent?.[kProxyConfig] || (options.protocol || agent.protocol) !== 'http:') return false;
  const proxy = proxyFor(agent, options);
  if (proxy === null) return false;
  // These two name no resource of a server behind the proxy.
  const isRewritten = req.method !== 'CONNECT' && !(req.method === 'OPTIONS' && req.path === '*');
  const url = isRewritten ? urlOf(req, options, authority, host) : null;
  if (proxy.auth) req.setHeader('proxy-authorization', proxy.auth);
  req.setHeader('proxy-connection', req.shouldKeepAlive ? 'keep-alive' : 'close');
  if (isRewritten) req.path = url.href;
  return isRewritten;
}

/** The URL that the proxy is told, which must not contradict the rest: who checks the one may have looked at the other (RFC 9112 §3.2). */
function urlOf(req, { headers }, { host, port }, givenHost) {
  validatePort(port, 'options.port');
  const base = new URL(`http://${host}`);
  base.port = port;
  if (Array.isArray(headers)) {
    // What stands in a list is not changed.
    const listed = hostIn(headers);
    if (listed !== undefined && listed !== base.host) throw contradiction('Host in options.headers', listed, base);
  } else {
    if (givenHost !== undefined && !isAuthority(givenHost, base.host)) throw contradiction('Host in options.headers', givenHost, base);
    const field = req.getHeader('host');
    if (field !== undefined && field !== base.host) req.setHeader('Host', base.host);
  }
  const path = String(req.path);
  if (!URL.canParse(path)) {
    if (path[0] !== '/') throw nodeError('ERR_INVALID_ARG_VALUE', 'options.path', path, 'must be in absolute-form or start with /');
    return new URL(base.origin + path);
  }
  const url = new URL(path);
  if (url.username || url.password) {
    url.username = '';
    url.password = '';
    throw nodeError('ERR_INVALID_ARG_VALUE', 'options.path', url.href, 'must not contain userinfo, use options.auth instead');
  }
  if (url.protocol !== 'http:') {
    throw nodeError('ERR_INVALID_ARG_VALUE', 'options.path', url.protocol, 'must use http: scheme when specified as an absolute URL');
  }
  if (url.host !== base.host) throw contradiction('options.path', url, base);
  return url;
}

function contradiction(what, value, base) {
  return nodeError('ERR_INVALID_ARG_VALUE', what, value, `must match the request authority (${base.host})`);
}

/** @return {boolean} whether a field Host means `host` */
function isAuthority(field, host) {
  const text = `http://${field}`;
  if (!URL.canParse(text)) return false;
  const { username, password, pathname, search, hash, host: named } = new URL(text);
  return !username && !password && pathname === '/' && !search && !hash && named === host;
}

/** @param {Array} headers `[name, value, …]` or `[[name, value], …]` @return {string|undefined} the value of Host */
function hostIn(headers) {
  const arePairs = Array.isArray(headers[0]);
  let host;
  for (let i = 0; arePairs ? i < headers.length : i + 1 < headers.length; i += arePairs ? 1 : 2) {
    if (arePairs && !Array.isArray(headers[i])) {
      throw nodeError('ERR_INVALID_ARG_VALUE', `options.headers[${i}]`, typeof headers[i], 'must be an array when headers is passed as an array of pairs');
    }
    const [name, value] = arePairs ? headers[i] : [headers[i], headers[i + 1]];
    if (toLowerCase(`${name}`) !== 'host') continue;
    if (host !== undefined) throw nodeError('ERR_INVALID_ARG_VALUE', 'options.headers', '(redacted)', 'must not contain duplicate Host headers');
    host = `${value}`;
  }
  return host;
}

module.exports = { takeProxy, proxyFor, proxyUrl, namesProxy, rewriteForProxy, hasProxy: (agent) => Boolean(agent[kProxyConfig]) };
