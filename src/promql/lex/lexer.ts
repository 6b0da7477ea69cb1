/**
 * The lexer: a query's text to tokens, one at a time, since what a character means depends on the
 * brackets around it.
 *
 * The first fault ends the tokens. Faults, their words and their places are Prometheus' own.
 */

import { quoteCharacter, quoteText } from '../literal/quote.ts';
import { isAlpha, isAlphanumeric, isBlank, isDigit, LINE_FEED } from './characters.ts';
import { scanNumberOrDuration } from './number.ts';
import { scanString } from './string.ts';
import { keywordOf, type Token, type TokenKind } from './token.ts';

const COLON = 58;
const CARRIAGE_RETURN = 13;
const SINGLE: Readonly<Record<string, TokenKind | undefined>> = {
  ...{ ',': ',', '*': '*', '/': '/', '%': '%', '+': '+', '-': '-', '^': '^', '@': '@', '(': '(' },
};
/** Within `[…]`, before the first number. */
const IN_DURATION: Readonly<Record<string, TokenKind | undefined>> = {
  ...{ ',': ',', '*': '*', '/': '/', '%': '%', '+': '+', '-': '-', '^': '^', '(': '(' },
};
const QUOTES = '"\'`';
/** The words that a duration expression may hold. */
const DURATION_WORDS: ReadonlySet<string> = new Set(['step', 'range', 'max_of', 'min_of']);
const DURATION_WORD_STARTS = 'srmSRM';

export class Lexer {
  readonly #text: string;
  #at = 0;
  #parentheses = 0;
  #isBraceOpen = false;
  #isBracketOpen = false;
  /** Whether a bracket opened and no number followed yet: fewer characters are known there. */
  #isDurationNext = false;
  #hasColon = false;
  #hasDuration = false;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next token; after the end of the input the same token again. */
  next(): Token {
    this.#skipBlanks();
    if (this.#isDurationNext) return this.#inDuration();
    return this.#isBraceOpen ? this.#inBraces() : this.#inStatement();
  }

  #skipBlanks(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (isBlank(code)) this.#at += 1;
      else if (code === 35 && !this.#isDurationNext) this.#skipComment();
      else return;
    }
  }

  #skipComment(): void {
    for (let code = 0; code !== LINE_FEED && code !== CARRIAGE_RETURN; ) {
      this.#at += 1;
      if (this.#at >= this.#text.length) return;
      code = this.#text.charCodeAt(this.#at);
    }
  }

  #inStatement(): Token {
    const code = this.#text.charCodeAt(this.#at);
    if (Number.isNaN(code)) return this.#end();
    if (isAlpha(code) || code === COLON) return this.#word(code);
    if (isDigit(code) || this.#isFraction()) return this.#number();
    const character = this.#text.charAt(this.#at);
    const single = SINGLE[character];
    if (single !== undefined) return this.#emitParenthesis(single);
    if (QUOTES.includes(character)) return this.#string();
    switch (character) {
      case ')':
        return this.#closeParenthesis();
      case '{':
        this.#isBraceOpen = true;
        return this.#emit('{', 1);
      case '[':
        return this.#openBracket();
      case ']':
        return this.#closeBracket();
      default:
        return this.#comparison(character);
    }
  }

  #end(): Token {
    if (this.#parentheses > 0) return this.#fail('unclosed left parenthesis');
    if (this.#isBracketOpen) return this.#fail('unclosed left bracket');
    return this.#emit('eof', 0);
  }

  #comparison(character: string): Token {
    const next = this.#text.charAt(this.#at + 1);
    switch (character) {
      case '=':
        if (next === '=') return this.#emit('==', 2);
        if (next === '~') return this.#fail("unexpected character after '=': '~'");
        return this.#emit('=', 1);
      case '!':
        if (next === '=') return this.#emit('!=', 2);
        return this.#fail(`unexpected character after '!': ${this.#quoted(this.#at + 1)}`);
      case '<':
        if (next === '=') return this.#emit('<=', 2);
        return next === '/' ? this.#emit('</', 2) : this.#emit('<', 1);
      case '>':
        if (next === '=') return this.#emit('>=', 2);
        return next === '/' ? this.#emit('>/', 2) : this.#emit('>', 1);
      default:
        return this.#fail(`unexpected character: ${this.#quoted(this.#at)}`);
    }
  }

