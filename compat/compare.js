'use strict';

/**
 * Lays our face beside the running Node's and Node 26's. A member is right when it is as either has it: a user of an older Node
 * may expect what that Node has, or what Node 26 documents.
 */

const DOCUMENTED = require('./documented');

/** @typedef {{value: string, form: string, flags: string, own: boolean}} Member */

/**
 * How two members differ.
 * @param {Member|undefined} node @param {Member|undefined} ours
 * @return {string[]} of 'absent', 'extra', 'value', 'writable', 'enumerable', 'configurable', 'form', 'own'; empty when they are alike
 */
function differences(node, ours) {
  if (node === undefined && ours === undefined) return [];
  if (ours === undefined) return ['absent'];
  if (node === undefined) return ['extra'];
  const kinds = [];
  for (const kind of ['value', 'form', 'own']) if (node[kind] !== ours[kind]) kinds.push(kind);
  ['writable', 'enumerable', 'configurable'].forEach((kind, at) => {
    if (node.flags[at] !== ours.flags[at]) kinds.push(kind);
  });
  // On a prototype's accessor no value is read: one in the place of a data property has nothing to compare.
  if (kinds.includes('form') && (node.value === 'accessor') !== (ours.value === 'accessor')) return kinds.filter((kind) => kind !== 'value');
  return kinds;
}

/**
 * @param {Record<string, Member>} host the running Node's face
 * @param {Record<string, Member>} newest Node 26's
 * @param {Record<string, Member>} ours
 * @return {Array<{path: string, node: Member|undefined, ours: Member|undefined, kinds: string[], reason: string|null}>} one row per
 *   member; without kinds: alike; `reason`: why it differs, when that is documented
 */
function compare(host, newest, ours) {
  const paths = new Set([...Object.keys(host), ...Object.keys(newest), ...Object.keys(ours)]);
  return [...paths].map((path) => {
    const toHost = differences(host[path], ours[path]);
    const toNewest = differences(newest[path], ours[path]);
    const kinds = toHost.filter((kind) => toNewest.includes(kind) || toNewest.includes('absent') || toNewest.includes('extra'));
    const alike = toHost.length === 0 || toNewest.length === 0;
    return { path, node: host[path] ?? newest[path], ours: ours[path], kinds: alike ? [] : kinds, reason: alike ? null : reasonFor(path, kinds) };
  });
}

/** @return {string|null} the reason that documents every kind of the difference */
function reasonFor(path, kinds) {
  const reasons = new Set();
  for (const kind of kinds) {
    const entry = DOCUMENTED.find((one) => one.kinds.includes(kind) && one.where.test(path));
    if (entry === undefined) return null;
    reasons.add(entry.reason);
  }
  return [...reasons].join('; ');
}

module.exports = { compare };
