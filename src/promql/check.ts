/** The checker: what the grammar allows and the types forbid, in Prometheus' words. */

import { signatureOf } from './functions.ts';
import { isBlank } from './lex/characters.ts';
import { quoteText } from './literal/quote.ts';
import { isComparison, isSetOperator, takesParameter } from './operators.ts';
import { METRIC_NAME } from './parse/selector.ts';
import type { Tokens } from './parse/tokens.ts';
import { matchesEmpty } from './regexp.ts';
import type {
  Aggregation,
  Binary,
  Call,
  Expression,
  Matcher,
  Span,
  Subquery,
  Unary,
  ValueType,
  VectorSelector,
} from './tree.ts';
import { describeType, typeOf } from './types.ts';

/** Records all faults of a tree. */
export function check(expr: Expression, tokens: Tokens): void {
  switch (expr.kind) {
    case 'aggregation':
      checkAggregation(expr, tokens);
      break;
    case 'binary':
      checkBinary(expr, tokens);
      break;
    case 'call':
      checkCall(expr, tokens);
      break;
    case 'parenthesized':
      check(expr.expr, tokens);
      break;
    case 'range-selector':
      checkSelector(expr.selector, tokens, true);
      break;
    case 'vector-selector':
      checkSelector(expr, tokens, true);
      break;
    case 'subquery':
      checkSubquery(expr, tokens);
      break;
    case 'unary':
      checkUnary(expr, tokens);
      break;
    case 'number':
    case 'string':
      break;
  }
}

function checkSubquery({ expr, span }: Subquery, tokens: Tokens): void {
  check(expr, tokens);
  const type = typeOf(expr);
  if (type === 'vector') return;
  tokens.fault(span, `subquery is only allowed on instant vector, got ${type} instead`);
}

function checkUnary({ expr, type, span }: Unary, tokens: Tokens): void {
  check(expr, tokens);
  if (type === 'scalar' || type === 'vector') return;
  tokens.fault(
    span,
    `unary expression only allowed on expressions of type scalar or instant vector, got ${quoteText(describeType(type))}`,
  );
}

/**
 * Says whether a query over a range can have this expression.
 *
 * @returns why it cannot, in Prometheus' words, or undefined
 */
export function rangeQueryFault(expr: Expression): string | undefined {
  const type = typeOf(expr);
  if (type === 'scalar' || type === 'vector') return undefined;
  return `invalid expression type ${quoteText(describeType(type))} for range query, must be Scalar or instant Vector`;
}

interface Expectation {
  readonly type: ValueType;
  readonly context: string;
}

function checkType(expr: Expression, { type, context }: Expectation, tokens: Tokens): void {
  check(expr, tokens);
  faultType(expr, { type, context }, tokens);
}

function faultType(expr: Expression, { type, context }: Expectation, tokens: Tokens): void {
  const found = typeOf(expr);
  if (found === type) return;
  tokens.fault(
    expr.span,
    `expected type ${describeType(type)} in ${context}, got ${describeType(found)}`,
  );
}

function checkAggregation({ op, expr, param }: Aggregation, tokens: Tokens): void {
  checkType(expr, { type: 'vector', context: 'aggregation expression' }, tokens);
  if (param === undefined || !takesParameter(op)) return;
  const type = op === 'count_values' ? 'string' : 'scalar';
  checkType(param, { type, context: 'aggregation parameter' }, tokens);
}

function checkBinary(expr: Binary, tokens: Tokens): void {
  const { op, left, right, returnBool, type } = expr;
  check(left, tokens);
  check(right, tokens);
  const place = operatorSpan(expr, tokens.query);
  if (returnBool && !isComparison(op)) {
    tokens.fault(place, 'bool modifier can only be used on comparison operators');
  }
  if (!returnBool && isComparison(op) && type === 'scalar') {
    tokens.fault(place, 'comparisons between scalars must use BOOL modifier');
  }
  checkLabels(expr, place, tokens);
  for (const side of [left, right]) {
    if (typeOf(side) === 'scalar' || typeOf(side) === 'vector') continue;
    tokens.fault(side.span, 'binary expression must contain only scalar and instant vector types');
  }
  checkMatching(expr, tokens);
}

function checkLabels({ matching }: Binary, place: Span, tokens: Tokens): void {
  if (matching === undefined || !matching.on) return;
  for (const label of matching.labels) {
    for (const included of matching.include) {
      if (label !== included) continue;
      tokens.fault(
        place,
        `label ${quoteText(label)} must not occur in ON and GROUP clause at once`,
      );
    }
  }
}

