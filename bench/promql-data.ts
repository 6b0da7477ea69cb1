/** The series that the PromQL cases read: in memory for promgate, as OpenMetrics for promtool. */
import type { SeriesBlock } from '../src/promql/evaluate/storage.ts';

export const STEP_MS = 15_000;
export const STEPS = 480;
/** Samples before the first step, for the range of 5 minutes. */
const BEFORE = 20;
/** On the two hours' grid of Prometheus' blocks. */
export const START_MS = 1_699_920_000_000;
export const END_MS = START_MS + (STEPS - 1) * STEP_MS;

const COUNTERS = 800;
const HISTOGRAMS = 200;
const BOUNDS = [
  ...['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10'],
  '+Inf',
];

/** 800 counters (half of them in zone `a`), and 2,400 series of classic histograms. */
export function benchSeries(): readonly SeriesBlock[] {
  const series: SeriesBlock[] = [];
  for (let i = 0; i < COUNTERS; i++) {
    series.push(
      counter(i, 1 + (i % 7), {
        __name__: 'http_requests_total',
        job: `job-${i % 20}`,
        instance: `10.0.${i >> 8}.${i & 255}:9100`,
        zone: i % 2 === 0 ? 'a' : 'b',
      }),
    );
  }
  for (let i = 0; i < HISTOGRAMS; i++) {
    for (const [index, le] of BOUNDS.entries()) {
      const labels = { __name__: 'latency_seconds_bucket', instance: `app-${i}`, le };
      series.push(counter(i, index + 1, labels));
    }
  }
  return series;
}

/** Samples a little off the steps, so that closed and open windows hold the same ones. */
function counter(
  seed: number,
  perStep: number,
  labels: Readonly<Record<string, string>>,
): SeriesBlock {
  const length = STEPS + BEFORE;
  const timesMs = new Float64Array(length);
  const values = new Float64Array(length);
  for (let i = 0; i < length; i++) {
    timesMs[i] = START_MS + (i - BEFORE) * STEP_MS - 1000 - (seed % 13) * 1000;
    values[i] = perStep * i * (1 + (seed % 5));
  }
  return { labels: Object.entries(labels), timesMs, values };
}

/** The series as promtool reads them. */
export function* openMetrics(series: readonly SeriesBlock[]): Generator<string> {
  for (const { labels, timesMs, values } of series) {
    const name = labels[0]?.[1] ?? '';
    const pairs = labels.slice(1).map(([label, value]) => `${label}="${value}"`);
    const start = `${name}{${pairs.join(',')}}`;
    const lines = Array.from(timesMs, (timeMs, i) => `${start} ${values[i]} ${timeMs / 1000}\n`);
    yield lines.join('');
  }
  yield '# EOF\n';
}
