/**
 * The samples of a range vector as the result of an instant query.
 */
import { LABELS_WORK } from './budget.ts';
import type { Grid } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import { EvaluationError } from './failure.ts';
import { extentOf, valueAtEnd, valueAtStart } from './functions/extended.ts';
import type { Histogram } from './histogram.ts';
import { compareLabels, type Labels } from './labels.ts';
import type { RangeSeries, RangeVector, Window } from './samples.ts';
import { sortInTurns } from './sort.ts';

/** The samples of one series. */
export interface SampleSeries {
  readonly labels: Labels;
  readonly timesMs: readonly number[];
  readonly values: readonly (number | Histogram)[];
}

/** The samples that the only step of a query sees. */
export async function rangeSamples(
  range: RangeVector,
  grid: Grid,
  evaluation: Evaluation,
): Promise<SampleSeries[]> {
  const { budget } = evaluation;
  const untilMs = range.untilMs[0] ?? 0;
  const afterMs = untilMs - range.rangeMs;
  const found: SampleSeries[] = [];
  for (const series of range.series) {
    const samples =
      range.modifier === undefined
        ? plainSamples(series, afterMs, untilMs)
        : extendedSamples(series, range, { afterMs, untilMs, atMs: grid.startMs });
    if (samples.timesMs.length === 0) continue;
    budget.hold(samples.timesMs.length);
    const labels = series.dropsName ? evaluation.labels.dropMetadata(series.labels) : series.labels;
    found.push({ labels, ...samples });
    if (budget.turnIsOver(samples.timesMs.length + LABELS_WORK)) await budget.giveTurn();
  }
  const sorted = await sortInTurns(found, (a, b) => compareLabels(a.labels, b.labels), budget);
  for (const [at, one] of sorted.entries()) {
    if (at > 0 && sorted[at - 1]?.labels === one.labels) {
      throw new EvaluationError('vector cannot contain metrics with the same labelset');
    }
  }
  return sorted;
}

type Samples = Omit<SampleSeries, 'labels'>;

function plainSamples(series: RangeSeries, afterMs: number, untilMs: number): Samples {
  const timesMs: number[] = [];
  const values: (number | Histogram)[] = [];
  series.timesMs.forEach((time, at) => {
    if (time <= afterMs || time > untilMs) return;
    timesMs.push(time);
    values.push(series.histograms?.[at] ?? series.values[at] ?? 0);
  });
  return { timesMs, values };
}

/** The values at both ends of the window, and the samples between them. */
function extendedSamples(
  series: RangeSeries,
  range: RangeVector,
  at: Pick<Window, 'afterMs' | 'untilMs' | 'atMs'>,
): Samples {
  const { afterMs, untilMs } = at;
  const { modifier = 'anchored' } = range;
  let from = 0;
  let to = 0;
  while (to < series.timesMs.length && (series.timesMs[to] ?? 0) <= untilMs + range.reachAfterMs)
    to++;
  while (from < to && (series.timesMs[from] ?? 0) <= afterMs - range.reachBeforeMs) from++;
  const extent = extentOf({ series, from, to, ...at }, modifier);
  if (extent === undefined) return { timesMs: [], values: [] };
  if (series.histograms?.slice(from, to).some((one) => one !== undefined)) {
    throw new EvaluationError(`${modifier} modifier is not supported with histograms`);
  }
  const timesMs = [afterMs];
  const values = [valueAtStart(extent, afterMs, modifier, false)];
  for (let index = extent.first; index <= extent.last; index++) {
    const time = series.timesMs[index] ?? 0;
    if (time <= afterMs || time >= untilMs) continue;
    timesMs.push(time);
    values.push(series.values[index] ?? 0);
  }
  timesMs.push(untilMs);
  values.push(valueAtEnd(extent, untilMs, modifier, false));
  return { timesMs, values };
}