function checkMatching({ op, left, right, matching, span }: Binary, tokens: Tokens): void {
  const hasFill = matching?.fillLeft !== undefined || matching?.fillRight !== undefined;
  const isOfVectors = typeOf(left) === 'vector' && typeOf(right) === 'vector';
  if (!isOfVectors) {
    if (matching !== undefined && matching.labels.length > 0) {
      tokens.fault(span, 'vector matching only allowed between instant vectors');
    }
    if (hasFill) {
      tokens.fault(span, 'filling in missing series only allowed between instant vectors');
    }
  } else if (isSetOperator(op)) {
    if (matching?.cardinality !== 'many-to-many') {
      tokens.fault(span, `no grouping allowed for ${quoteText(op)} operation`);
      tokens.fault(span, 'set operations must always be many-to-many');
    }
    if (hasFill) tokens.fault(span, 'filling in missing series not allowed for set operators');
  }
  if (isSetOperator(op) && (typeOf(left) === 'scalar' || typeOf(right) === 'scalar')) {
    tokens.fault(span, `set operator ${quoteText(op)} not allowed in binary scalar expression`);
  }
}

/** Where the operator and its modifiers stand. */
function operatorSpan({ left, right }: Binary, query: string): Span {
  let { end: start } = left.span;
  while (isBlank(query.charCodeAt(start))) start += 1;
  return { start, end: right.span.start };
}

function checkCall(call: Call, tokens: Tokens): void {
  const { name, args, span } = call;
  const signature = signatureOf(name);
  if (signature === undefined) return; // the parser reported the name
  checkCount(call, signature.args.length, signature.variadic, tokens);
  const selectors = name === 'info' ? args[1] : undefined;
  if (selectors !== undefined) checkInfo(selectors, span, tokens);
  for (const [index, arg] of args.entries()) {
    if (index >= signature.args.length && signature.variadic === 0) break;
    if (arg === selectors && arg.kind === 'vector-selector') checkSelector(arg, tokens, false);
    else check(arg, tokens);
    const type = signature.args[Math.min(index, signature.args.length - 1)]!; // one at least
    faultType(arg, { type, context: `call to function ${quoteText(name)}` }, tokens);
  }
}

function checkCount({ name, args, span }: Call, count: number, variadic: number, tokens: Tokens) {
  const got = `in call to ${quoteText(name)}, got ${args.length}`;
  if (variadic === 0) {
    if (args.length !== count) tokens.fault(span, `expected ${count} argument(s) ${got}`);
    return;
  }
  const [least, most] = [count - 1, count - 1 + variadic];
  if (args.length < least) tokens.fault(span, `expected at least ${least} argument(s) ${got}`);
  else if (variadic > 0 && args.length > most) {
    tokens.fault(span, `expected at most ${most} argument(s) ${got}`);
  }
}

/** The second argument of `info` must be matchers without a metric's name. */
function checkInfo(selectors: Expression, call: Span, tokens: Tokens): void {
  const found = typeOf(selectors);
  if (found !== 'vector') {
    tokens.fault(
      call,
      `expected type instant vector in call to function "info", got ${describeType(found)}`,
    );
  }
  if (selectors.kind !== 'vector-selector') {
    tokens.fault(selectors.span, 'expected label selectors only');
  } else if (selectors.name !== '') {
    tokens.fault(selectors.span, 'expected label selectors only, got vector selector instead');
  }
}

/** @param mustSelect - whether matchers that match every series are a fault */
function checkSelector(selector: VectorSelector, tokens: Tokens, mustSelect: boolean): void {
  const { name, matchers, span } = selector;
  if (name !== '') {
    for (const matcher of matchers.slice(0, -1)) {
      if (matcher.name !== METRIC_NAME) continue;
      tokens.fault(
        span,
        `metric name must not be set twice: ${quoteText(name)} or ${quoteText(matcher.value)}`,
      );
    }
    return;
  }
  if (!mustSelect || matchers.some((matcher) => !acceptsEmpty(matcher))) return;
  tokens.fault(span, 'vector selector must contain at least one non-empty matcher');
}

function acceptsEmpty({ op, value }: Matcher): boolean {
  switch (op) {
    case '=':
      return value === '';
    case '!=':
      return value !== '';
    case '=~':
      return matchesEmpty(value);
    case '!~':
      return !matchesEmpty(value);
  }
}
