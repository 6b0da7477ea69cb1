/** The parser's view of a series: its tokens with one token ahead, and what its faults say. */
import { describeToken, shorten, type Token } from '../lex/token.ts';
import { ParseError } from '../parse-error.ts';
import type { Span } from '../tree.ts';
import { SeriesLexer, type SeriesToken } from './lexer.ts';

const OWN_KINDS: ReadonlySet<string> = new Set([
  ...['space', 'x', '_', '{{', '}}', 'histogram-key', 'hint'],
]);

export class SeriesTokens {
  readonly #text: string;
  readonly #lexer: SeriesLexer;
  #ahead: SeriesToken | undefined;

  constructor(text: string) {
    this.#text = text;
    this.#lexer = new SeriesLexer(text);
  }

  /** The token ahead. */
  peek(): SeriesToken {
    if (this.#ahead === undefined) {
      this.#ahead = this.#lexer.next();
      if (this.#ahead.kind === 'error') this.fail(this.#ahead, this.#ahead.text);
    }
    return this.#ahead;
  }

  take(): SeriesToken {
    const token = this.peek();
    this.#ahead = undefined;
    return token;
  }

  /** Takes the token ahead if it is of that kind. */
  takeIf(kind: SeriesToken['kind']): SeriesToken | undefined {
    return this.peek().kind === kind ? this.take() : undefined;
  }

  /** Takes the token ahead, which must be of that kind. */
  expect(kind: SeriesToken['kind'], context: string): SeriesToken {
    return this.peek().kind === kind ? this.take() : this.unexpected(context);
  }

  /** Ends the parse: the token ahead may not stand in the context. */
  unexpected(context: string): never {
    const token = this.peek();
    const shown = OWN_KINDS.has(token.kind) ? shorten(token.text) : describeToken(token as Token);
    return this.fail(token, `unexpected ${shown} in ${context}`);
  }

  fail(span: Span, text: string): never {
    throw new ParseError(this.#text, [{ text, span: { start: span.start, end: span.end } }]);
  }
}
