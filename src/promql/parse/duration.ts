/** Durations in `[…]` and behind `offset`: literals, or expressions where these are switched on. */

import type { Token, TokenKind } from '../lex/token.ts';
import { PRECEDENCE } from '../operators.ts';
import type { Duration, DurationBinary, DurationCall, DurationTerm, Span } from '../tree.ts';
import { numberLiteral, parseNumberLiteral, spanOf } from './literal.ts';
import type { Context, Tokens } from './tokens.ts';

/** The largest number of seconds that fits into 64 bits of nanoseconds. */
const MAX_SECONDS = 2 ** 63 / 1e9;
const OFFSET: Context = {
  name: 'offset',
  expected: 'number, duration, step(), or range()',
};
const OPERATORS: ReadonlySet<TokenKind> = new Set(['+', '-', '*', '/', '%', '^']);
const SIGN_PRECEDENCE = PRECEDENCE['*'];

/** Reads a duration in brackets, which must be positive if it is a literal. */
export function parseRange(tokens: Tokens): Duration {
  const term = parseTerm(tokens, 0);
  if (term.kind === 'number' && term.value <= 0) {
    tokens.fault(term.span, 'duration must be greater than 0');
  }
  return durationOf(term);
}

/** Reads the duration behind `offset`. */
export function parseOffset(tokens: Tokens): Duration {
  tokens.enter(OFFSET);
  const term = parseOffsetTerm(tokens);
  tokens.leave();
  return durationOf(term);
}

function durationOf(term: DurationTerm): Duration {
  if (term.kind !== 'number') return term;
  // Prometheus rounds to nanoseconds, and evaluates whole milliseconds. Zero has no sign.
  return Math.trunc(Math.round(term.value * 1e9) / 1e6) + 0;
}

/**
 * Reads one signed term: `foo offset 2 ^ 2` is `(foo offset 2) ^ 2`. A term that begins with a
 * parenthesis or with two signs may go on as an expression.
 */
function parseOffsetTerm(tokens: Tokens): DurationTerm {
  const { kind } = tokens.peek();
  if (kind === '(') return parseTerm(tokens, 0);
  if (kind !== '+' && kind !== '-') return parseOperand(tokens);
  const sign = tokens.take();
  const next = tokens.peek().kind;
  if (next === '+' || next === '-') {
    const operand = parseTerm(tokens, SIGN_PRECEDENCE + 1);
    return parseOperators(tokens, withSign(tokens, sign, operand), 0);
  }
  if (next === '(') {
    tokens.take();
    const inner = parseTerm(tokens, 0);
    tokens.expect(')');
    return withSign(tokens, sign, wrap(inner, inner.span));
  }
  if (next === 'number' || next === 'duration') {
    return withSign(tokens, sign, parseNumberLiteral(tokens));
  }
  const term = parseFunction(tokens);
  const span = spanOf(sign.start, term.span.end);
  requireSwitch(tokens, span);
  return Object.freeze({
    kind: 'duration-unary',
    op: sign.kind as '+' | '-',
    term,
    wrapped: false,
    span,
  });
}

function parseTerm(tokens: Tokens, minimum: number): DurationTerm {
  tokens.deeper(tokens.peek());
  const { kind } = tokens.peek();
  let left: DurationTerm;
  if (kind === '+' || kind === '-') {
    const sign = tokens.take();
    left = withSign(tokens, sign, parseTerm(tokens, SIGN_PRECEDENCE + 1));
  } else {
    left = parseOperand(tokens);
  }
  const term = parseOperators(tokens, left, minimum);
  tokens.shallower();
  return term;
}

/** Reads what operators join to `left`. */
function parseOperators(tokens: Tokens, left: DurationTerm, minimum: number): DurationTerm {
  let term = left;
  for (let count = 0; ; count++) {
    const { kind } = tokens.peek();
    if (!OPERATORS.has(kind)) return term;
    const op = kind as DurationBinary['op']; // the set holds these only
    const precedence = PRECEDENCE[op];
    if (precedence < minimum) return term;
    tokens.limitDepth(count, term.span);
    const token = tokens.take();
    const right = parseTerm(tokens, op === '^' ? precedence : precedence + 1);
    term = binaryTerm(tokens, { left: term, token, op, right });
  }
}

