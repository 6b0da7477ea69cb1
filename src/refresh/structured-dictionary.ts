/**
 * Dictionaries of structured fields (RFC 8941, 4.2.2), as far as `CDN-Cache-Control` needs them: a
 * field that is not well-formed is ignored as a whole.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9213
 */
import type { Directives } from './cache-control.ts';

const KEY = /[a-z*][a-z0-9_.*-]*/y;
const INTEGER = /-?\d{1,15}(?![\d.])/y;
const DECIMAL = /-?\d{1,12}\.\d{1,3}(?!\d)/y;
const STRING = /"(?:[ !#-[\]-~]|\\["\\])*"/y;
const TOKEN = /[A-Za-z*][!#$%&'*+.^_`|~\w:/-]*/y;
const BYTES = /:[A-Za-z0-9+/=]*:/y;
const BOOLEAN = /\?[01]/y;
const BLANKS = /[ \t]*/y;
const ITEMS = [DECIMAL, INTEGER, STRING, TOKEN, BYTES, BOOLEAN] as const;

/** Seconds that the field gives: its integers must have the type that the directive asks for. */
const NUMERIC: ReadonlySet<string> = new Set([
  'max-age',
  's-maxage',
  'stale-while-revalidate',
  'stale-if-error',
]);

/**
 * @param value - of all lines of the field, joined by commas
 * @returns its directives; undefined if it is empty or not valid, and `Cache-Control` counts
 */
export function parseTargetedCacheControl(value: string | undefined): Directives | undefined {
  if (value === undefined) return undefined;
  const members = parseDictionary(value);
  if (!members || members.size === 0) return undefined;
  const directives = new Map<string, string>();
  for (const [name, item] of members) {
    if (item === '?0') continue; // a directive that is false is none
    const isSeconds = /^\d+$/.test(item);
    if (NUMERIC.has(name) && !isSeconds) return undefined;
    directives.set(name, isSeconds ? item : '');
  }
  return directives;
}

/** Bare items by key as they are written, `?1` where the key stands alone; the last of a key counts. */
function parseDictionary(text: string): Map<string, string> | undefined {
  const scanner = new Scanner(text);
  const members = new Map<string, string>();
  while (scanner.skip(' '));
  if (scanner.atEnd) return members;
  for (;;) {
    const key = scanner.take(KEY);
    if (key === undefined) return undefined;
    const item = scanner.skip('=') ? scanner.member() : '?1';
    if (item === undefined || !scanner.parameters()) return undefined;
    members.set(key, item);
    scanner.take(BLANKS);
    if (scanner.atEnd) return members;
    if (!scanner.skip(',')) return undefined;
    scanner.take(BLANKS);
  }
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  skip(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  item(): string | undefined {
    for (const pattern of ITEMS) {
      const found = this.take(pattern);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** An item, or an inner list, which no directive of ours takes. */
  member(): string | undefined {
    if (!this.skip('(')) return this.item();
    for (;;) {
      while (this.skip(' '));
      if (this.skip(')')) return '()';
      if (this.item() === undefined || !this.parameters()) return undefined;
      if (![' ', ')'].includes(this.#text[this.#at] ?? '')) return undefined;
    }
  }

  parameters(): boolean {
    while (this.skip(';')) {
      while (this.skip(' '));
      if (this.take(KEY) === undefined) return false;
      if (this.skip('=') && this.item() === undefined) return false;
    }
    return true;
  }
}
