'use strict';

/** @return {boolean} whether a case may come in several reads */
const isSplit = ({ cuts, over }) => cuts.length > 0 || over !== undefined;

/** @return {boolean} whether all implementations get the same reads of it: no kernel stands between, or there is one read */
const isReadAlike = (one) => one.text.length < 60_000 && (one.over === undefined ? !isSplit(one) : one.over.stream.endsWith('memory'));

/**
 * What two outcomes of one case are compared by. Some of what a user sees depends on which ticks run between two parses of one
 * packet, or on where reads ended; that is left out here, and only that:
 * - where an error stands in its packet, when the case came in several writes over sockets (both packets may have been read as one);
 * - after an error: how much of the body of the message at fault, or of earlier ones, was handed over before it, whether these had
 *   'end' or 'aborted', and what was answered. What was framed still counts, through the error's position;
 * - which bytes of a switched protocol came as `head`, then as well.
 */
function essence(outcome, one) {
  const whole = isReadAlike(one);
  const failed = outcome.errors.length > 0;
  const errors = outcome.errors.map(({ code, reason, bytesParsed, packet }) => (whole ? `${code} ${reason} ${bytesParsed}/${packet}` : `${code} ${reason}`));
  const messages = outcome.messages.map(({ kind, head, body, end, error, first, raw }) => {
    const stream = first === undefined ? [] : [whole ? [first, raw] : first + raw];
    return failed ? [kind, head, ...stream] : [kind, head, body, end, error, ...stream];
  });
  return { messages, errors, wire: failed ? undefined : outcome.wire, closed: outcome.closed };
}

/** @return {boolean} whether two outcomes of a case are the same */
function same(a, b, one) {
  return JSON.stringify(essence(a, one)) === JSON.stringify(essence(b, one));
}

module.exports = { essence, isSplit, same };
