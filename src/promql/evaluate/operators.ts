/**
 * Binary operators on two single values, numbers or native histograms.
 */
import type { BinaryOperator } from '../operators.ts';
import type { Annotations, Place } from './annotations.ts';
import { equalHistograms, type Histogram } from './histogram.ts';
import { combine, divide, scale } from './histogram-arithmetic.ts';
import { trim } from './histogram-trim.ts';

/** A number or a histogram. */
export type Operand = number | Histogram;

/** The value of an operator on two numbers; comparisons give 1 for true and 0 for false. */
export function onNumbers(op: BinaryOperator, a: number, b: number): number {
  switch (op) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return a % b;
    case '^':
      return power(a, b);
    case 'atan2':
      return Math.atan2(a, b);
    case '==':
      return Number(a === b);
    case '!=':
      return Number(a !== b);
    case '<':
      return Number(a < b);
    case '<=':
      return Number(a <= b);
    case '>':
      return Number(a > b);
    case '>=':
      return Number(a >= b);
    default:
      return Number.NaN;
  }
}

/** Powers as IEEE 754 defines them: 1 to any power is 1, also to NaN; -1 to an infinite power is 1. */
function power(base: number, exponent: number): number {
  if (base === 1) return 1;
  if (base === -1 && Math.abs(exponent) === Infinity) return 1;
  return base ** exponent;
}

/** Reports what an operator met, each text at the place of the expression. */
export interface OperatorReport {
  readonly annotations: Annotations;
  readonly place: Place;
}

/**
 * The value of an operator of which at least one operand is a histogram.
 *
 * @returns the value; for comparisons whether they hold; undefined if the operator does not take such operands
 */
export function onHistograms(
  op: BinaryOperator,
  a: Operand,
  b: Operand,
  report: OperatorReport,
): Operand | boolean | undefined {
  if (typeof a !== 'number' && typeof b !== 'number') {
    if (op === '+' || op === '-') return sum(op, a, b, report);
    if (op === '==') return equalHistograms(a, b);
    if (op === '!=') return !equalHistograms(a, b);
  } else if (typeof a !== 'number' && typeof b === 'number') {
    if (op === '*') return scale(a, b);
    if (op === '/') return divide(a, b);
    if (op === '</') return trim(a, b, 'below');
    if (op === '>/') return trim(a, b, 'above');
  } else if (typeof a === 'number' && typeof b !== 'number') {
    if (op === '*') return scale(b, a);
  }
  noteTypes(op, a, b, report);
  return undefined;
}

/** Says that an operator does not take operands of these types. */
export function noteTypes(
  op: BinaryOperator,
  a: Operand,
  b: Operand,
  report: OperatorReport,
): void {
  const word = (operand: Operand) => (typeof operand === 'number' ? 'float' : 'histogram');
  report.annotations.info(
    `incompatible sample types encountered for binary operator "${op}": ${word(a)} ${op} ${word(b)}`,
    report.place,
  );
}

function sum(
  op: '+' | '-',
  a: Histogram,
  b: Histogram,
  { annotations, place }: OperatorReport,
): Histogram | undefined {
  const combined = combine(a, b, op === '+' ? 1 : -1);
  if (combined === undefined) {
    annotations.warn(`incompatible bucket layout encountered for binary operator ${op}`, place);
    return undefined;
  }
  const word = op === '+' ? 'addition' : 'subtraction';
  if (combined.conflictingResets) {
    annotations.warn(`conflicting counter resets during histogram ${word}`, place);
  }
  if (combined.boundsDiffered) {
    annotations.info(`mismatched custom buckets were reconciled during ${word}`, place);
  }
  return op === '+' ? combined.histogram : { ...combined.histogram, hint: 'gauge' };
}
