/**
 * How long the parts of a page may be, in bytes as they are written (names that must be escaped: also as they
 * are printed).
 *
 * They are checked on the bytes, before anything makes a string of them. A page that goes beyond one
 * is refused as too large. Client libraries write nothing that comes near.
 */
import { ExpositionError } from './error.ts';

/** Names of metrics and labels, without quotes. */
export const MAX_NAME_BYTES = 4_096;
/** Label values without quotes, and the texts of HELP and UNIT. */
export const MAX_TEXT_BYTES = 65_536;
/** A line with its line feed. */
export const MAX_LINE_BYTES = 1_048_576;

const LINE_FEED = 10;

/**
 * Looks for a line that is too long. Of a page with short lines it reads only some bytes of each MiB.
 *
 * @param length - bytes of the page; behind them stands a line feed
 * @throws {ExpositionError} naming the line
 */
export function checkLineLengths(bytes: Buffer, length: number): void {
  let from = 0;
  while (length - from >= MAX_LINE_BYTES) {
    const end = bytes.lastIndexOf(LINE_FEED, from + MAX_LINE_BYTES - 1);
    if (end < from) throw new ExpositionError('too-large', bytes, from, 'a line of over 1 MiB');
    from = end + 1;
  }
}
