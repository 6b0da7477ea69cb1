/**
 * Strings in quotes: label values, and UTF-8 names (Prometheus 3).
 */
import { STRING_STOP } from './grammar.ts';

const LINE_FEED = 10;
const QUOTE = 34;
const BACKSLASH = 92;

/**
 * Skips a string in quotes.
 *
 * @param at - the offset of the opening quote
 * @param classes - of the page's grammar
 * @returns the offset after the closing quote; -1 when the line ends or an escape is malformed
 */
export function skipString(bytes: Buffer, at: number, classes: Uint8Array): number {
  let p = at + 1;
  for (;;) {
    while ((classes[bytes[p]!]! & STRING_STOP) === 0) p++;
    const byte = bytes[p]!;
    if (byte === QUOTE) return p + 1;
    // Prometheus takes a NUL after a backslash for the end of the page.
    if (byte !== BACKSLASH || bytes[p + 1] === LINE_FEED || bytes[p + 1] === 0) return -1;
    p += 2;
  }
}
