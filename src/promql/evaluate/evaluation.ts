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
import type { Settings } from './settings.ts';

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
