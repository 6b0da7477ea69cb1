/**
 * Which times selectors and subqueries read at each step, and which expressions no step changes.
 */
import type { AtModifier, Expression, Subquery } from '../tree.ts';
import { type Grid, timeAt } from './columns.ts';
import { durationMs } from './duration.ts';
import type { Settings } from './settings.ts';

/** Functions whose value depends on the time of the step even if their arguments do not. */
const DEPENDS_ON_TIME: ReadonlySet<string> = new Set([
  ...['days_in_month', 'day_of_month', 'day_of_week', 'day_of_year', 'hour', 'minute', 'month'],
  ...['year', 'predict_linear', 'time', 'timestamp', 'start_timestamp'],
]);

/** Whether an expression has the same value at every step. */
export function isInvariant(node: Expression): boolean {
  switch (node.kind) {
    case 'number':
    case 'string':
      return true;
    case 'vector-selector':
    case 'subquery':
      return node.at !== undefined;
    case 'range-selector':
      return node.selector.at !== undefined;
    case 'parenthesized':
    case 'unary':
      return isInvariant(node.expr);
    case 'binary':
      return isInvariant(node.left) && isInvariant(node.right);
    case 'aggregation':
      return isInvariant(node.expr) && (node.param === undefined || isInvariant(node.param));
    case 'call':
      return !DEPENDS_ON_TIME.has(node.name) && node.args.every(isInvariant);
  }
}

/** The grid of an expression that no step changes: one step. */
export function onlyFirstStep(grid: Grid): Grid {
  return grid.steps === 1 ? grid : { ...grid, steps: 1 };
}

/** The time that a selector reads at a step, offset and `@` applied. */
export function referenceMs(
  atMs: number,
  at: AtModifier | undefined,
  offsetMs: number,
  settings: Pick<Settings, 'startMs' | 'endMs'>,
): number {
  if (at === undefined) return atMs - offsetMs;
  if (at === 'start') return settings.startMs - offsetMs;
  if (at === 'end') return settings.endMs - offsetMs;
  return at - offsetMs;
}

/** The steps at which the expression of a subquery is evaluated: multiples of the subquery's step. */
export function subqueryGrid(node: Subquery, grid: Grid, query: string, settings: Settings): Grid {
  const rangeMs = durationMs(node.range, 'range', query, settings);
  const offsetMs = durationMs(node.offset, 'offset', query, settings);
  const stepMs =
    node.step === 0 ? settings.subqueryStepMs : durationMs(node.step, 'range', query, settings);
  const last = grid.steps - 1;
  const firstMs = referenceMs(timeAt(grid, 0), node.at, offsetMs, settings) - rangeMs;
  const lastMs = referenceMs(timeAt(grid, last), node.at, offsetMs, settings);
  const startMs = (Math.floor(firstMs / stepMs) + 1) * stepMs;
  const steps = Math.max(0, Math.floor((lastMs - startMs) / stepMs) + 1);
  return { startMs, stepMs, steps };
}
