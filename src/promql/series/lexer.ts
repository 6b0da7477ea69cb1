/**
 * The lexer of the notation of series: `metric{label="value"} 1 2+3x4 _ stale {{schema:0 count:3 buckets:[1 2]}}`.
 *
 * The notation is that of Prometheus' unit tests for rules. The name and the labels are read as in a query; after them,
 * blanks are tokens of their own, and a digit never begins a hexadecimal number, since `x` repeats a value.
 */
import { isAlpha, isAlphanumeric, isBlank, isDigit } from '../lex/characters.ts';
import { Lexer } from '../lex/lexer.ts';
import { endOfDecimal, scanNumberOrDuration } from '../lex/number.ts';
import { keywordOf, type TokenKind } from '../lex/token.ts';
import { quoteCharacter, quoteText } from '../literal/quote.ts';

/** What a token may be besides those of a query. */
type SeriesTokenKind = TokenKind | 'space' | 'x' | '_' | '{{' | '}}' | 'histogram-key' | 'hint';

export interface SeriesToken {
  readonly kind: SeriesTokenKind;
  /** As written; the message of an error. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const KEYS: ReadonlySet<string> = new Set([
  ...['sum', 'count', 'schema', 'offset', 'n_offset', 'buckets', 'n_buckets', 'z_bucket'],
  ...['z_bucket_w', 'custom_values', 'counter_reset_hint'],
]);
const HINTS: ReadonlySet<string> = new Set(['unknown', 'reset', 'not_reset', 'gauge']);
const SIGNS: Readonly<Record<string, SeriesTokenKind | undefined>> = { '+': '+', '-': '-' };

type Place = 'metric' | 'values' | 'histogram' | 'buckets';

export class SeriesLexer {
  readonly #text: string;
  readonly #metric: Lexer;
  #at = 0;
  #place: Place = 'metric';
  #isInBraces = false;

  constructor(text: string) {
    this.#text = text;
    this.#metric = new Lexer(text);
  }

  /** The next token; after the end of the input the same token again. */
  next(): SeriesToken {
    switch (this.#place) {
      case 'metric':
        return this.#inMetric();
      case 'values':
        return this.#inValues();
      case 'histogram':
        return this.#inHistogram();
      case 'buckets':
        return this.#inBuckets();
    }
  }

  /** The metric ends with its braces, or with its name if no brace follows at once. */
  #inMetric(): SeriesToken {
    const token = this.#metric.next();
    const isWord = isAlphanumeric(this.#text.charCodeAt(token.start)) || token.text.startsWith(':');
    const isName = isWord && !this.#isInBraces && this.#text.charAt(token.end) !== '{';
    if (token.kind === '{') this.#isInBraces = true;
    if (token.kind === '}' || isName) {
      this.#place = 'values';
      this.#at = token.end;
    }
    return token;
  }

  #inValues(): SeriesToken {
    const code = this.#text.charCodeAt(this.#at);
    if (Number.isNaN(code)) return this.#emit('eof', 0);
    if (isBlank(code)) return this.#space();
    const character = this.#text.charAt(this.#at);
    if (character === '{' && this.#text.charAt(this.#at + 1) === '{') {
      this.#place = 'histogram';
      return this.#emit('{{', 2);
    }
    const sign = SIGNS[character];
    if (sign !== undefined) return this.#emit(sign, 1);
    if (character === 'x' || character === '_') return this.#emit(character, 1);
    if (isDigit(code) || this.#isFraction()) return this.#number();
    if (isAlpha(code)) return this.#word();
    return this.#fail(`unexpected character in series sequence: ${this.#character()}`);
  }

  #inHistogram(): SeriesToken {
    const code = this.#text.charCodeAt(this.#at);
    if (isBlank(code)) return this.#space();
    if (isAlpha(code)) return this.#descriptor();
    const character = this.#text.charAt(this.#at);
    if (character === ':') return this.#emit(':', 1);
    if (character === '-') return this.#emit('-', 1);
    if (isDigit(code)) return this.#number();
    if (character === '[') {
      this.#place = 'buckets';
      return this.#emit('[', 1);
    }
    if (character === '}' && this.#text.charAt(this.#at + 1) === '}') {
      this.#place = 'values';
      return this.#emit('}}', 2);
    }
    return this.#fail(`histogram description incomplete unexpected: ${this.#character()}`);
  }

  /** A key, a hint, or an infinity or NaN. */
  #descriptor(): SeriesToken {
    let end = this.#at;
    while (isAlpha(this.#text.charCodeAt(end))) end += 1;
    const word = this.#text.slice(this.#at, end);
    const lower = word.toLowerCase();
    if (KEYS.has(lower)) {
      if (this.#text.charAt(end) === ':') return this.#emit('histogram-key', word.length);
      return this.#fail('missing `:` for histogram descriptor');
    }
    if (keywordOf(lower) === 'number') return this.#emit('number', word.length);
    if (HINTS.has(lower)) return this.#emit('hint', word.length);
    return this.#fail(`bad histogram descriptor found: ${quoteText(word)}`);
  }

  #inBuckets(): SeriesToken {
    const code = this.#text.charCodeAt(this.#at);
    if (isBlank(code)) return this.#space();
    const character = this.#text.charAt(this.#at);
    if (character === '-') return this.#emit('-', 1);
    if (isDigit(code)) return this.#number();
    if (character === ']') {
      this.#place = 'histogram';
      return this.#emit(']', 1);
    }
    const word = /^(?:inf|nan)(?![a-z0-9_])/iy.exec(this.#text.slice(this.#at, this.#at + 4))?.[0];
    if (word !== undefined) return this.#emit('number', word.length);
    return this.#fail(`invalid character in buckets description: ${this.#character()}`);
  }

  #space(): SeriesToken {
    let end = this.#at;
    while (isBlank(this.#text.charCodeAt(end))) end += 1;
    return this.#emit('space', end - this.#at);
  }

  #word(): SeriesToken {
    let end = this.#at;
    while (isAlphanumeric(this.#text.charCodeAt(end))) end += 1;
    const kind = keywordOf(this.#text.slice(this.#at, end)) ?? 'identifier';
    return this.#emit(kind, end - this.#at);
  }

  /** A number, or a duration in its place. */
  #number(): SeriesToken {
    const { isNumber, end } = endOfDecimal(this.#text, this.#at);
    if (isNumber) return this.#emit('number', end - this.#at);
    const duration = scanNumberOrDuration(this.#text, this.#at);
    if (duration.kind === 'duration') return this.#emit('duration', duration.end - this.#at);
    return this.#fail(`bad number syntax: ${quoteText(this.#text.slice(this.#at, end))}`);
  }

  #isFraction(): boolean {
    return this.#text.charAt(this.#at) === '.' && isDigit(this.#text.charCodeAt(this.#at + 1));
  }

  /** The character ahead in quotes. */
  #character(): string {
    return quoteCharacter(this.#text.codePointAt(this.#at) ?? -1);
  }

  #emit(kind: SeriesTokenKind, length: number): SeriesToken {
    const start = this.#at;
    this.#at = start + length;
    return { kind, text: this.#text.slice(start, this.#at), start, end: this.#at };
  }

  #fail(message: string): SeriesToken {
    return { kind: 'error', text: message, start: this.#at, end: this.#text.length };
  }
}
