/**
 * Strings in quotes: label values, and names of Prometheus 3.
 */
import { STRING_STOP } from './grammar.ts';

const LINE_FEED = 10;
const QUOTE = 34;
const BACKSLASH = 92;

/**
 * @param at - the opening quote
 * @returns the offset behind the closing quote; -1 when the line ends first
 */
export function skipString(bytes: Buffer, at: number, classes: Uint8Array): number {
  let p = at + 1;
  for (;;) {
    while ((classes[bytes[p]!]! & STRING_STOP) === 0) p++;
    const byte = bytes[p]!;
    if (byte === QUOTE) return p + 1;
    // Prometheus takes a NUL behind a backslash for the end of the page.
    if (byte !== BACKSLASH || bytes[p + 1] === LINE_FEED || bytes[p + 1] === 0) return -1;
    p += 2;
  }
}