interface BinaryParts {
  readonly left: DurationTerm;
  readonly token: Token;
  readonly op: DurationBinary['op'];
  readonly right: DurationTerm;
}

function binaryTerm(tokens: Tokens, { left, token, op, right }: BinaryParts): DurationTerm {
  requireSwitch(tokens, left.span);
  const isByZero = right.kind === 'number' && right.value === 0;
  if (isByZero && (op === '/' || op === '%')) {
    tokens.fault(token, op === '/' ? 'division by zero' : 'modulo by zero');
    return numberLiteral(0, false, { start: 0, end: 0 });
  }
  const span = spanOf(left.span.start, right.span.end);
  return Object.freeze({ kind: 'duration-binary', op, left, right, wrapped: false, span });
}

/** Reads a literal, a function or a parenthesis. */
function parseOperand(tokens: Tokens): DurationTerm {
  const { kind } = tokens.peek();
  if (kind === '(') return parseParenthesis(tokens);
  if (kind === 'number' || kind === 'duration') {
    const literal = parseNumberLiteral(tokens);
    return isOutOfRange(literal.value) ? outOfRange(tokens, literal.span) : literal;
  }
  const call = parseFunction(tokens);
  requireSwitch(tokens, call.span);
  return call;
}

function parseFunction(tokens: Tokens): DurationCall {
  const { kind: name } = tokens.peek();
  if (name !== 'step' && name !== 'range' && name !== 'max_of' && name !== 'min_of') {
    tokens.unexpected();
  }
  const { start } = tokens.take();
  tokens.expect('(');
  const args: DurationTerm[] = [];
  if (name === 'max_of' || name === 'min_of') {
    args.push(parseTerm(tokens, 0));
    tokens.expect(',');
    args.push(parseTerm(tokens, 0));
  }
  const { end } = tokens.expect(')');
  const [first, second] = args;
  // Prometheus says of these two functions that they stand where their arguments do.
  const span = spanOf(first?.span.start ?? start, second?.span.end ?? end);
  return Object.freeze({
    kind: 'duration-call',
    name,
    args: Object.freeze(args),
    wrapped: false,
    span,
  });
}

function parseParenthesis(tokens: Tokens): DurationTerm {
  const { start } = tokens.take();
  const inner = parseTerm(tokens, 0);
  const { end } = tokens.expect(')');
  requireSwitch(tokens, inner.span);
  return wrap(inner, { start, end });
}

/** Marks a term as one in parentheses; a literal has no room for the mark and gets a node around. */
function wrap(term: DurationTerm, span: Span): DurationTerm {
  if (term.kind !== 'number')
    return term.wrapped ? term : Object.freeze({ ...term, wrapped: true });
  return Object.freeze({
    kind: 'duration-unary',
    op: '+',
    term,
    wrapped: true,
    span: spanOf(span.start, term.span.end),
  });
}

function withSign(tokens: Tokens, sign: Token, term: DurationTerm): DurationTerm {
  const isMinus = sign.kind === '-';
  if (term.kind === 'number') {
    const value = isMinus ? -term.value : term.value;
    if (isOutOfRange(value)) return outOfRange(tokens, sign);
    return numberLiteral(value, term.isDuration, { start: sign.start, end: term.span.end });
  }
  if (!isMinus) return term;
  const span = spanOf(sign.start, term.span.end);
  return Object.freeze({ kind: 'duration-unary', op: '-', term, wrapped: false, span });
}

function isOutOfRange(seconds: number): boolean {
  // NaN is none either, although Prometheus takes it for the smallest number of 64 bits.
  return !(Math.abs(seconds) <= MAX_SECONDS);
}

function outOfRange(tokens: Tokens, span: Span): DurationTerm {
  tokens.fault(span, 'duration out of range');
  return numberLiteral(0, false, { start: 0, end: 0 });
}

function requireSwitch(tokens: Tokens, span: Span): void {
  if (tokens.switches.durationExpressions) return;
  tokens.fault(span, 'experimental duration expression is not enabled');
}
