/**
 * `avg`: the arithmetic mean, which does not overflow.
 */
import type { Aggregation } from '../tree.ts';
import { sumGroups } from './aggregate-sum.ts';
import { type Columns, ColumnsBuilder, FLOAT, HISTOGRAM, histogramAt } from './columns.ts';
import { RunningMean } from './compensated.ts';
import type { Evaluation } from './evaluation.ts';
import type { Groups } from './groups.ts';
import type { Histogram } from './histogram.ts';
import { isFiniteHistogram, mapCounts, meanOfShares } from './histogram-arithmetic.ts';

/** The work of a mean of histograms, in cells. */
const HISTOGRAM_WORK = 512;

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
  const { budget } = evaluation;
  const sums = await sumGroups(node, columns, groups, evaluation);
  const { steps } = columns;
  const builder = new ColumnsBuilder(steps, groups.labels.length);
  const counts = new Int32Array(steps);
  let row = -1;
  for (const [group, labels] of groups.labels.entries()) {
    // The sums have the groups in the same order; a group without any sum has no row.
    if (sums.labels[row + 1] !== labels) continue;
    row++;
    const members = groups.rows[group] ?? [];
    counts.fill(0);
    for (const member of members) countFloats(columns, member, counts);
    averageRow(sums, row, counts, builder, (step) => meanAt(columns, members, step));
    if (sums.histograms !== undefined) {
      for (let step = 0; step < steps; step++) {
        if (sums.kinds[row * steps + step] !== HISTOGRAM) continue;
        const mean = histogramMean(columns, members, step, histogramAt(sums, row * steps + step));
        if (mean !== undefined) builder.setHistogram(step, mean);
        if (budget.turnIsOver(HISTOGRAM_WORK * members.length)) await budget.giveTurn();
      }
    }
    builder.endRow(labels, groups.dropsName[group] === true);
    if (budget.turnIsOver((members.length + 1) * steps)) await budget.giveTurn();
  }
  return builder.finish();
}

function countFloats({ kinds, steps }: Columns, row: number, counts: Int32Array): void {
  const base = row * steps;
  for (let step = 0; step < steps; step++) {
    if (kinds[base + step] === FLOAT) counts[step] = (counts[step] as number) + 1;
  }
}

/** Divides the sums of a row. */
function averageRow(
  { kinds, values, steps }: Columns,
  row: number,
  counts: Int32Array,
  builder: ColumnsBuilder,
  overflowed: (step: number) => number,
): void {
  const into = builder.openRow();
  const base = row * steps;
  for (let step = 0; step < steps; step++) {
    if (kinds[base + step] !== FLOAT) continue;
    const sum = values[base + step] as number;
    into.kinds[into.base + step] = FLOAT;
    into.values[into.base + step] =
      sum - sum === 0 ? sum / (counts[step] as number) : overflowed(step);
  }
}

function histogramMean(
  columns: Columns,
  members: readonly number[],
  step: number,
  sum: Histogram,
): Histogram | undefined {
  const all = members
    .map((member) => member * columns.steps + step)
    .filter((source) => columns.kinds[source] === HISTOGRAM)
    .map((source) => histogramAt(columns, source));
  return isFiniteHistogram(sum) ? mapCounts(sum, (count) => count / all.length) : meanOfShares(all);
}

function meanAt({ kinds, values, steps }: Columns, rows: readonly number[], step: number): number {
  const mean = new RunningMean();
  for (const row of rows) {
    const cell = row * steps + step;
    if (kinds[cell] === FLOAT) mean.add(values[cell] ?? 0);
  }
  return mean.value();
}
