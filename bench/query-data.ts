/** The series that the cases of federated queries read, and what each server has of them. */
import type { SeriesBlock } from '../src/promql/evaluate/storage.ts';
import { END_MS, START_MS, STEP_MS, STEPS } from './promql-data.ts';

/** Samples before the first step, for the range of 5 minutes. */
const BEFORE = 20;
const COUNTERS = 1_200;
const HISTOGRAMS = 80;
const BOUNDS = ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '5', '+Inf'];
const MINUTE_MS = 60_000;
/** One of so many scrapes is lost. */
const LOST = 100;

/** 1,200 counters, and 800 series of classic histograms; each second one is on the other shard. */
export function shardSeries(shard: 0 | 1): readonly SeriesBlock[] {
  const series: SeriesBlock[] = [];
  for (let i = 0; i < COUNTERS; i++) {
    const instance = `10.0.${i >> 8}.${i & 255}:9100`;
    const labels = { __name__: 'http_requests_total', instance, job: `job-${i % 20}` };
    series.push(counter(i, 1 + (i % 7), labels));
  }
  for (let i = 0; i < HISTOGRAMS; i++) {
    for (const [index, le] of BOUNDS.entries()) {
      const labels = { __name__: 'latency_seconds_bucket', instance: `app-${i}`, job: 'apps', le };
      series.push(counter(i * 10 + index, index + 1, labels));
    }
  }
  return series.filter((_, at) => at % 2 === shard);
}

function counter(
  seed: number,
  perStep: number,
  labels: Readonly<Record<string, string>>,
): SeriesBlock {
  const length = STEPS + BEFORE;
  const timesMs = new Float64Array(length);
  const values = new Float64Array(length);
  let value = seed;
  for (let i = 0; i < length; i++) {
    timesMs[i] = START_MS + (i - BEFORE) * STEP_MS - 1000 - (seed % 13) * 1000;
    value += perStep * (1 + ((i * 7919 + seed * 31) % 11));
    values[i] = value;
  }
  return { labels: Object.entries(labels), timesMs, values };
}

/** What one of a pair has: it was down for 10 or 5 minutes, and has lost one of a hundred scrapes. */
export function replicaSeries(series: readonly SeriesBlock[], replica: 0 | 1): SeriesBlock[] {
  const downFromMs = START_MS + (replica === 0 ? 30 : 60) * MINUTE_MS;
  const downUntilMs = downFromMs + (replica === 0 ? 10 : 5) * MINUTE_MS;
  return series.map(({ labels, timesMs, values }, seed) => {
    const kept = [...timesMs.keys()].filter((at) => {
      const timeMs = timesMs[at]!;
      const isDown = timeMs >= downFromMs && timeMs < downUntilMs;
      return !isDown && (at * 131 + seed * 17 + replica * 53) % LOST !== 0;
    });
    return {
      labels,
      timesMs: Float64Array.from(kept, (at) => timesMs[at]!),
      values: Float64Array.from(kept, (at) => values[at]!),
    };
  });
}

export const RANGE = {
  start: String(START_MS / 1000),
  end: String(END_MS / 1000),
  step: String(STEP_MS / 1000),
};
export const AT = { time: String(END_MS / 1000) };
