/** The operators of PromQL: their names, their classes and how tightly they bind. */

type ArithmeticOperator = '+' | '-' | '*' | '/' | '%' | '^' | 'atan2';
export type ComparisonOperator = '==' | '!=' | '<=' | '<' | '>=' | '>';
export type SetOperator = 'and' | 'or' | 'unless';
/** They cut native histograms at a value. */
type TrimOperator = '</' | '>/';
export type BinaryOperator = ArithmeticOperator | ComparisonOperator | SetOperator | TrimOperator;

export type MatchOperator = '=' | '!=' | '=~' | '!~';

export type AggregationOperator =
  | ('sum' | 'avg' | 'count' | 'min' | 'max' | 'group' | 'stddev' | 'stdvar')
  | ('topk' | 'bottomk' | 'count_values' | 'quantile' | 'limitk' | 'limit_ratio');

/** How tightly a binary operator binds; the higher number binds first. */
export const PRECEDENCE: Readonly<Record<BinaryOperator, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  '==': 3,
  '!=': 3,
  '<=': 3,
  '<': 3,
  '>=': 3,
  '>': 3,
  '</': 3,
  '>/': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  atan2: 5,
  '^': 6,
};

const COMPARISONS: ReadonlySet<string> = new Set(['==', '!=', '<=', '<', '>=', '>']);
const SETS: ReadonlySet<string> = new Set(['and', 'or', 'unless']);
const WITH_PARAMETER: ReadonlySet<string> = new Set([
  ...['topk', 'bottomk', 'count_values', 'quantile', 'limitk', 'limit_ratio'],
]);
const EXPERIMENTAL: ReadonlySet<string> = new Set(['limitk', 'limit_ratio']);

export function isComparison(op: BinaryOperator): op is ComparisonOperator {
  return COMPARISONS.has(op);
}

export function isSetOperator(op: BinaryOperator): op is SetOperator {
  return SETS.has(op);
}

/** Whether an aggregation takes a parameter before its expression. */
export function takesParameter(op: AggregationOperator): boolean {
  return WITH_PARAMETER.has(op);
}

/** Whether an aggregation exists only behind the switch for experimental functions. */
export function isExperimentalAggregation(op: AggregationOperator): boolean {
  return EXPERIMENTAL.has(op);
}
