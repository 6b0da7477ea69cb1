/**
 * Aggregations: one series from each group of series, or some series of each group.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/operators/#aggregation-operators
 */
import type { Aggregation } from '../tree.ts';
import { averageGroups } from './aggregate-average.ts';
import { chooseSeries } from './aggregate-choice.ts';
import { countValues } from './aggregate-count-values.ts';
import { reduceGroups } from './aggregate-reduce.ts';
import { sumGroups } from './aggregate-sum.ts';
import type { Columns, Grid } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import { type Groups, groupingOf, groupRows } from './groups.ts';

/** The value of an aggregation at each step. */
export async function aggregate(
  node: Aggregation,
  grid: Grid,
  evaluation: Evaluation,
): Promise<Columns> {
  if (node.op === 'count_values') return countValues(node, grid, evaluation);
  const parameter =
    node.param === undefined ? undefined : await evaluation.scalar(node.param, grid);
  const columns = await evaluation.vector(node.expr, grid);
  const grouping = groupingOf(node, evaluation.labels);
  const groups = await groupRows(columns, grouping, evaluation.budget);
  if (KEEPS_SINGLE.has(node.op) && groups.labels.length === columns.labels.length) {
    const single = singleMembers(columns, groups);
    if (single !== undefined) return single;
  }
  switch (node.op) {
    case 'sum':
      return sumGroups(node, columns, groups, evaluation);
    case 'avg':
      return averageGroups(node, columns, groups, evaluation);
    case 'topk':
    case 'bottomk':
    case 'limitk':
    case 'limit_ratio':
      return chooseSeries(
        node,
        columns,
        groups,
        parameter ?? new Float64Array(grid.steps),
        evaluation,
      );
    case 'min':
    case 'max':
    case 'count':
    case 'group':
    case 'stddev':
    case 'stdvar':
    case 'quantile':
      return reduceGroups(node, columns, groups, { parameter, evaluation });
  }
}

/** Aggregations that give a number alone as it is. */
const KEEPS_SINGLE: ReadonlySet<string> = new Set(['sum', 'avg', 'min', 'max']);

/**
 * Groups of one series each: the same numbers with other labels.
 *
 * @returns undefined if there are histograms, or a negative zero, which a sum makes a zero
 */
function singleMembers(columns: Columns, groups: Groups): Columns | undefined {
  const { values, histograms } = columns;
  if (histograms !== undefined) return undefined;
  for (let cell = 0; cell < values.length; cell++) {
    if (values[cell] === 0 && Object.is(values[cell], -0)) return undefined;
  }
  return {
    ...columns,
    labels: groups.labels,
    dropsName: Uint8Array.from(groups.dropsName, Number),
  };
}
