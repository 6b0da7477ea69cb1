/** Cuts the samples of a series into chunks, as Prometheus stores them. */
import type { Histogram } from '../../../src/promql/evaluate/histogram.ts';
import { wordsOf } from '../../../src/promql/evaluate/stale.ts';
import type { SeriesBlock } from '../../../src/promql/evaluate/storage.ts';
import { encodeXor, encodeXor2, type FloatSample, STALE_HIGH, STALE_LOW } from './encode-floats.ts';
import { encodeHistograms, type HistogramSample, haveOneLayout } from './encode-histograms.ts';

export interface EncodedChunk {
  readonly minMs: number;
  readonly maxMs: number;
  readonly type: number;
  readonly data: Buffer;
}

const CHUNK_SAMPLES = 120;

interface Sample extends FloatSample, HistogramSample {
  readonly startMs: number;
}

/** @param format - `old`: types 1 and 3; `new`: those that keep start times, 4 and 6 */
export function chunksOf(block: SeriesBlock, format: 'old' | 'new'): EncodedChunk[] {
  const words = wordsOf(block.values);
  const samples = Array.from(
    block.timesMs,
    (timeMs, at): Sample => ({
      ...{ timeMs, high: words[2 * at + 1]!, low: words[2 * at]! },
      ...{ histogram: block.histograms?.[at], startMs: block.startTimesMs?.[at] ?? 0 },
    }),
  );
  const chunks: EncodedChunk[] = [];
  let run: Sample[] = [];
  for (const sample of samples) {
    const last = run.at(-1);
    if (last !== undefined && (run.length === CHUNK_SAMPLES || !canFollow(last, sample))) {
      chunks.push(encode(run, format));
      run = [];
    }
    run.push(sample);
  }
  if (run.length > 0) chunks.push(encode(run, format));
  return chunks;
}

function canFollow(last: Sample, next: Sample): boolean {
  if (last.histogram === undefined || next.histogram === undefined)
    return last.histogram === next.histogram || (last.histogram !== undefined && isStale(next));
  return (
    haveOneLayout(last.histogram, next.histogram) && hintAllows(last.histogram, next.histogram)
  );
}

/** In a chunk all are gauges, or each continues the one before. */
function hintAllows(last: Histogram, next: Histogram): boolean {
  return last.hint === 'gauge' ? next.hint === 'gauge' : next.hint === 'not_reset';
}

function isStale({ high, low }: Sample): boolean {
  return high === STALE_HIGH && low === STALE_LOW;
}

function encode(samples: readonly Sample[], format: 'old' | 'new'): EncodedChunk {
  const first = samples[0]!;
  const times = { minMs: first.timeMs, maxMs: samples.at(-1)!.timeMs };
  if (first.histogram === undefined) {
    return format === 'old'
      ? { ...times, type: 1, data: encodeXor(samples) }
      : { ...times, type: 4, data: encodeXor2(samples) };
  }
  const options = {
    ...({ counts: 'float', withStartTimes: format === 'new' } as const),
    resetBits: first.histogram.hint === 'gauge' ? 3 : 0,
  };
  return { ...times, type: format === 'old' ? 3 : 6, data: encodeHistograms(samples, options) };
}
