/** What may stand behind a selector: `[…]`, `offset`, `@`, `anchored` and `smoothed`. */

import { printFixed } from '../literal/number.ts';
import type {
  AtModifier,
  Duration,
  Expression,
  RangeSelector,
  Span,
  Subquery,
  VectorSelector,
} from '../tree.ts';
import { parseOffset, parseRange } from './duration.ts';
import { parseNumberLiteral, spanOf } from './literal.ts';
import type { Context, Tokens } from './tokens.ts';

const TERM = 'number, duration, step(), or range()';
const OPEN: Context = { name: 'subquery or range selector', expected: TERM };
const RANGE: Context = { name: 'subquery or range', expected: '":" or "]"' };
const STEP: Context = { name: 'subquery selector', expected: `${TERM.replace(' or', '')}, or "]"` };
const CLOSE: Context = { name: 'subquery selector', expected: '"]"' };
const AT: Context = { name: '@', expected: 'timestamp' };
/** From here on a number of seconds is no timestamp. */
const MAX_TIMESTAMP = 2 ** 63;

/** Reads `[range]` or `[range:step]` behind an expression. */
export function parseBrackets(tokens: Tokens, expr: Expression): RangeSelector | Subquery {
  const open = tokens.take();
  tokens.enter(OPEN);
  const range = parseRange(tokens);
  tokens.leave();
  const close = tokens.takeIf(']');
  if (close !== undefined) {
    return rangeSelector(tokens, expr, range, spanOf(open.start, close.end));
  }
  tokens.enter(RANGE);
  tokens.expect(':');
  tokens.leave();
  return parseStep(tokens, expr, range);
}

function parseStep(tokens: Tokens, expr: Expression, range: Duration): Subquery {
  let step: Duration = 0;
  let close = tokens.takeIf(']');
  if (close === undefined) {
    tokens.enter(STEP);
    step = parseRange(tokens);
    tokens.leave();
    tokens.enter(CLOSE);
    close = tokens.expect(']');
    tokens.leave();
  }
  const span = spanOf(expr.span.start, close.end);
  return Object.freeze({ kind: 'subquery', expr, range, step, offset: 0, at: undefined, span });
}

function rangeSelector(
  tokens: Tokens,
  expr: Expression,
  range: Duration,
  brackets: Span,
): RangeSelector {
  const span = spanOf(expr.span.start, brackets.end);
  if (expr.kind !== 'vector-selector') {
    tokens.fault(brackets, 'ranges only allowed for vector selectors');
    return Object.freeze({ kind: 'range-selector', selector: placeholder(expr), range, span });
  }
  if (expr.offset !== 0) tokens.fault(brackets, 'no offset modifiers allowed before range');
  else if (expr.at !== undefined) tokens.fault(brackets, 'no @ modifiers allowed before range');
  return Object.freeze({ kind: 'range-selector', selector: expr, range, span });
}

/** Stands in a tree that is not returned, since it has a fault. */
function placeholder(expr: Expression): VectorSelector {
  const { span } = expr;
  return Object.freeze({
    ...({ kind: 'vector-selector', name: '', matchers: [], offset: 0, at: undefined } as const),
    bounds: 'plain',
    span,
  });
}

/** Reads `offset …` behind an expression. */
export function parseOffsetModifier(tokens: Tokens, expr: Expression): Expression {
  tokens.take();
  const offset = parseOffset(tokens);
  const bearer = bearerOf(expr);
  if (bearer === undefined) {
    tokens.fault(
      expr.span,
      'offset modifier must be preceded by an instant vector selector or range vector selector or a subquery',
    );
    return expr;
  }
  if (bearer.offset !== 0) tokens.fault(expr.span, 'offset may not be set multiple times');
  return withModifier(expr, { offset }, tokens.end);
}

/** Reads `@ …` behind an expression. */
export function parseAtModifier(tokens: Tokens, expr: Expression): Expression {
  tokens.take();
  const at = parseTimestamp(tokens, expr.span);
  const bearer = bearerOf(expr);
  if (bearer === undefined) {
    tokens.fault(
      expr.span,
      '@ modifier must be preceded by an instant vector selector or range vector selector or a subquery',
    );
    return expr;
  }
  if (bearer.at !== undefined) {
    tokens.fault(expr.span, '@ <timestamp> may not be set multiple times');
    return expr;
  }
  return withModifier(expr, { at }, tokens.end);
}

function parseTimestamp(tokens: Tokens, span: Span): AtModifier {
  tokens.enter(AT);
  const word = tokens.takeIf('start') ?? tokens.takeIf('end');
  if (word !== undefined) {
    tokens.expect('(');
    tokens.expect(')');
    tokens.leave();
    return word.kind === 'start' ? 'start' : 'end';
  }
  const sign = tokens.takeIf('-') ?? tokens.takeIf('+');
  const { value } = parseNumberLiteral(tokens);
  tokens.leave();
  const seconds = sign?.kind === '-' ? -value : value;
  if (!(Math.abs(seconds) < MAX_TIMESTAMP)) {
    tokens.fault(span, `timestamp out of bounds for @ modifier: ${printFixed(seconds, 6)}`);
    return 0;
  }
  return roundHalfAway(seconds * 1000);
}

function roundHalfAway(value: number): number {
  return Math.sign(value) * Math.round(Math.abs(value)) + 0;
}

/** Reads `anchored` or `smoothed` behind an expression. */
export function parseBounds(tokens: Tokens, expr: Expression): Expression {
  const bounds = tokens.take().kind === 'anchored' ? 'anchored' : 'smoothed';
  if (!tokens.switches.extendedRanges) {
    tokens.fault(expr.span, `${bounds} modifier is experimental and not enabled`);
    return expr;
  }
  if (expr.kind === 'subquery') {
    tokens.fault(expr.span, `${bounds} modifier is not supported for subqueries`);
    return expr;
  }
  const selector = expr.kind === 'range-selector' ? expr.selector : expr;
  if (selector.kind !== 'vector-selector') {
    tokens.fault(expr.span, `${bounds} modifier not implemented`);
    return expr;
  }
  if (selector.bounds !== 'plain' && selector.bounds !== bounds) {
    tokens.fault(expr.span, 'anchored and smoothed modifiers cannot be used together');
  }
  return withModifier(expr, { bounds }, expr.span.end);
}

type Modifiers = Partial<Pick<VectorSelector, 'offset' | 'at' | 'bounds'>>;

/** The node that bears an expression's modifiers; undefined if it can have none. */
function bearerOf(expr: Expression): VectorSelector | Subquery | undefined {
  if (expr.kind === 'range-selector') return expr.selector;
  return expr.kind === 'vector-selector' || expr.kind === 'subquery' ? expr : undefined;
}

function withModifier(expr: Expression, modifiers: Modifiers, end: number): Expression {
  const span = spanOf(expr.span.start, end);
  if (expr.kind === 'range-selector') {
    const selector = Object.freeze({ ...expr.selector, ...modifiers });
    return Object.freeze({ ...expr, selector, span });
  }
  return Object.freeze({ ...expr, ...modifiers, span });
}
