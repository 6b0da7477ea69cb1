/** Metrics of remote write, for each receiver. */
import type { MetricRegistry } from './registry.ts';

/** The closed sets of words that become labels. */
export interface RemoteWords<L extends string, R extends string, S extends string> {
  /** Why samples are lost. */
  readonly losses: readonly L[];
  /** Why samples are sent again. */
  readonly retries: readonly R[];
  /** Why series are left out. */
  readonly skips: readonly S[];
}

/** What one receiver's remote write is like now. */
export interface RemoteLevels {
  readonly queuedBytes: number;
  readonly behindMs: number;
  readonly series: number;
  readonly version: number;
  readonly isWriting: boolean;
}

/** @param remotes - by name; the map may get its entries later */
export function remoteWriteMetrics<L extends string, R extends string, S extends string>(
  registry: MetricRegistry,
  { losses, retries, skips }: RemoteWords<L, R, S>,
  remotes: ReadonlyMap<string, RemoteLevels>,
) {
  const sent = registry.counter(
    'promgate_remote_write_samples_total',
    'Samples that a receiver has stored.',
    ['remote'],
  );
  const lost = registry.counter(
    'promgate_remote_write_samples_lost_total',
    'Samples that a receiver has refused, or that could not wait for it.',
    ['remote', 'reason'],
  );
  const retried = registry.counter(
    'promgate_remote_write_samples_retried_total',
    'Samples that are sent again after a failed attempt.',
    ['remote', 'reason'],
  );
  const skipped = registry.counter(
    'promgate_remote_write_samples_skipped_total',
    'Samples that are not sent, as the labels of their series do not allow it.',
    ['remote', 'reason'],
  );
  addLevels(registry, remotes);
  return (remote: string) => {
    sent.inc({ remote }, 0);
    for (const reason of losses) lost.inc({ remote, reason }, 0);
    for (const reason of retries) retried.inc({ remote, reason }, 0);
    for (const reason of skips) skipped.inc({ remote, reason }, 0);
    return {
      sent: (samples: number) => sent.inc({ remote }, samples),
      lost: (samples: number, reason: L) => lost.inc({ remote, reason }, samples),
      retried: (samples: number, reason: R) => retried.inc({ remote, reason }, samples),
      skipped: (reason: S) => skipped.inc({ remote, reason }),
    };
  };
}

function addLevels(registry: MetricRegistry, remotes: ReadonlyMap<string, RemoteLevels>): void {
  const add = (name: string, help: string, read: (levels: RemoteLevels) => number): void =>
    registry.levels(name, help, 'remote', () =>
      Array.from(remotes, ([remote, levels]) => [remote, read(levels)] as const),
    );
  add(
    'promgate_remote_write_queue_bytes',
    'Bytes of samples that wait for a receiver.',
    ({ queuedBytes }) => queuedBytes,
  );
  add(
    'promgate_remote_write_behind_seconds',
    'Age of the oldest sample that waits for a receiver or is under way; 0 for none.',
    ({ behindMs }) => behindMs / 1000,
  );
  add(
    'promgate_remote_write_series',
    'Series that a receiver gets, with those that are left out.',
    ({ series }) => series,
  );
  add(
    'promgate_remote_write_protocol_version',
    'Protocol in use: 2 for remote write 2.0, 1 for 1.0.',
    ({ version }) => version,
  );
  add(
    'promgate_remote_write_active',
    'Whether this promgate writes; of several replicas on one Redis a single one does.',
    ({ isWriting }) => (isWriting ? 1 : 0),
  );
}
