/**
 * Series with the names and labels that the compliance queries read, every five seconds for an hour and a half.
 *
 * Prometheus 2.42 takes windows and the lookback as closed at their start, later versions as open: no sample lies on a
 * multiple of a second, where windows start and end.
 */
import type { SeriesBlock } from '../../../src/promql/evaluate/storage.ts';
import { randomNumbers } from '../../support/seeded-numbers.ts';

/** The queries run over ten minutes from here. */
export const START_MS = 1_700_000_400_000;
export const END_MS = START_MS + 600_000;
export const STEP_MS = 10_000;
const FROM_MS = START_MS - 80 * 60_000;
const UNTIL_MS = END_MS + 12 * 60_000;
const EVERY_MS = 5_000;

const BOUNDS = ['0.0001', '0.0005', '0.001', '0.01', '0.1', '0.5', '1', '+Inf'];

type ValueAt = (sample: number) => number | undefined;

/** The series of three instances. */
export function demoSeries(): SeriesBlock[] {
  const random = randomNumbers(7);
  return [10_000, 10_001, 10_002].flatMap((port, instance) => {
    const common = { instance: `demo.promlabs.com:${port}`, job: 'demo' };
    const made: SeriesBlock[] = [];
    const add = (name: string, labels: Readonly<Record<string, string>>, valueAt: ValueAt) => {
      made.push(seriesOf({ __name__: name, ...common, ...labels }, instance, valueAt));
    };
    for (const [type, size] of Object.entries({
      free: 4e9,
      used: 3e9,
      cached: 1e9,
      buffers: 5e8,
    })) {
      add('demo_memory_usage_bytes', { type }, () => Math.floor(size * (0.8 + 0.4 * random())));
    }
    add('demo_num_cpus', {}, () => 4);
    for (const mode of ['user', 'system', 'idle']) {
      let seconds = 5_000 + 1_000 * instance;
      // One counter begins anew within the ten minutes.
      const reset = mode === 'user' ? 1_010 + instance : -1;
      add('demo_cpu_usage_seconds_total', { mode }, (sample) => {
        seconds = sample === reset ? 3 : seconds + 5 * random();
        return seconds;
      });
    }
    add('demo_disk_usage_bytes', {}, (sample) => 1e9 + sample * 1e5 + Math.floor(1e6 * random()));
    add('demo_disk_total_bytes', {}, () => 1e12);
    add('demo_batch_last_success_timestamp_seconds', {}, (sample) => {
      const minute = Math.floor((FROM_MS + sample * EVERY_MS) / 60_000 - instance / 3);
      return minute * 60 + 0.25;
    });
    // The metric is away for seven of every ten minutes, which is longer than the lookback.
    add('demo_intermittent_metric', {}, (sample) => (sample % 120 < 36 ? sample : undefined));
    for (const path of ['/api/foo', '/api/bar']) addDurations(path, add, random);
    return made;
  });
}

function addDurations(
  path: string,
  add: (name: string, labels: Readonly<Record<string, string>>, valueAt: ValueAt) => void,
  random: () => number,
): void {
  const labels = { method: 'GET', path, status: '200' };
  const name = 'demo_api_request_duration_seconds';
  // Each bucket holds all of the buckets below, at each sample.
  const added = Array.from({ length: (UNTIL_MS - FROM_MS) / EVERY_MS + 1 }, () =>
    BOUNDS.map(() => Math.floor(9 * random())),
  );
  for (const [at, le] of BOUNDS.entries()) {
    let count = 100_000 * (at + 1);
    add(`${name}_bucket`, { ...labels, le }, (sample) => {
      for (const one of added[sample]?.slice(0, at + 1) ?? []) count += one;
      return count;
    });
  }
  add(`${name}_count`, labels, (sample) => 800_000 + 36 * sample);
  add(`${name}_sum`, labels, (sample) => 1_000 + 0.5 * sample);
}

function seriesOf(
  labels: Readonly<Record<string, string>>,
  instance: number,
  valueAt: ValueAt,
): SeriesBlock {
  const timesMs: number[] = [];
  const values: number[] = [];
  for (let sample = 0; FROM_MS + sample * EVERY_MS <= UNTIL_MS; sample++) {
    const value = valueAt(sample);
    if (value === undefined) continue;
    timesMs.push(FROM_MS + sample * EVERY_MS + 4_400 - 1_100 * instance);
    values.push(value);
  }
  return {
    labels: Object.entries(labels),
    timesMs: Float64Array.from(timesMs),
    values: Float64Array.from(values),
  };
}
