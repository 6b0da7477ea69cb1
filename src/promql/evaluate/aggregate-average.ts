/**
 * `avg`: the arithmetic mean, which does not overflow.
 */
import type { Aggregation } from '../tree.ts';
import { sumGroups } from './aggregate-sum.ts';
import { type Columns, ColumnsBuilder, FLOAT, HISTOGRAM, histogramAt } from './columns.ts';
import { RunningMean } from './compensated.ts';
import type { Evaluation } from './evaluation.ts';
import type { Groups } from './groups.ts';
import { isFiniteHistogram, mapCounts, meanOfShares } from './histogram-arithmetic.ts';

/**
 * The mean of each group.
 *
 * The sum divided by the count is the mean as long as the sum is finite, which is nearly always.
 */
export async function averageGroups(
  node: Aggregation,
  columns: Columns,
  groups: Groups,
  evaluation: Evaluation,
): Promise<Columns> {
  const sums = await sumGroups(node, columns, groups, evaluation);
  const { steps } = columns;
  const rowOf = new Map(sums.labels.map((labels, row) => [labels, row]));
  const builder = new ColumnsBuilder(steps, groups.labels.length);
  for (const [group, labels] of groups.labels.entries()) {
    const row = rowOf.get(labels);
    if (row === undefined) continue;
    const members = groups.rows[group] ?? [];
    const counts = countMembers(columns, members);
    for (let step = 0; step < steps; step++) {
      const cell = row * steps + step;
      if (sums.kinds[cell] === FLOAT) {
        const sum = sums.values[cell] ?? 0;
        const value = Number.isFinite(sum)
          ? sum / (counts[step] ?? 1)
          : meanAt(columns, members, step);
        builder.setFloat(step, value);
      } else if (sums.kinds[cell] === HISTOGRAM) {
        const all = members
          .map((member) => member * steps + step)
          .filter((source) => columns.kinds[source] === HISTOGRAM)
          .map((source) => histogramAt(columns, source));
        const sum = histogramAt(sums, cell);
        const mean = isFiniteHistogram(sum)
          ? mapCounts(sum, (count) => count / all.length)
          : meanOfShares(all);
        if (mean !== undefined) builder.setHistogram(step, mean);
      }
      if (evaluation.budget.turnIsOver()) await evaluation.budget.giveTurn();
    }
    builder.endRow(labels, groups.dropsName[group] === true);
  }
  return builder.finish();
}

function countMembers({ kinds, steps }: Columns, rows: readonly number[]): Int32Array {
  const counts = new Int32Array(steps);
  for (const row of rows) {
    for (let step = 0; step < steps; step++) {
      if (kinds[row * steps + step] === FLOAT) counts[step] = (counts[step] ?? 0) + 1;
    }
  }
  return counts;
}

function meanAt({ kinds, values, steps }: Columns, rows: readonly number[], step: number): number {
  const mean = new RunningMean();
  for (const row of rows) {
    const cell = row * steps + step;
    if (kinds[cell] === FLOAT) mean.add(values[cell] ?? 0);
  }
  return mean.value();
}
