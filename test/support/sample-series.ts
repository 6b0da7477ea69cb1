/** Series of samples for tests, and samples as a test reads them. */
import { isStale, wordsOf, writeStale } from '../../src/promql/evaluate/stale.ts';
import type { SeriesBlock } from '../../src/promql/evaluate/storage.ts';
import { parseMetricSelector } from '../../src/promql/parse.ts';

/** A number, or the stale marker; undefined where there is no sample. */
export type NotedSample = number | 'stale' | undefined;

/**
 * A series with a sample at each step.
 *
 * @param series - `name{label="value"}`
 */
export function seriesOf(
  series: string,
  startMs: number,
  samples: readonly NotedSample[],
  stepMs = 15_000,
): SeriesBlock {
  const noted = samples.map((value, at) => ({ timeMs: startMs + at * stepMs, value }));
  return timedSeries(series, noted);
}

/** A series with samples at given times. */
export function timedSeries(
  series: string,
  samples: readonly { readonly timeMs: number; readonly value: NotedSample }[],
): SeriesBlock {
  const present = samples.filter(({ value }) => value !== undefined);
  const values = Float64Array.from(present, ({ value }) => (typeof value === 'number' ? value : 0));
  for (const [at, { value }] of present.entries()) if (value === 'stale') writeStale(values, at);
  return {
    labels: parseMetricSelector(series).map(({ name, value }) => [name, value] as const),
    timesMs: Float64Array.from(present, ({ timeMs }) => timeMs),
    values,
  };
}

/** The values of a series; stale markers by name. */
export function notedValues({ values }: SeriesBlock): readonly (number | 'stale')[] {
  const words = wordsOf(values);
  return Array.from(values, (value, at) => (isStale(words, at) ? 'stale' : value));
}

/** The labels of a series in one text, sorted by name. */
export function notedLabels({ labels }: SeriesBlock): string {
  return labels
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join(' ');
}
