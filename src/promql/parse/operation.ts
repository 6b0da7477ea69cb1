/** The nodes of operators and aggregations, and what the parser itself refuses of them. */
import {
  type AggregationOperator,
  type BinaryOperator,
  isExperimentalAggregation,
  isSetOperator,
  takesParameter,
} from '../operators.ts';
import type { Aggregation, Binary, Expression, VectorMatching } from '../tree.ts';
import { typeOf } from '../types.ts';
import { numberLiteral, spanOf } from './literal.ts';
import type { BinaryModifiers } from './matching.ts';
import type { Tokens } from './tokens.ts';

export const NO_ARGUMENTS = 'no arguments for aggregate expression provided';

interface BinaryParts {
  readonly left: Expression;
  readonly op: BinaryOperator;
  readonly modifiers: BinaryModifiers;
  readonly right: Expression;
}

export function binary(tokens: Tokens, { left, op, modifiers, right }: BinaryParts): Binary {
  const span = spanOf(left.span.start, right.span.end);
  const { returnBool, matching: written } = modifiers;
  const hasFill = written.fillLeft !== undefined || written.fillRight !== undefined;
  if (hasFill && !tokens.switches.fillModifiers) {
    tokens.fault(span, 'binop fill modifiers are experimental and not enabled');
  }
  const [leftType, rightType] = [typeOf(left), typeOf(right)];
  const type = leftType === 'scalar' && rightType === 'scalar' ? 'scalar' : 'vector';
  const matching = matchingOf(op, written, leftType === 'vector' && rightType === 'vector');
  return Object.freeze({ kind: 'binary', op, left, right, returnBool, matching, type, span });
}

/** The matching of an operator; where none is allowed, only one that the checker will refuse. */
function matchingOf(
  op: BinaryOperator,
  written: VectorMatching,
  isOfVectors: boolean,
): VectorMatching | undefined {
  const { cardinality, labels, fillLeft, fillRight } = written;
  if (!isOfVectors) {
    const isRefused = labels.length > 0 || fillLeft !== undefined || fillRight !== undefined;
    return isRefused ? written : undefined;
  }
  if (!isSetOperator(op) || cardinality !== 'one-to-one') return written;
  return Object.freeze({ ...written, cardinality: 'many-to-many' });
}

interface AggregationParts extends Pick<Aggregation, 'grouping' | 'without' | 'span'> {
  readonly args: readonly Expression[];
}

export function aggregation(
  tokens: Tokens,
  op: AggregationOperator,
  { args, grouping, without, span }: AggregationParts,
): Aggregation {
  const hasParameter = takesParameter(op);
  const expected = hasParameter ? 2 : 1;
  if (args.length === 0) {
    tokens.fault(span, NO_ARGUMENTS);
  } else if (isExperimentalAggregation(op) && !tokens.switches.experimentalFunctions) {
    tokens.fault(
      span,
      `${op}() is experimental and must be enabled with --enable-feature=promql-experimental-functions`,
    );
  } else if (args.length !== expected) {
    tokens.fault(
      span,
      `wrong number of arguments for aggregate expression provided, expected ${expected}, got ${args.length}`,
    );
  }
  // A tree with a fault is not returned, whatever stands for the missing argument.
  const expr = args[expected - 1] ?? numberLiteral(0, false, span);
  const param = hasParameter ? args[0] : undefined;
  return Object.freeze({ kind: 'aggregation', op, expr, param, grouping, without, span });
}
