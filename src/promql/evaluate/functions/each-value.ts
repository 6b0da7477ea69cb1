/**
 * Functions that compute each sample from itself: mathematics, dates, and what a histogram says of itself.
 */
import { ABSENT, ColumnsBuilder, FLOAT, histogramAt, timeAt } from '../columns.ts';
import type { Histogram } from '../histogram.ts';
import { histogramAverage, histogramVariance } from '../histogram-quantile.ts';
import { labelsAt, loseNames } from '../rows.ts';
import { DATE_PARTS, MATH_WITH_SCALARS, UNARY_MATH } from './math.ts';
import { argument, type VectorFunction } from './vector-call.ts';

type OfNumber = (value: number, scalars: readonly number[]) => number | undefined;

/** A function of numbers; histograms are dropped. Further arguments are scalars. */
function ofNumbers(compute: OfNumber): VectorFunction {
  return async (node, grid, evaluation) => {
    const { budget } = evaluation;
    const columns = await evaluation.vector(argument(node, 0), grid);
    const scalars: Float64Array[] = [];
    for (const arg of node.args.slice(1)) scalars.push(await evaluation.scalar(arg, grid));
    const builder = new ColumnsBuilder(grid.steps, columns.labels.length);
    for (let row = 0; row < columns.labels.length; row++) {
      for (let step = 0; step < grid.steps; step++) {
        const cell = row * grid.steps + step;
        if (columns.kinds[cell] !== FLOAT) continue;
        const atStep = scalars.length === 0 ? [] : scalars.map((values) => values[step] ?? 0);
        const value = compute(columns.values[cell] ?? 0, atStep);
        if (value !== undefined) builder.setFloat(step, value);
      }
      builder.endRow(labelsAt(columns, row), false);
      if (budget.turnIsOver(2 * grid.steps)) await budget.giveTurn();
    }
    return loseNames(builder.finish(), evaluation);
  };
}

/** A function of histograms; numbers are dropped. */
function ofHistograms(compute: (histogram: Histogram) => number): VectorFunction {
  return async (node, grid, evaluation) => {
    const { budget } = evaluation;
    const columns = await evaluation.vector(argument(node, 0), grid);
    const builder = new ColumnsBuilder(grid.steps, columns.labels.length);
    for (let row = 0; row < columns.labels.length; row++) {
      for (let step = 0; step < grid.steps; step++) {
        const cell = row * grid.steps + step;
        const kind = columns.kinds[cell];
        if (kind === ABSENT || kind === FLOAT) continue;
        builder.setFloat(step, compute(histogramAt(columns, cell)));
      }
      builder.endRow(labelsAt(columns, row), false);
      if (budget.turnIsOver(2 * grid.steps)) await budget.giveTurn();
    }
    return loseNames(builder.finish(), evaluation);
  };
}

/** A part of the date of each value, or of the step's time if there is no argument. */
function datePart(part: (seconds: number) => number): VectorFunction {
  const ofArgument = ofNumbers(part);
  return async (node, grid, evaluation) => {
    if (node.args.length > 0) return ofArgument(node, grid, evaluation);
    const builder = new ColumnsBuilder(grid.steps, 1);
    for (let step = 0; step < grid.steps; step++) {
      builder.setFloat(step, part(timeAt(grid, step) / 1000));
    }
    builder.endRow(evaluation.labels.empty, false);
    return builder.finish();
  };
}

/** These functions by their names. */
export const EACH_VALUE: ReadonlyMap<string, VectorFunction> = new Map<string, VectorFunction>([
  ...[...UNARY_MATH].map(([name, compute]) => [name, ofNumbers(compute)] as const),
  ...[...MATH_WITH_SCALARS].map(([name, compute]) => [name, ofNumbers(compute)] as const),
  ...[...DATE_PARTS].map(([name, part]) => [name, datePart(part)] as const),
  ['histogram_count', ofHistograms((histogram) => histogram.count)],
  ['histogram_sum', ofHistograms((histogram) => histogram.sum)],
  ['histogram_avg', ofHistograms(histogramAverage)],
  ['histogram_stddev', ofHistograms((histogram) => Math.sqrt(histogramVariance(histogram)))],
  ['histogram_stdvar', ofHistograms(histogramVariance)],
]);
