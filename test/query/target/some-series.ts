/** Series for tests of reads: long ones, ended ones, histograms. */
import type { Histogram } from '../../../src/promql/evaluate/histogram.ts';
import { writeStale } from '../../../src/promql/evaluate/stale.ts';
import type { SeriesBlock } from '../../../src/promql/evaluate/storage.ts';

export const AT_MS = 1_700_000_000_000;
export const STEP_MS = 15_000;

/** A series of one number for each step. */
export function numbers(
  labels: SeriesBlock['labels'],
  values: readonly number[],
  startMs = AT_MS,
): SeriesBlock {
  return {
    labels,
    timesMs: Float64Array.from(values, (_, at) => startMs + at * STEP_MS),
    values: Float64Array.from(values),
  };
}

/** A histogram whose counts grow with its number. */
function histogramAt(at: number, hint: Histogram['hint'], part = 1): Histogram {
  return {
    ...{ schema: 2, zeroThreshold: 2 ** -128, zeroCount: part * at, count: part * (6 * at + 10) },
    ...{ sum: at * 1.5, customValues: [], hint },
    positive: { indices: [-3, -2, 4], counts: [part * (at + 1), part * (2 * at + 1), part * 5] },
    negative: { indices: [1], counts: [part * (2 * at + 3)] },
  };
}

/** Histograms as a storage keeps them: each but the first of a chunk continues the one before. */
export function histogramSeries(
  labels: SeriesBlock['labels'],
  length: number,
  part = 1,
  startMs = AT_MS,
): SeriesBlock {
  const isFirst = (at: number): boolean => at % 120 === 0;
  return {
    labels,
    timesMs: Float64Array.from({ length }, (_, at) => startMs + at * STEP_MS),
    values: new Float64Array(length),
    histograms: Array.from({ length }, (_, at) =>
      histogramAt(at, isFirst(at) ? 'unknown' : 'not_reset', part),
    ),
  };
}

/** Names before values, as they come sorted. */
export function someSeries(): SeriesBlock[] {
  const ended = numbers(
    [
      ['__name__', 'ended'],
      ['job', 'b'],
    ],
    [1, 2, 3, Number.NaN, 5],
  );
  writeStale(ended.values, 4);
  return [
    numbers(
      [
        ['__name__', 'long'],
        ['job', 'a'],
        ['path', '/ä"\\'],
      ],
      Array.from({ length: 1_500 }, (_, at) => (at % 300) * 1.25),
    ),
    ended,
    histogramSeries(
      [
        ['__name__', 'latency'],
        ['job', 'a'],
      ],
      300,
      0.5,
    ),
  ];
}

/** Blocks in the order of their labels; markers that end series as a text. */
export function comparable(blocks: readonly SeriesBlock[]): unknown {
  return blocks
    .map(({ labels, timesMs, values, histograms, startTimesMs }) => ({
      labels: Object.fromEntries(labels),
      samples: Array.from(timesMs, (timeMs, at) => {
        const bits = Buffer.from(values.buffer, values.byteOffset + 8 * at, 8);
        return {
          ...{ timeMs, value: histograms?.[at] ?? bits.toString('hex') },
          ...(startTimesMs && { startMs: startTimesMs[at] }),
        };
      }),
    }))
    .sort((a, b) => (JSON.stringify(a.labels) < JSON.stringify(b.labels) ? -1 : 1));
}
