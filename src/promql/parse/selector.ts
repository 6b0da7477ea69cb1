/** Vector selectors: `name`, `name{matchers}`, `{"name", label="value"}`. */
import { unquote } from '../lex/string.ts';
import { isMetricName, type Token, type TokenKind } from '../lex/token.ts';
import type { MatchOperator } from '../operators.ts';
import { isSimpleRegexp, regexpFault, regexpTooLarge } from '../regexp.ts';
import type { Matcher, VectorSelector } from '../tree.ts';
import { spanOf } from './literal.ts';
import type { Context, Tokens } from './tokens.ts';

/** The label that holds the name of a metric. */
export const METRIC_NAME = '__name__';

const FIRST: Context = { name: 'label matching', expected: 'identifier or "}"' };
const NEXT: Context = { name: 'label matching', expected: '"," or "}"' };
const OPERATOR: Context = { name: 'label matching', expected: 'label matching operator' };
const VALUE: Context = { name: 'label matching', expected: 'string' };
const MATCH_OPERATORS: ReadonlySet<TokenKind> = new Set(['=', '!=', '=~', '!~']);

/**
 * Reads a selector.
 *
 * @param named - the metric's name if it is taken already; else it or `{` must be the token ahead
 */
export function parseSelector(tokens: Tokens, named?: Token): VectorSelector {
  const first = named ?? tokens.peek();
  const isNamed = isMetricName(first.kind);
  if (!isNamed && first.kind !== '{') tokens.unexpected();
  if (isNamed && named === undefined) tokens.take();
  const name = isNamed ? first.text : '';
  const matchers: Matcher[] = [];
  const end = tokens.peek().kind === '{' ? parseMatchers(tokens, matchers) : first.end;
  if (name !== '') matchers.push(Object.freeze({ name: METRIC_NAME, op: '=', value: name }));
  return Object.freeze({
    kind: 'vector-selector',
    name,
    matchers: Object.freeze(matchers),
    offset: 0,
    at: undefined,
    bounds: 'plain',
    span: spanOf(first.start, end),
  });
}

/** Reads `{…}` into `matchers`; returns where the braces end. */
function parseMatchers(tokens: Tokens, matchers: Matcher[]): number {
  tokens.take();
  for (;;) {
    if (tokens.peek().kind === '}') return tokens.take().end;
    matchers.push(parseMatcher(tokens));
    if (tokens.peek().kind === '}') return tokens.take().end;
    expectIn(NEXT, ',', tokens);
  }
}

function parseMatcher(tokens: Tokens): Matcher {
  const { kind } = tokens.peek();
  if (kind === 'identifier') {
    const name = tokens.take();
    if (!MATCH_OPERATORS.has(tokens.peek().kind)) unexpectedIn(OPERATOR, tokens);
    return parseValue(tokens, name, name.text);
  }
  if (kind !== 'string') unexpectedIn(FIRST, tokens);
  const quoted = tokens.take();
  const name = unquote(quoted.text);
  if (MATCH_OPERATORS.has(tokens.peek().kind)) return parseValue(tokens, quoted, name);
  return Object.freeze({ name: METRIC_NAME, op: '=', value: name });
}

function parseValue(tokens: Tokens, label: Token, name: string): Matcher {
  const op = tokens.take().kind as MatchOperator; // the caller looked
  const token = expectIn(VALUE, 'string', tokens);
  const value = unquote(token.text);
  if (op === '=~' || op === '!~') {
    const fault = faultOf(value, tokens);
    if (fault !== undefined) tokens.fault({ start: label.start, end: token.end }, fault);
  }
  return Object.freeze({ name, op, value });
}

function faultOf(pattern: string, tokens: Tokens): string | undefined {
  if (isSimpleRegexp(pattern)) return undefined;
  return tokens.mayCompile(pattern.length) ? regexpFault(pattern) : regexpTooLarge(pattern);
}

function expectIn(context: Context, kind: TokenKind, tokens: Tokens): Token {
  if (tokens.peek().kind !== kind) unexpectedIn(context, tokens);
  return tokens.take();
}

function unexpectedIn(context: Context, tokens: Tokens): never {
  tokens.enter(context);
  return tokens.unexpected();
}
