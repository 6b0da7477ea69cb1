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
import { groupingOf, groupRows } from './groups.ts';

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
