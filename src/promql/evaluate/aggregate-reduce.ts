/**
 * Aggregations that reduce the numbers of a group to one: `min max count group stddev stdvar quantile`.
 */
import type { Aggregation } from '../tree.ts';
import { ABSENT, type Columns, ColumnsBuilder, FLOAT } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import type { Groups } from './groups.ts';
import { quantileOf } from './quantile.ts';
import { warnQuantileValue } from './range.ts';

/** What a reduction may need besides the series. */
export interface ReduceOptions {
  readonly parameter: Float64Array | undefined;
  readonly evaluation: Evaluation;
}

/** One value for each group and step. */
export async function reduceGroups(
  node: Aggregation,
  columns: Columns,
  groups: Groups,
  { parameter, evaluation }: ReduceOptions,
): Promise<Columns> {
  const { steps, kinds, values } = columns;
  const { budget } = evaluation;
  if (node.op === 'quantile') {
    for (const q of parameter ?? []) {
      if (!(q >= 0 && q <= 1)) warnQuantileValue(q, node.param ?? node, evaluation);
    }
  }
  const builder = new ColumnsBuilder(steps, groups.labels.length);
  const countsAll = node.op === 'count' || node.op === 'group';
  const numbers: number[] = [];
  for (const [group, labels] of groups.labels.entries()) {
    for (let step = 0; step < steps; step++) {
      numbers.length = 0;
      let samples = 0;
      for (const row of groups.rows[group] ?? []) {
        const cell = row * steps + step;
        const kind = kinds[cell];
        if (kind === ABSENT) continue;
        samples++;
        if (kind === FLOAT) numbers.push(values[cell] ?? 0);
      }
      if (samples === 0) continue;
      if (samples > numbers.length && !countsAll) {
        evaluation.annotations.info(
          `ignored histogram in ${node.op} aggregation`,
          evaluation.place(node.expr),
        );
        if (numbers.length === 0) continue;
      }
      builder.setFloat(step, reduce(node.op, numbers, samples, parameter?.[step] ?? Number.NaN));
      if (budget.turnIsOver()) await budget.giveTurn();
    }
    builder.endRow(labels, groups.dropsName[group] === true);
    if (budget.turnIsOver()) await budget.giveTurn();
  }
  return builder.finish();
}

function reduce(
  op: Aggregation['op'],
  numbers: readonly number[],
  samples: number,
  parameter: number,
): number {
  switch (op) {
    case 'min':
      return best(numbers, (value, known) => value < known);
    case 'max':
      return best(numbers, (value, known) => value > known);
    case 'count':
      return samples;
    case 'stdvar':
      return variance(numbers);
    case 'stddev':
      return Math.sqrt(variance(numbers));
    case 'quantile':
      return quantileOf(parameter, numbers);
    default:
      return 1;
  }
}

/** NaN is taken only if there is nothing else. */
function best(
  numbers: readonly number[],
  better: (value: number, known: number) => boolean,
): number {
  let found = numbers[0] ?? Number.NaN;
  for (const value of numbers) if (better(value, found) || Number.isNaN(found)) found = value;
  return found;
}

/** The population variance by Welford's method. */
function variance(numbers: readonly number[]): number {
  let mean = 0;
  let squares = 0;
  let count = 0;
  for (const value of numbers) {
    count++;
    const away = value - mean;
    mean += away / count;
    squares += away * (value - mean);
  }
  return squares / count;
}
