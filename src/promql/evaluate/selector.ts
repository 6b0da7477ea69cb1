/**
 * Instant selectors: at each step the newest sample that is not too old.
 */
import type { VectorSelector } from '../tree.ts';
import { type Columns, ColumnsBuilder, FLOAT, type Grid, timeAt } from './columns.ts';
import { durationMs } from './duration.ts';
import type { Evaluation } from './evaluation.ts';
import { interpolate, interpolateHistogram } from './functions/extended.ts';
import { warnSchemas } from './functions/histogram-rate.ts';
import { warnMixed } from './functions/range-call.ts';
import { type LoadedSeries, rangeSeries } from './load.ts';
import { isMixed, type Window } from './samples.ts';
import { referenceMs } from './times.ts';

/** What is taken of the sample that a selector finds. */
export type Taken = 'value' | 'time' | 'start-time';

/** The value of an instant selector, or the time or start time of the samples in seconds. */
export async function selectVector(
  node: VectorSelector,
  grid: Grid,
  query: string,
  evaluation: Evaluation,
  taken: Taken = 'value',
): Promise<Columns> {
  const { settings, budget } = evaluation;
  const series = await evaluation.load(node);
  const offsetMs = durationMs(node.offset, 'offset', query, settings);
  const references = new Float64Array(grid.steps);
  for (let step = 0; step < grid.steps; step++) {
    references[step] = referenceMs(timeAt(grid, step), node.at, offsetMs, settings);
  }
  const builder = new ColumnsBuilder(grid.steps, series.length);
  for (const one of series) {
    if (node.bounds === 'smoothed') smoothRow(one, references, builder, { node, evaluation });
    else newestRow(one, references, builder, settings.lookbackMs, taken);
    budget.holdRow(builder.endRow(one.labels, taken !== 'value'), grid.steps);
    if (budget.turnIsOver(one.block.timesMs.length + grid.steps)) await budget.giveTurn();
  }
  return builder.finish();
}

function newestRow(
  { block, stale }: LoadedSeries,
  references: Float64Array,
  builder: ColumnsBuilder,
  lookbackMs: number,
  taken: Taken,
): void {
  const { timesMs, values, histograms, startTimesMs } = block;
  if (taken === 'value' && histograms === undefined && stale === undefined) {
    newestFloats(block, references, builder.openRow(), lookbackMs);
    return;
  }
  let next = 0;
  for (let step = 0; step < references.length; step++) {
    const reference = references[step] ?? 0;
    while (next < timesMs.length && (timesMs[next] ?? 0) <= reference) next++;
    const at = next - 1;
    if (at < 0 || (timesMs[at] ?? 0) <= reference - lookbackMs || stale?.[at] === 1) continue;
    if (taken === 'time') builder.setFloat(step, (timesMs[at] ?? 0) / 1000);
    else if (taken === 'start-time') {
      builder.setFloat(step, (startTimesMs?.[at] ?? 0) / 1000);
    } else {
      const histogram = histograms?.[at];
      if (histogram === undefined) builder.setFloat(step, values[at] ?? 0);
      else builder.setHistogram(step, histogram);
    }
  }
}

/** The same for numbers alone, which most series are: a loop without calls takes half the time. */
function newestFloats(
  { timesMs, values }: LoadedSeries['block'],
  references: Float64Array,
  into: ReturnType<ColumnsBuilder['openRow']>,
  lookbackMs: number,
): void {
  const { length } = timesMs;
  let next = 0;
  for (let step = 0; step < references.length; step++) {
    const reference = references[step] as number;
    while (next < length && (timesMs[next] as number) <= reference) next++;
    if (next === 0 || (timesMs[next - 1] as number) <= reference - lookbackMs) continue;
    into.kinds[into.base + step] = FLOAT;
    into.values[into.base + step] = values[next - 1] as number;
  }
}

/** Values between two samples lie on the line through both; after the last sample its value goes on. */
function smoothRow(
  loaded: LoadedSeries,
  references: Float64Array,
  builder: ColumnsBuilder,
  { node, evaluation }: { readonly node: VectorSelector; readonly evaluation: Evaluation },
): void {
  const { lookbackMs } = evaluation.settings;
  const series = rangeSeries(loaded, false);
  const { timesMs, values, histograms } = series;
  const place = evaluation.place(node);
  const call = { annotations: evaluation.annotations, place, rangeMs: 0, modifier: undefined };
  const window: Window = { series, from: 0, to: 0, afterMs: 0, untilMs: 0, atMs: 0 };
  let next = 0;
  for (let step = 0; step < references.length; step++) {
    const reference = references[step] ?? 0;
    while (next < timesMs.length && (timesMs[next] ?? 0) <= reference) next++;
    const at = next - 1;
    while ((timesMs[window.from] ?? Infinity) <= reference - lookbackMs) window.from++;
    while ((timesMs[window.to] ?? Infinity) <= reference + lookbackMs) window.to++;
    if (isMixed(window)) warnMixed(window, { ...call, scalars: [], typeLabels: false });
    else if (at >= window.from) {
      const exact = timesMs[at] === reference || next >= window.to;
      const histogram = histograms?.[at];
      if (histogram === undefined) {
        builder.setFloat(
          step,
          exact ? (values[at] ?? 0) : interpolate(series, at, reference, false),
        );
        continue;
      }
      const isCounter = histogram.hint !== 'gauge';
      const found = exact ? histogram : interpolateHistogram(series, at, reference, isCounter);
      if (found !== undefined) builder.setHistogram(step, found);
      else warnSchemas(window, { ...call, scalars: [], typeLabels: false });
    }
  }
}
