/** What may stand behind a binary operator: `bool`, `on`, `ignoring`, `group_…` and `fill…`. */

import { mayBeginExpression, type TokenKind } from '../lex/token.ts';
import type { VectorMatching } from '../tree.ts';
import { parseGrouping } from './grouping.ts';
import { parseNumberLiteral } from './literal.ts';
import type { Tokens } from './tokens.ts';

export interface BinaryModifiers {
  readonly returnBool: boolean;
  readonly matching: VectorMatching;
}

/** The matching of an operator without modifiers. */
const NO_MATCHING: VectorMatching = Object.freeze({
  cardinality: 'one-to-one',
  on: false,
  labels: Object.freeze([]),
  include: Object.freeze([]),
  fillLeft: undefined,
  fillRight: undefined,
});
const PLAIN: BinaryModifiers = { returnBool: false, matching: NO_MATCHING };
const FIRST: ReadonlySet<TokenKind> = new Set([
  ...(['bool', 'on', 'ignoring', 'fill', 'fill_left', 'fill_right'] as const),
]);

/** Reads the modifiers, of which there may be none. */
export function parseBinaryModifiers(tokens: Tokens): BinaryModifiers {
  if (!FIRST.has(tokens.peek().kind)) return PLAIN;
  const returnBool = tokens.takeIf('bool') !== undefined;
  const matching = { ...NO_MATCHING, ...parseOn(tokens), ...parseFill(tokens) };
  return { returnBool, matching: Object.freeze(matching) };
}

function parseOn(tokens: Tokens): Partial<VectorMatching> {
  const { kind } = tokens.peek();
  if (kind !== 'on' && kind !== 'ignoring') return {};
  tokens.take();
  const written = { on: kind === 'on', labels: parseGrouping(tokens) };
  const group = tokens.peek().kind;
  if (group !== 'group_left' && group !== 'group_right') return written;
  tokens.take();
  const next = tokens.peek().kind;
  const hasList = next === '(' || !mayBeginExpression(next);
  const include = hasList ? parseGrouping(tokens) : NO_MATCHING.include;
  const cardinality = group === 'group_left' ? 'many-to-one' : 'one-to-many';
  return { ...written, cardinality, include };
}

function parseFill(tokens: Tokens): Partial<VectorMatching> {
  const { kind } = tokens.peek();
  if (kind === 'fill') {
    const value = parseFillValue(tokens);
    return { fillLeft: value, fillRight: value };
  }
  if (kind === 'fill_left') {
    const fillLeft = parseFillValue(tokens);
    if (tokens.peek().kind !== 'fill_right') return { fillLeft };
    return { fillLeft, fillRight: parseFillValue(tokens) };
  }
  if (kind === 'fill_right') {
    const fillRight = parseFillValue(tokens);
    if (tokens.peek().kind !== 'fill_left') return { fillRight };
    return { fillLeft: parseFillValue(tokens), fillRight };
  }
  return {};
}

function parseFillValue(tokens: Tokens): number {
  tokens.take();
  tokens.expect('(');
  const sign = tokens.takeIf('-') ?? tokens.takeIf('+');
  const { value } = parseNumberLiteral(tokens);
  tokens.expect(')');
  return sign?.kind === '-' ? -value : value;
}
