'use strict';

/**
 * Which connection a record is about. Records name connections by index, `number * STRIDE + thread`, dense by thread and reused only after the
 * last record about its owner.
 */

const { expectNoMore, expectRecords } = require('./binding');
const { STRIDE_BITS } = require('./layout').limits;
const { Array, Set } = require('../base/primordials');

const STRIDE = 1 << STRIDE_BITS;

/** By thread, then by number. @type {import('../connection/connection').Connection[][]} */
const threads = Array.from({ length: STRIDE }, () => []);

module.exports = {
  /** @return {import('../connection/connection').Connection|undefined} */
  connectionAt: (index) => threads[index & (STRIDE - 1)][index >>> STRIDE_BITS],
  /** Records that name this connection's index are its own from here on. */
  addConnection(connection) {
    expectRecords();
    threads[connection.index & (STRIDE - 1)][connection.index >>> STRIDE_BITS] = connection;
  },
  /** The last record that names the index has come. */
  removeConnection(index) {
    threads[index & (STRIDE - 1)][index >>> STRIDE_BITS] = undefined;
    expectNoMore();
  },
  /** @return {import('../connection/connection').Connection[]} all there were; now there are none */
  removeAll() {
    const all = threads.flatMap((list) => list.splice(0).filter((one) => one !== undefined));
    for (let left = all.length; left > 0; left--) expectNoMore();
    return [...new Set(all)];
  },
  /** Whether the inline driver has the connection, rather than a thread. */
  isInline: ({ index }) => (index & (STRIDE - 1)) === 0,
  /** How many indices have an owner. */
  count: () => threads.reduce((sum, list) => sum + list.reduce((n, one) => n + (one === undefined ? 0 : 1), 0), 0),
};