  #inBraces(): Token {
    const code = this.#text.charCodeAt(this.#at);
    if (isAlpha(code)) return this.#label();
    if (Number.isNaN(code)) return this.#fail('unexpected end of input inside braces');
    const character = this.#text.charAt(this.#at);
    if (QUOTES.includes(character)) return this.#string();
    const next = this.#text.charAt(this.#at + 1);
    switch (character) {
      case ',':
        return this.#emit(',', 1);
      case '=':
        return next === '~' ? this.#emit('=~', 2) : this.#emit('=', 1);
      case '!':
        if (next === '~') return this.#emit('!~', 2);
        if (next === '=') return this.#emit('!=', 2);
        return this.#fail(
          `unexpected character after '!' inside braces: ${this.#quoted(this.#at + 1)}`,
        );
      case '{':
        return this.#fail("unexpected left brace '{'");
      case '}':
        this.#isBraceOpen = false;
        return this.#emit('}', 1);
      default:
        return this.#fail(`unexpected character inside braces: ${this.#quoted(this.#at)}`);
    }
  }

  /** Behind `[`, until the first number. */
  #inDuration(): Token {
    const code = this.#text.charCodeAt(this.#at);
    if (Number.isNaN(code)) return this.#fail('unexpected end of input in duration expression');
    if (isDigit(code) || this.#isFraction()) {
      this.#hasDuration = true;
      this.#isDurationNext = false;
      return this.#number();
    }
    const character = this.#text.charAt(this.#at);
    const single = IN_DURATION[character];
    if (single !== undefined) return this.#emitParenthesis(single);
    if (character === ')') return this.#closeParenthesis();
    if (character === ']') return this.#closeBracket();
    if (character === ':') return this.#colonInDuration();
    const word = this.#durationWord();
    if (word !== undefined) return word;
    return this.#fail(`unexpected character in duration expression: ${this.#quoted(this.#at)}`);
  }

  #colonInDuration(): Token {
    const behind = this.#at + 1;
    if (!this.#hasDuration) {
      return this.#fail('unexpected colon before duration in duration expression', behind);
    }
    if (this.#hasColon) {
      return this.#fail('unexpected repeated colon in duration expression', behind);
    }
    this.#hasColon = true;
    return this.#emit(':', 1);
  }

  #durationWord(): Token | undefined {
    if (!DURATION_WORD_STARTS.includes(this.#text.charAt(this.#at))) return undefined;
    let end = this.#at + 1;
    while (isAlpha(this.#text.charCodeAt(end))) end += 1;
    const word = this.#text.slice(this.#at, end).toLowerCase();
    return DURATION_WORDS.has(word) ? this.#emitWord(word, end) : undefined;
  }

  #emitWord(word: string, end: number): Token {
    return this.#emit(keywordOf(word) ?? 'identifier', end - this.#at);
  }

  #word(code: number): Token {
    if (this.#isBracketOpen) return this.#wordInBracket(code);
    const text = this.#text;
    let end = this.#at + 1;
    let hasColon = code === COLON;
    for (;;) {
      const next = text.charCodeAt(end);
      if (next === COLON) hasColon = true;
      else if (!isAlphanumeric(next)) break;
      end += 1;
    }
    const length = end - this.#at;
    if (hasColon) return this.#emit('metric-identifier', length);
    const kind = keywordOf(text.slice(this.#at, end)) ?? 'identifier';
    const isFill = kind === 'fill' || kind === 'fill_left' || kind === 'fill_right';
    return this.#emit(isFill && !this.#isParenthesisAt(end) ? 'identifier' : kind, length);
  }

  #wordInBracket(code: number): Token {
    if (code === COLON) {
      if (this.#hasColon) return this.#fail("unexpected colon ':'");
      this.#hasColon = true;
      return this.#emit(':', 1);
    }
    const word = this.#durationWord();
    if (word !== undefined) return word;
    return this.#fail(`unexpected character: ${this.#quoted(this.#at)}, expected ':'`);
  }

  /** Whether the next character that is not blank is a `(`. */
  #isParenthesisAt(at: number): boolean {
    let p = at;
    while (isBlank(this.#text.charCodeAt(p))) p += 1;
    return this.#text.charAt(p) === '(';
  }

  #label(): Token {
    let end = this.#at + 1;
    while (isAlphanumeric(this.#text.charCodeAt(end))) end += 1;
    return this.#emit('identifier', end - this.#at);
  }

  #isFraction(): boolean {
    return this.#text.charAt(this.#at) === '.' && isDigit(this.#text.charCodeAt(this.#at + 1));
  }

  #number(): Token {
    const { kind, end } = scanNumberOrDuration(this.#text, this.#at);
    if (kind !== 'bad') return this.#emit(kind, end - this.#at);
    const read = this.#text.slice(this.#at, end);
    return this.#fail(`bad number or duration syntax: ${quoteText(read)}`);
  }

  #string(): Token {
    const scanned = scanString(this.#text, this.#at);
    if ('fault' in scanned) return this.#fail(scanned.fault);
    return this.#emit('string', scanned.end - this.#at);
  }

  #emitParenthesis(kind: TokenKind): Token {
    if (kind === '(') this.#parentheses += 1;
    return this.#emit(kind, 1);
  }

  #closeParenthesis(): Token {
    this.#parentheses -= 1;
    if (this.#parentheses >= 0) return this.#emit(')', 1);
    return this.#fail("unexpected right parenthesis ')'", this.#at + 1);
  }

  #openBracket(): Token {
    if (this.#isBracketOpen) return this.#fail("unexpected left bracket '['");
    this.#isBracketOpen = true;
    this.#isDurationNext = true;
    this.#hasColon = false;
    return this.#emit('[', 1);
  }

  #closeBracket(): Token {
    if (!this.#isBracketOpen) return this.#fail("unexpected right bracket ']'");
    this.#isBracketOpen = false;
    this.#isDurationNext = false;
    return this.#emit(']', 1);
  }

  /** The character at `at` in quotes. */
  #quoted(at: number): string {
    return quoteCharacter(this.#text.codePointAt(at) ?? -1);
  }

  #emit(kind: TokenKind, length: number): Token {
    const start = this.#at;
    this.#at = start + length;
    return { kind, text: this.#text.slice(start, this.#at), start, end: this.#at };
  }

  #fail(message: string, at = this.#at): Token {
    return { kind: 'error', text: message, start: at, end: this.#text.length };
  }
}
