/**
 * Batches: what one request of remote write holds, with the labels that receivers demand.
 */
import type { Label } from '../labels.ts';
import type { SeriesFamily } from './series.ts';

/** Names and values in turn, sorted by name: `['__name__', 'up', 'job', 'a']`. */
export type FlatLabels = readonly string[];

export interface BatchSample {
  readonly labels: FlatLabels;
  readonly family: Omit<SeriesFamily, 'name'>;
  /** undefined: the series has ended; Prometheus' stale marker. */
  readonly value: number | undefined;
  /** When the series began to count, in ms; 0 for not known. */
  readonly createdMs: number;
}

/** Samples of different series, all of one time. */
export interface Batch {
  readonly atMs: number;
  readonly samples: readonly BatchSample[];
}

/** Both halves of a batch of at least two samples. */
export function halve({ atMs, samples }: Batch): [Batch, Batch] {
  const middle = samples.length >> 1;
  return [
    { atMs, samples: samples.slice(0, middle) },
    { atMs, samples: samples.slice(middle) },
  ];
}

/** Why a series is not sent at all. */
export type BadLabels = 'no_name' | 'bad_name';

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * Sorts labels, and leaves out empty values, which mean the same as no label, and names that begin
 * with two underscores, which belong to Prometheus. Receivers drop series with other names than
 * Prometheus' old ones silently, so these are refused here.
 */
export function flattenLabels(labels: readonly Label[]): FlatLabels | BadLabels {
  const byName = new Map<string, string>();
  for (const [name, value] of labels) {
    if (value === '' || (name.startsWith('__') && name !== '__name__')) continue;
    if (!LABEL_NAME.test(name)) return 'bad_name';
    byName.set(name, value);
  }
  const metricName = byName.get('__name__');
  if (metricName === undefined) return 'no_name';
  if (!METRIC_NAME.test(metricName)) return 'bad_name';
  return [...byName].toSorted(([a], [b]) => (a < b ? -1 : 1)).flat();
}

/** A whole number below 2^32 that equal labels share, also in other processes. */
export function hashLabels(labels: FlatLabels): number {
  let hash = 0x811c9dc5; // FNV-1a over code units
  for (const text of labels) {
    for (let at = 0; at < text.length; at++) {
      hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    }
    hash = Math.imul(hash ^ 0xffff, 0x01000193); // so that the borders between the texts count
  }
  return hash >>> 0;
}
