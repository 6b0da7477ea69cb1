/**
 * Aggregations that reduce the numbers of a group to one: `min max count group stddev stdvar quantile`.
 *
 * All but `quantile` go through the rows one after the other, with a few numbers for each group and step.
 */
import type { Aggregation } from '../tree.ts';
import { ABSENT, type Columns, ColumnsBuilder, FLOAT } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import type { Groups } from './groups.ts';
import { quantileInPlace } from './quantile.ts';
import { warnQuantileValue } from './range.ts';

/** What a reduction may need besides the series. */
export interface ReduceOptions {
  readonly parameter: Float64Array | undefined;
  readonly evaluation: Evaluation;
}

/** What is known of the samples of a group at each step. */
interface Tally {
  /** How many samples there are, histograms too. */
  readonly samples: Float64Array;
  /** How many of them are numbers. */
  readonly floats: Float64Array;
  /** The smallest or largest number, or the mean. */
  readonly values: Float64Array;
  /** The sum of the squared distances from the mean. */
  readonly squares: Float64Array;
}

/** One value for each group and step. */
export async function reduceGroups(
  node: Aggregation,
  columns: Columns,
  groups: Groups,
  { parameter, evaluation }: ReduceOptions,
): Promise<Columns> {
  const { steps } = columns;
  const { budget } = evaluation;
  if (node.op === 'quantile') {
    for (const q of parameter ?? []) {
      if (!(q >= 0 && q <= 1)) warnQuantileValue(q, node.param ?? node, evaluation);
    }
  }
  const builder = new ColumnsBuilder(steps, groups.labels.length);
  const tally: Tally = {
    ...{ samples: new Float64Array(steps), floats: new Float64Array(steps) },
    ...{ values: new Float64Array(steps), squares: new Float64Array(steps) },
  };
  for (const [group, labels] of groups.labels.entries()) {
    tally.samples.fill(0);
    tally.floats.fill(0);
    const rows = groups.rows[group] ?? [];
    const numbers = new Float64Array(node.op === 'quantile' ? rows.length : 0);
    for (const row of rows) {
      takeRow(node.op, columns, row, tally);
      if (budget.turnIsOver(2 * steps)) await budget.giveTurn();
    }
    if (ignoresHistograms(node.op, tally)) {
      const place = evaluation.place(node.expr);
      evaluation.annotations.info(`ignored histogram in ${node.op} aggregation`, place);
    }
    for (let step = 0; step < steps; step++) {
      const samples = tally.samples[step] as number;
      if (samples === 0) continue;
      if (node.op === 'count' || node.op === 'group') {
        builder.setFloat(step, node.op === 'count' ? samples : 1);
      } else if (tally.floats[step] !== 0) {
        const q = parameter?.[step] ?? Number.NaN;
        builder.setFloat(
          step,
          node.op === 'quantile'
            ? quantileAt(q, columns, { rows, step, numbers })
            : resultOf(node.op, tally, step),
        );
        const work = node.op === 'quantile' ? 16 * rows.length : 1;
        if (budget.turnIsOver(work)) await budget.giveTurn();
      }
    }
    builder.endRow(labels, groups.dropsName[group] === true);
  }
  return builder.finish();
}

/** Adds the samples of a row. */
function takeRow(
  op: Aggregation['op'],
  { kinds, values: from, steps }: Columns,
  row: number,
  { samples, floats, values, squares }: Tally,
): void {
  const base = row * steps;
  const sign = op === 'max' ? -1 : 1;
  const varies = op === 'stddev' || op === 'stdvar';
  for (let step = 0; step < steps; step++) {
    const kind = kinds[base + step];
    if (kind === ABSENT) continue;
    samples[step] = (samples[step] as number) + 1;
    if (kind !== FLOAT) continue;
    const count = (floats[step] as number) + 1;
    floats[step] = count;
    const value = from[base + step] as number;
    const known = count === 1 ? (varies ? 0 : Number.NaN) : (values[step] as number);
    if (varies) {
      // The population variance by Welford's method.
      const away = value - known;
      const mean = known + away / count;
      values[step] = mean;
      squares[step] = (count === 1 ? 0 : (squares[step] as number)) + away * (value - mean);
    } else if (sign * value < sign * known || Number.isNaN(known)) {
      // NaN is taken only if there is nothing else.
      values[step] = value;
    }
  }
}

function ignoresHistograms(op: Aggregation['op'], { samples, floats }: Tally): boolean {
  if (op === 'count' || op === 'group') return false;
  return samples.some((count, step) => count !== floats[step]);
}

function resultOf(op: Aggregation['op'], { floats, values, squares }: Tally, step: number): number {
  if (op === 'min' || op === 'max') return values[step] as number;
  const variance = (squares[step] as number) / (floats[step] as number);
  return op === 'stdvar' ? variance : Math.sqrt(variance);
}

interface QuantilePlace {
  readonly rows: readonly number[];
  readonly step: number;
  /** Room for one number of each row; used for one step after the other. */
  readonly numbers: Float64Array;
}

function quantileAt(
  q: number,
  { kinds, values, steps }: Columns,
  { rows, step, numbers }: QuantilePlace,
): number {
  let length = 0;
  for (const row of rows) {
    const cell = row * steps + step;
    if (kinds[cell] === FLOAT) numbers[length++] = values[cell] as number;
  }
  return quantileInPlace(q, numbers.subarray(0, length));
}
