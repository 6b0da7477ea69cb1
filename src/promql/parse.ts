/**
 * The parser: a query's text to its tree, by the precedence of operators (Pratt).
 *
 * A parse reads each token once, so that its time grows with the text's length. The faults, their
 * words, their places and which of several comes first are those of Prometheus 3.14.
 */
import { check } from './check.ts';
import { ExpressionParser } from './parse/expression.ts';
import { parseSelector } from './parse/selector.ts';
import { type Switches, Tokens } from './parse/tokens.ts';
import type { Expression, Matcher } from './tree.ts';

export type { Switches } from './parse/tokens.ts';

const ALL_OFF: Switches = {
  experimentalFunctions: false,
  durationExpressions: false,
  extendedRanges: false,
  fillModifiers: false,
};

/**
 * Parses a query and checks its types.
 *
 * @param query - its faults name places in it by line and column
 * @param switches - the experimental parts that exist; none by default, as in Prometheus
 * @returns a frozen tree
 * @throws {ParseError}
 */
export function parse(query: string, switches: Partial<Switches> = {}): Expression {
  const tokens = new Tokens(query, { ...ALL_OFF, ...switches });
  if (tokens.peek().kind === 'eof') {
    tokens.fault({ start: 0, end: 0 }, 'no expression found in input');
    tokens.throwFaults();
  }
  const expr = new ExpressionParser(tokens).parseExpression(0);
  if (tokens.peek().kind !== 'eof') tokens.unexpected();
  tokens.throwFaults();
  check(expr, tokens);
  tokens.throwFaults();
  return expr;
}

/**
 * Parses a selector without modifiers, as the parameter `match[]` of Prometheus' API has it.
 *
 * @throws {ParseError}
 */
export function parseMetricSelector(selector: string): readonly Matcher[] {
  const tokens = new Tokens(selector, ALL_OFF);
  const { matchers } = parseSelector(tokens);
  if (tokens.peek().kind !== 'eof') tokens.unexpected();
  tokens.throwFaults();
  return matchers;
}
