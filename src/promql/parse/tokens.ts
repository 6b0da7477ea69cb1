/** The parser's view of a query: its tokens with one token ahead, and the faults found so far. */
import { Lexer } from '../lex/lexer.ts';
import { describeToken, type Token, type TokenKind } from '../lex/token.ts';
import { type Fault, ParseError } from '../parse-error.ts';
import type { Span } from '../tree.ts';

/** The switches for parts of the language that Prometheus calls experimental. */
export interface Switches {
  /** The functions marked so in `functions.ts`, `limitk` and `limit_ratio`. */
  readonly experimentalFunctions: boolean;
  /** Arithmetic in `[…]` and behind `offset`. */
  readonly durationExpressions: boolean;
  /** The modifiers `anchored` and `smoothed`. */
  readonly extendedRanges: boolean;
  /** The modifiers `fill`, `fill_left` and `fill_right`. */
  readonly fillModifiers: boolean;
}

/** What an unexpected token stands in, and what should stand there. */
export interface Context {
  readonly name: string;
  readonly expected: string;
  /** What the rule that the parser gives up reports besides. */
  readonly besides?: Fault;
}

/** How deep expressions may nest: the parser, the printer and the evaluation call themselves. */
const MAX_DEPTH = 1000;

/**
 * How long the regular expressions of a query may be together that need a compiler: it takes 20 us
 * a character, during which the program does nothing else.
 */
const MAX_REGEXP_LENGTH = 16_384;

/** A query of one megabyte could have a million faults. */
const MAX_FAULTS = 100;

export class Tokens {
  readonly query: string;
  readonly switches: Switches;
  readonly #lexer: Lexer;
  readonly #faults: Fault[] = [];
  /** The contexts that an unexpected token would be explained by; the last one wins. */
  readonly #contexts: Context[] = [];
  #ahead: Token | undefined;
  #depth = 0;
  #end = 0;
  #regexpLength = 0;

  constructor(query: string, switches: Switches) {
    this.query = query;
    this.switches = switches;
    this.#lexer = new Lexer(query);
  }

  /** The token ahead. A fault of the lexer counts as found once the parser looks at it. */
  peek(): Token {
    if (this.#ahead === undefined) {
      this.#ahead = this.#lexer.next();
      if (this.#ahead.kind === 'error') this.fault(this.#ahead, this.#ahead.text);
    }
    return this.#ahead;
  }

  /** Takes the token ahead. */
  take(): Token {
    const token = this.peek();
    this.#ahead = undefined;
    this.#end = token.end;
    return token;
  }

  /** Where the token that was taken last ends. */
  get end(): number {
    return this.#end;
  }

  /** Takes the token ahead if it is of that kind. */
  takeIf(kind: TokenKind): Token | undefined {
    return this.peek().kind === kind ? this.take() : undefined;
  }

  /** Takes the token ahead, which must be of that kind. */
  expect(kind: TokenKind): Token {
    return this.peek().kind === kind ? this.take() : this.unexpected();
  }

  /** Records a fault that leaves the rest of the query readable. */
  fault(span: Span, text: string): void {
    if (this.#faults.length >= MAX_FAULTS) return;
    this.#faults.push({ text, span: { start: span.start, end: span.end } });
  }

  /** Ends the parse: no rule explains the token ahead. */
  unexpected(): never {
    const context = this.#contexts.at(-1);
    const token = this.peek();
    // The lexer's own faults are recorded already.
    if (token.kind !== 'error') {
      const where = context === undefined ? '' : ` in ${context.name}`;
      const wanted = context?.expected ? `, expected ${context.expected}` : '';
      this.fault(token, `unexpected ${describeToken(token)}${where}${wanted}`);
    }
    if (context === undefined) this.#drain();
    if (context?.besides !== undefined) this.#faults.push(context.besides);
    throw new ParseError(this.query, this.#faults);
  }

  /** Reads the rest of the query, of which only the lexer's fault can count. */
  #drain(): void {
    while (this.peek().kind !== 'error' && this.peek().kind !== 'eof') this.take();
  }

  /**
   * From here to `leave`, `context` explains a token that no rule expects. It need not be left
   * when the parse ends within.
   */
  enter(context: Context): void {
    this.#contexts.push(context);
  }

  leave(): void {
    this.#contexts.pop();
  }

  /** Says that a rule begins that may hold itself. */
  deeper(span: Span): void {
    this.#depth += 1;
    this.limitDepth(this.#depth, span);
  }

  shallower(): void {
    this.#depth -= 1;
  }

  /** Ends the parse when a query nests deeper than the program's stack may grow. */
  limitDepth(depth: number, span: Span): void {
    if (depth <= MAX_DEPTH) return;
    this.fault(span, `expression nests deeper than ${MAX_DEPTH} levels`);
    throw new ParseError(this.query, this.#faults);
  }

  /** Whether a regular expression of that length may be compiled besides those before it. */
  mayCompile(length: number): boolean {
    this.#regexpLength += length;
    return this.#regexpLength <= MAX_REGEXP_LENGTH;
  }

  /** @throws {ParseError} if there are faults */
  throwFaults(): void {
    if (this.#faults.length > 0) throw new ParseError(this.query, this.#faults);
  }
}
