/**
 * How long the parts of a page may be, in bytes as the app writes them. Names that promgate escapes
 * must fit as promgate prints them, too.
 *
 * The parser checks the bytes before it makes strings of them, and refuses a page with a longer
 * part as `too-large`. Client libraries stay far below these bounds.
 */
import { ExpositionError } from './error.ts';

/** Bound on names of metrics and labels, without quotes. */
export const MAX_NAME_BYTES = 4_096;
/** Bound on label values, without quotes, and on the texts of HELP and UNIT. */
export const MAX_TEXT_BYTES = 65_536;
/** Bound on a line, with its line feed. */
export const MAX_LINE_BYTES = 1_048_576;

const LINE_FEED = 10;

/**
 * Looks for a line that is too long. Reads only a few bytes of each MiB when lines are short.
 *
 * @param length - bytes of the page; a line feed follows them
 * @throws {ExpositionError} `too-large`, with the number of the line
 */
export function checkLineLengths(bytes: Buffer, length: number): void {
  let from = 0;
  while (length - from >= MAX_LINE_BYTES) {
    const end = bytes.lastIndexOf(LINE_FEED, from + MAX_LINE_BYTES - 1);
    if (end < from) throw new ExpositionError('too-large', bytes, from, 'the line is over 1 MiB');
    from = end + 1;
  }
}
