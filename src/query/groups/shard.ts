/**
 * A shard: servers that hold the same series, with the labels that tell these from the series of others.
 */
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';
import { type Gathered, gather } from './gather.ts';
import { relabelSeries } from './metrics-relabel.ts';
import type { Replica, Trace } from './replica.ts';
import type { ReadAnswer, ReadRequest } from './server.ts';
import type { GroupSettings, LabelSet } from './settings.ts';

export interface Shard {
  readonly labels: LabelSet;
  readonly replicas: readonly Replica[];
}

/** Reads samples from all replicas that answer. */
export function readShard(
  { replicas }: Shard,
  request: ReadRequest,
  trace: Trace,
): Promise<Gathered<ReadAnswer>> {
  return gather(
    replicas,
    (replica, inner, onProgress) => replica.read({ ...request, onProgress }, inner),
    trace,
  );
}

/** The labels that a series of a shard has for readers; an empty value is no label. */
export function finalLabels(
  labels: SeriesBlock['labels'],
  shard: LabelSet,
  { metricsRelabel }: Pick<GroupSettings, 'metricsRelabel'>,
): SeriesBlock['labels'] {
  const added = Object.entries(shard);
  if (added.length === 0 && metricsRelabel.length === 0) return labels;
  const changing = new Map(labels);
  for (const [name, value] of added) {
    if (value === '') changing.delete(name);
    else changing.set(name, value);
  }
  relabelSeries(changing, metricsRelabel);
  return [...changing];
}
