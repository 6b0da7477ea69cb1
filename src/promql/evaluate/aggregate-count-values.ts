/**
 * `count_values`: how often each value occurs, the value as a label.
 */
import { printNumber } from '../literal/number.ts';
import { quoteText } from '../literal/quote.ts';
import type { Aggregation } from '../tree.ts';
import { LABELS_WORK } from './budget.ts';
import { ABSENT, type Columns, ColumnsBuilder, FLOAT, type Grid, histogramAt } from './columns.ts';
import { type Evaluation, unwrap } from './evaluation.ts';
import { EvaluationError } from './failure.ts';
import { groupingOf } from './groups.ts';
import type { Labels } from './labels.ts';
import { joinEqualSeries, labelsAt } from './rows.ts';
import { printHistogram } from './write-values.ts';

/** Counts the samples of each group that have equal values. */
export async function countValues(
  node: Aggregation,
  grid: Grid,
  evaluation: Evaluation,
): Promise<Columns> {
  const { labels: table, budget } = evaluation;
  const param = node.param === undefined ? undefined : unwrap(node.param);
  const label = param?.kind === 'string' ? param.value : '';
  if (label === '' || /[\ud800-\udfff]/u.test(label)) {
    throw new EvaluationError(`invalid label name ${quoteText(label)}`);
  }
  const columns = await evaluation.vector(node.expr, grid);
  const grouping = groupingOf(
    { grouping: node.without ? node.grouping : [...node.grouping, label], without: node.without },
    table,
  );
  const { steps } = columns;
  const counts = new Map<Labels, { readonly counts: Float64Array; dropsName: boolean }>();
  for (let row = 0; row < columns.labels.length; row++) {
    for (let step = 0; step < steps; step++) {
      const cell = row * steps + step;
      if (columns.kinds[cell] === ABSENT) continue;
      const text =
        columns.kinds[cell] === FLOAT
          ? printNumber(columns.values[cell] ?? 0)
          : printHistogram(histogramAt(columns, cell));
      const key = grouping(table.set(labelsAt(columns, row), [[label, text]]));
      let group = counts.get(key);
      if (group === undefined) {
        group = { counts: new Float64Array(steps), dropsName: false };
        counts.set(key, group);
        budget.hold(steps);
      }
      group.counts[step] = (group.counts[step] ?? 0) + 1;
      if (columns.dropsName[row] === 1) group.dropsName = true;
      if (budget.turnIsOver(4 * LABELS_WORK)) await budget.giveTurn();
    }
  }
  const builder = new ColumnsBuilder(steps, counts.size);
  for (const [labels, group] of counts) {
    group.counts.forEach((count, step) => {
      if (count > 0) builder.setFloat(step, count);
    });
    builder.endRow(labels, group.dropsName);
    if (budget.turnIsOver(steps)) await budget.giveTurn();
  }
  return joinEqualSeries(builder.finish(), budget);
}
