/**
 * The tree of a PromQL expression: frozen plain data, one kind of node per concept.
 *
 * `parse.ts` builds trees, `check.ts` holds them to the type rules, `print.ts` writes them as text.
 * A tree that `parse.ts` returned is always well typed. Every duration is in milliseconds.
 *
 * Text is a sequence of bytes in PromQL, and an escape such as `\xc5` may write bytes that are no
 * UTF-8. Such a byte stands in a JavaScript string as one lone surrogate, U+DC00 plus the byte.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/basics/
 */
import type { AggregationOperator, BinaryOperator, MatchOperator } from './operators.ts';

/** The four types of values; `vector` is an instant vector, `matrix` a range vector. */
export type ValueType = 'scalar' | 'string' | 'vector' | 'matrix';

/** Where a node stands in the query: indices of the JavaScript string, `end` behind the last unit. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export type Expression =
  | Aggregation
  | Binary
  | Call
  | NumberLiteral
  | Parenthesized
  | RangeSelector
  | StringLiteral
  | Subquery
  | Unary
  | VectorSelector;

/** `sum by (job) (expr)`, `topk(param, expr)`. */
export interface Aggregation {
  readonly kind: 'aggregation';
  readonly op: AggregationOperator;
  readonly expr: Expression;
  /** Only `topk bottomk count_values quantile limitk limit_ratio` have a parameter. */
  readonly param: Expression | undefined;
  readonly grouping: readonly string[];
  /** Whether `grouping` names the labels to drop instead of those to keep. */
  readonly without: boolean;
  readonly span: Span;
}

/** `left op right`. */
export interface Binary {
  readonly kind: 'binary';
  readonly op: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
  /** Whether a comparison gives 0 or 1 instead of filtering. */
  readonly returnBool: boolean;
  /** Present if and only if both sides are instant vectors. */
  readonly matching: VectorMatching | undefined;
  readonly type: ValueType;
  readonly span: Span;
}

type Cardinality = 'one-to-one' | 'many-to-one' | 'one-to-many' | 'many-to-many';

/** How the series of two instant vectors find their partners. */
export interface VectorMatching {
  /** `many-to-one` is `group_left`; set operators are `many-to-many`. */
  readonly cardinality: Cardinality;
  /** Whether `labels` are the only ones compared (`on`) or the only ones ignored (`ignoring`). */
  readonly on: boolean;
  readonly labels: readonly string[];
  /** The labels that `group_left` and `group_right` copy from the "one" side. */
  readonly include: readonly string[];
  /** The value of a missing partner on the left, or undefined where such series are dropped. */
  readonly fillLeft: number | undefined;
  readonly fillRight: number | undefined;
}

/** `name(args)`; `functions.ts` has the signature of the name. */
export interface Call {
  readonly kind: 'call';
  readonly name: string;
  readonly args: readonly Expression[];
  readonly span: Span;
}

export interface NumberLiteral {
  readonly kind: 'number';
  readonly value: number;
  /** Whether the number was written as a duration (`5m` is 300 seconds) and prints as one. */
  readonly isDuration: boolean;
  readonly span: Span;
}

interface Parenthesized {
  readonly kind: 'parenthesized';
  readonly expr: Expression;
  readonly type: ValueType;
  readonly span: Span;
}

interface StringLiteral {
  readonly kind: 'string';
  readonly value: string;
  readonly span: Span;
}

/** `+expr` or `-expr`; a sign before a literal is part of the literal. */
export interface Unary {
  readonly kind: 'unary';
  readonly op: '+' | '-';
  readonly expr: Expression;
  readonly type: ValueType;
  readonly span: Span;
}

/** A time that an `@` modifier fixes, in milliseconds, or the start or end of the query's range. */
export type AtModifier = number | 'start' | 'end';

/** A duration in milliseconds (0 is none), or an expression that the evaluation must compute. */
export type Duration = number | DurationTerm;

/** `name{matchers}` with its modifiers; of a range selector, the inner selector bears them. */
export interface VectorSelector {
  readonly kind: 'vector-selector';
  /** The metric name before the braces; empty where it stands within them or is absent. */
  readonly name: string;
  /** All matchers in the order of the text; the one for `name` is the last. */
  readonly matchers: readonly Matcher[];
  readonly offset: Duration;
  readonly at: AtModifier | undefined;
  /** How the values at the bounds of the range are found. */
  readonly bounds: 'plain' | 'anchored' | 'smoothed';
  readonly span: Span;
}

export interface Matcher {
  readonly name: string;
  readonly op: MatchOperator;
  readonly value: string;
}

/** `selector[range]`. */
export interface RangeSelector {
  readonly kind: 'range-selector';
  readonly selector: VectorSelector;
  readonly range: Duration;
  readonly span: Span;
}

/** `expr[range:step]`. */
export interface Subquery {
  readonly kind: 'subquery';
  readonly expr: Expression;
  readonly range: Duration;
  /** 0: the default step of the evaluation. */
  readonly step: Duration;
  readonly offset: Duration;
  readonly at: AtModifier | undefined;
  readonly span: Span;
}

/** What a duration expression is made of; its numbers are seconds. */
export type DurationTerm = NumberLiteral | DurationBinary | DurationUnary | DurationCall;

export interface DurationBinary {
  readonly kind: 'duration-binary';
  readonly op: '+' | '-' | '*' | '/' | '%' | '^';
  readonly left: DurationTerm;
  readonly right: DurationTerm;
  /** Whether the term stands in parentheses. */
  readonly wrapped: boolean;
  readonly span: Span;
}

/** A negated term. With `+` it is a number in parentheses. */
export interface DurationUnary {
  readonly kind: 'duration-unary';
  readonly op: '+' | '-';
  readonly term: DurationTerm;
  readonly wrapped: boolean;
  readonly span: Span;
}

/** `step()`, `range()`, `min_of(a, b)` or `max_of(a, b)`, in seconds. */
export interface DurationCall {
  readonly kind: 'duration-call';
  readonly name: 'step' | 'range' | 'min_of' | 'max_of';
  /** None for `step` and `range`, else two. */
  readonly args: readonly DurationTerm[];
  readonly wrapped: boolean;
  readonly span: Span;
}
