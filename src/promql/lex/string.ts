/** Strings in a query: where they end, what is wrong with them, and what they say. */

import { describeCharacter } from '../literal/quote.ts';
import { LINE_FEED } from './characters.ts';

/** The end of a string, or why there is none. */
export type ScannedString = { readonly end: number } | { readonly fault: string };

const BACKSLASH = 92;
const BACKQUOTE = 96;
const REPLACEMENT = 0xfffd;
const SIMPLE: ReadonlyMap<string, number> = new Map([
  ['a', 7],
  ['b', 8],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['v', 11],
  ['\\', 92],
]);
/** Of each kind of escape: how many digits, to which base, and the largest value. */
const NUMERIC = {
  octal: { digits: 3, base: 8, max: 255 },
  x: { digits: 2, base: 16, max: 255 },
  u: { digits: 4, base: 16, max: 0x10ffff },
  U: { digits: 8, base: 16, max: 0x10ffff },
};

/**
 * Finds the end of the string that begins at `at` with `"`, `'` or a backquote.
 *
 * U+FFFD and lone surrogates are no text: they are what decoders make of bytes that are no UTF-8.
 */
export function scanString(text: string, at: number): ScannedString {
  const quote = text.charCodeAt(at);
  let p = at + 1;
  for (;;) {
    const code = text.charCodeAt(p);
    if (code === quote) return { end: p + 1 };
    if (Number.isNaN(code) || (code === LINE_FEED && quote !== BACKQUOTE)) {
      return { fault: `unterminated ${quote === BACKQUOTE ? 'raw' : 'quoted'} string` };
    }
    if (code === BACKSLASH && quote !== BACKQUOTE) {
      const escaped = scanEscape(text, p + 1, quote);
      if ('fault' in escaped) return escaped;
      p = escaped.end;
    } else if (code >= 0xd800 && (code === REPLACEMENT || code <= 0xdfff)) {
      const codePoint = text.codePointAt(p)!;
      if (codePoint < 0x10000) return { fault: 'invalid UTF-8 rune' };
      p += 2;
    } else {
      p += 1;
    }
  }
}

/** The kind of escape that the character at `at`, behind a backslash, begins. */
function numericEscape(character: string): keyof typeof NUMERIC | undefined {
  if (character >= '0' && character <= '7') return 'octal';
  return character === 'x' || character === 'u' || character === 'U' ? character : undefined;
}

function scanEscape(text: string, at: number, quote: number): ScannedString {
  if (at >= text.length) return { fault: 'escape sequence not terminated' };
  const character = text.charAt(at);
  if (SIMPLE.has(character) || text.charCodeAt(at) === quote) return { end: at + 1 };
  const kind = numericEscape(character);
  if (kind === undefined) {
    return { fault: `unknown escape sequence ${describeCharacter(codePointAt(text, at))}` };
  }
  const { digits, base, max } = NUMERIC[kind];
  const first = kind === 'octal' ? at : at + 1;
  for (let p = first; p < first + digits; p++) {
    if (p >= text.length) return { fault: 'escape sequence not terminated' };
    if (Number.isNaN(digitOf(text, p, base))) {
      const found = describeCharacter(codePointAt(text, p));
      return { fault: `illegal character ${found} in escape sequence` };
    }
  }
  const value = Number.parseInt(text.slice(first, first + digits), base);
  if (value > max || (value >= 0xd800 && value < 0xe000)) {
    return { fault: 'escape sequence is an invalid Unicode code point' };
  }
  return { end: first + digits };
}

function digitOf(text: string, at: number, base: number): number {
  return Number.parseInt(text.charAt(at), base);
}

/** The code point at `at`; U+FFFD for a lone surrogate. */
function codePointAt(text: string, at: number): number {
  const codePoint = text.codePointAt(at)!;
  return codePoint >= 0xd800 && codePoint <= 0xdfff ? REPLACEMENT : codePoint;
}

/**
 * Gives what a string says.
 *
 * @param quoted - a string that `scanString` found, with its quotes
 * @returns the text, in which a lone surrogate stands for each byte that is no UTF-8
 */
export function unquote(quoted: string): string {
  const inner = quoted.slice(1, -1);
  if (quoted.charCodeAt(0) === BACKQUOTE || !inner.includes('\\')) return inner;
  const bytes: number[] = [];
  let p = 0;
  while (p < inner.length) {
    if (inner.charCodeAt(p) !== BACKSLASH) {
      const next = inner.indexOf('\\', p);
      const end = next < 0 ? inner.length : next;
      for (const byte of Buffer.from(inner.slice(p, end))) bytes.push(byte);
      p = end;
      continue;
    }
    p = pushEscape(inner, p + 1, bytes);
  }
  return decode(bytes);
}

/** Adds the bytes of the escape behind a backslash; returns where the escape ends. */
function pushEscape(text: string, at: number, bytes: number[]): number {
  const character = text.charAt(at);
  const kind = numericEscape(character);
  if (kind === undefined) {
    bytes.push(SIMPLE.get(character) ?? text.charCodeAt(at));
    return at + 1;
  }
  const { digits, base } = NUMERIC[kind];
  const first = kind === 'octal' ? at : at + 1;
  const value = Number.parseInt(text.slice(first, first + digits), base);
  if (kind === 'octal' || kind === 'x') bytes.push(value);
  else bytes.push(...Buffer.from(String.fromCodePoint(value)));
  return first + digits;
}

/** Decodes UTF-8; each byte that is none becomes U+DC00 plus the byte. */
function decode(bytes: readonly number[]): string {
  const buffer = Buffer.from(bytes);
  const text = buffer.toString();
  if (!text.includes('\ufffd')) return text;
  let decoded = '';
  for (let p = 0; p < buffer.length; ) {
    const length = sequenceLength(buffer[p]!);
    const one = buffer.toString('utf8', p, p + length);
    const isText = one.length > 0 && Buffer.from(one).equals(buffer.subarray(p, p + length));
    decoded += isText ? one : String.fromCharCode(0xdc00 + buffer[p]!);
    p += isText ? length : 1;
  }
  return decoded;
}

function sequenceLength(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}
