/**
 * `sum`: compensated, for numbers and for native histograms.
 */
import type { Aggregation } from '../tree.ts';
import { ABSENT, type Columns, ColumnsBuilder, FLOAT, HISTOGRAM, histogramAt } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import type { Groups } from './groups.ts';
import type { Histogram } from './histogram.ts';
import { HistogramSum, type Reconciled } from './histogram-arithmetic.ts';

const MIXED = 3;

/** Adds the series of each group. */
export async function sumGroups(
  node: Aggregation,
  columns: Columns,
  groups: Groups,
  evaluation: Evaluation,
): Promise<Columns> {
  const { steps } = columns;
  const { budget } = evaluation;
  const cells = groups.labels.length * steps;
  const sums = new Float64Array(cells);
  const lost = new Float64Array(cells);
  const kinds = new Uint8Array(cells);
  for (let row = 0; row < columns.labels.length; row++) {
    addRow(columns, row, (groups.of[row] ?? 0) * steps, { sums, lost, kinds });
    if (budget.turnIsOver(steps)) await budget.giveTurn();
  }
  const builder = new ColumnsBuilder(steps, groups.labels.length);
  for (const [group, labels] of groups.labels.entries()) {
    for (let step = 0; step < steps; step++) {
      const cell = group * steps + step;
      const kind = kinds[cell];
      if (kind === FLOAT) builder.setFloat(step, (sums[cell] ?? 0) + (lost[cell] ?? 0));
      else if (kind === MIXED) warnMixedGroup(node, evaluation);
    }
    if (columns.histograms !== undefined) {
      await reduceHistograms(columns, groups.rows[group] ?? [], {
        node,
        builder,
        evaluation,
        start: (first) => new HistogramSum(first),
        skips: (step) => kinds[group * steps + step] !== HISTOGRAM,
      });
    }
    builder.endRow(labels, groups.dropsName[group] === true);
    if (budget.turnIsOver(steps)) await budget.giveTurn();
  }
  return builder.finish();
}

function addRow(
  { steps, kinds: from, values }: Columns,
  row: number,
  base: number,
  into: { readonly sums: Float64Array; readonly lost: Float64Array; readonly kinds: Uint8Array },
): void {
  const { sums, lost, kinds } = into;
  let source = row * steps;
  for (let cell = base; cell < base + steps; cell++, source++) {
    const kind = from[source] ?? ABSENT;
    if (kind === ABSENT) continue;
    const known = kinds[cell] ?? ABSENT;
    if (known === ABSENT) {
      kinds[cell] = kind;
      if (kind === FLOAT) sums[cell] = values[source] ?? 0;
    } else if (known !== kind) kinds[cell] = MIXED;
    else if (kind === FLOAT) {
      const sum = sums[cell] ?? 0;
      const value = values[source] ?? 0;
      const next = sum + value;
      if (next === Infinity || next === -Infinity) lost[cell] = 0;
      else if (Math.abs(sum) >= Math.abs(value))
        lost[cell] = (lost[cell] ?? 0) + (sum - next + value);
      else lost[cell] = (lost[cell] ?? 0) + (value - next + sum);
      sums[cell] = next;
    }
  }
}

/** Something that histograms are added to. */
interface Accumulator {
  add(histogram: Histogram): Reconciled | undefined;
  value(): Histogram | undefined;
}

/** How the histograms of a group become one. */
interface Reduction {
  readonly node: Aggregation;
  readonly builder: ColumnsBuilder;
  readonly evaluation: Evaluation;
  readonly start: (first: Histogram) => Accumulator;
  readonly skips: (step: number) => boolean;
}

/** Adds the histograms of the rows of one group, step by step. */
async function reduceHistograms(
  columns: Columns,
  rows: readonly number[],
  { node, builder, evaluation, start, skips }: Reduction,
): Promise<void> {
  const { annotations, budget } = evaluation;
  const place = evaluation.place(node.expr);
  for (let step = 0; step < columns.steps; step++) {
    if (skips(step)) continue;
    let total: Accumulator | undefined;
    let incompatible = false;
    for (const row of rows) {
      const cell = row * columns.steps + step;
      if (columns.kinds[cell] !== HISTOGRAM) continue;
      const histogram = histogramAt(columns, cell);
      if (total === undefined) {
        total = start(histogram);
        continue;
      }
      const reconciled = total.add(histogram);
      if (reconciled === undefined) {
        incompatible = true;
        break;
      }
      if (reconciled.conflictingResets) {
        annotations.warn('conflicting counter resets during histogram aggregation', place);
      }
      if (reconciled.boundsDiffered) {
        annotations.info('mismatched custom buckets were reconciled during aggregation', place);
      }
    }
    const value = total?.value();
    if (incompatible) {
      annotations.warn(
        'vector contains a mix of histograms with exponential and custom buckets schemas for metric name ""',
        place,
      );
    } else if (value !== undefined) builder.setHistogram(step, value);
    if (budget.turnIsOver()) await budget.giveTurn();
  }
}

/** Says that a group holds numbers and histograms at the same step. */
function warnMixedGroup(node: Aggregation, evaluation: Evaluation): void {
  evaluation.annotations.warn(
    'encountered a mix of histograms and floats for aggregation',
    evaluation.place(node.expr),
  );
}
