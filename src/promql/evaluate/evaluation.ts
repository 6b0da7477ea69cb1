/**
 * What the parts of an evaluation share: settings, tables, and the way to the values of subexpressions.
 */
import type { Expression, Span, VectorSelector } from '../tree.ts';
import type { Annotations, Place } from './annotations.ts';
import type { Budget } from './budget.ts';
import type { Columns, Grid } from './columns.ts';
import type { LabelTable } from './labels.ts';
import type { LoadedSeries } from './load.ts';
import type { RangeVector } from './samples.ts';
import type { Storage } from './storage.ts';

/** How a query is evaluated; equal for all of its parts. */
export interface Settings {
  readonly storage: Storage;
  /** The first step of the query; the only one of an instant query. */
  readonly startMs: number;
  /** The last step is not later than this. */
  readonly endMs: number;
  /** 0 for an instant query. */
  readonly stepMs: number;
  /** How old a sample may be that a selector still takes. */
  readonly lookbackMs: number;
  /** The step of subqueries that name none. */
  readonly subqueryStepMs: number;
  /** Names that functions remove stay readable until the end of the evaluation. */
  readonly delayedNameRemoval: boolean;
  /** Counters are known by their `__type__` instead of their name. */
  readonly typeLabels: boolean;
  /** Start times of counters are taken into account. */
  readonly startTimes: boolean;
}

/** Evaluates the parts of one query. */
export interface Evaluation {
  readonly settings: Settings;
  readonly labels: LabelTable;
  readonly annotations: Annotations;
  readonly budget: Budget;
  /** The value of an instant vector at each step. */
  vector(node: Expression, grid: Grid): Promise<Columns>;
  /** The value of a scalar at each step. */
  scalar(node: Expression, grid: Grid): Promise<Float64Array>;
  /** The samples of a range vector, and the window of each step. */
  range(node: Expression, grid: Grid): Promise<RangeVector>;
  /** The series of a selector of the query. */
  load(selector: VectorSelector): Promise<readonly LoadedSeries[]>;
  /** Ends what waits for the storage. */
  readonly signal: AbortSignal | undefined;
  /** The text of the query, for what is computed from its places. */
  readonly query: string;
  /** Where a node stands in the query, as messages print the place. */
  place(node: { readonly span: Span }): Place;
}

/** The expression within any number of parentheses. */
export function unwrap(node: Expression): Expression {
  let inner = node;
  while (inner.kind === 'parenthesized') inner = inner.expr;
  return inner;
}
