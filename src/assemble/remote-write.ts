/**
 * Remote write, connected to log and metrics: one `RemoteWrite` for each receiver of the
 * configuration.
 */
import type { Config } from '../config/config.ts';
import { openPost } from '../push/send/got.ts';
import { compileRelabel } from '../push/send/relabel.ts';
import { RemoteWrite, type RemoteWriteObservers } from '../push/send/remote-write.ts';
import { REFUSALS, RETRY_CAUSES, type Refusal } from '../push/send/remote-write-answer.ts';
import { MemoryBatches } from '../push/send/remote-write-memory.ts';
import { DROP_CAUSES, type DropCause } from '../push/send/remote-write-queue.ts';
import type { Complaint } from '../push/send/remote-write-send.ts';
import { SKIP_CAUSES } from '../push/send/remote-write-series.ts';
import type { BatchStore } from '../push/send/remote-write-store.ts';
import type { Lease, SeriesSource } from '../push/send/series.ts';
import type { RedisBatchesOptions } from '../store/redis-remote-write.ts';
import type { Log } from '../telemetry/log.ts';
import { remoteWriteMetrics } from '../telemetry/remote-write-metrics.ts';
import { VERSION } from '../version.ts';
import type { Ground } from './ground.ts';

type RemoteWriteConfig = NonNullable<Config['push']>['remoteWrite'][number];

/** The beginning of the names of files, or the Redis that replicas share. */
export type QueuePlace =
  | { readonly file: string }
  | { readonly redis: Omit<RedisBatchesOptions, 'name'> };

export interface RemoteWritesOptions {
  readonly source: SeriesSource;
  /** Where the batches wait that receivers do not take; undefined: in memory. */
  readonly queue?: QueuePlace | undefined;
  /** Without it this process always writes. */
  readonly lease?: Lease | undefined;
}

/** What `openRemoteWrites` needs of the ground. */
type RemoteGround = Pick<Ground, 'log' | 'registry' | 'authorities' | 'cut'>;

/** Starts the remote writes. Disposal sends what there is for at most 3 s. */
export async function openRemoteWrites(
  configs: readonly RemoteWriteConfig[],
  options: RemoteWritesOptions,
  ground: RemoteGround,
): Promise<AsyncDisposable> {
  const remotes = new Map<string, RemoteWrite>();
  const words = {
    losses: [...REFUSALS, ...DROP_CAUSES],
    retries: RETRY_CAUSES,
    skips: SKIP_CAUSES,
  };
  const metricsOf = remoteWriteMetrics<Refusal | DropCause, (typeof RETRY_CAUSES)[number], Skip>(
    ground.registry,
    words,
    remotes,
  );
  await using parts = new AsyncDisposableStack();
  for (const config of configs) {
    const { name } = config;
    const observers = observe(config, metricsOf(name), ground.log);
    const poster = parts.use(openPost({ ...config, authorities: ground.authorities }));
    const remote = new RemoteWrite({
      ...config,
      ...{ source: options.source, lease: options.lease, post: poster.post, observers },
      stopping: ground.cut.signal,
      userAgent: `promgate/${VERSION}`,
      relabel: compileRelabel(config.relabel),
      store: await openStore(options.queue, name, observers),
    });
    remotes.set(name, remote);
    remote.start();
  }
  const posters = parts.move();
  return {
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...remotes.values()].map((remote) => remote[Symbol.asyncDispose]()));
      await posters.disposeAsync();
    },
  };
}

type Skip = (typeof SKIP_CAUSES)[number];

async function openStore(
  place: QueuePlace | undefined,
  name: string,
  { onError }: Pick<RemoteWriteObservers, 'onError'>,
): Promise<BatchStore> {
  if (place === undefined) return new MemoryBatches();
  if ('redis' in place) {
    const { RedisBatches } = await import('../store/redis-remote-write.ts');
    return new RedisBatches({ ...place.redis, name });
  }
  const { openRemoteWriteFile } = await import('../store/remote-write-file.ts');
  try {
    const file = `${place.file}-remote-write-${encodeURIComponent(name)}`;
    return openRemoteWriteFile(file, onError);
  } catch (error) {
    onError(error); // an outage of the receiver then costs more; nothing else does
    return new MemoryBatches();
  }
}

type RemoteMetrics = ReturnType<
  ReturnType<typeof remoteWriteMetrics<Refusal | DropCause, (typeof RETRY_CAUSES)[number], Skip>>
>;

/** How often the log warns of one kind of failure; further ones are written for `debug` only. */
const WARN_EVERY_MS = 60_000;

function observe(
  { name, url }: RemoteWriteConfig,
  metrics: RemoteMetrics,
  log: Log,
): RemoteWriteObservers {
  const warnedMs = new Map<string, number>();
  const warn = (message: string, fields: Readonly<Record<string, unknown>>): void => {
    const kind = `${message} ${fields['reason']}`;
    const nowMs = performance.now();
    const isNew = nowMs - (warnedMs.get(kind) ?? Number.NEGATIVE_INFINITY) >= WARN_EVERY_MS;
    if (isNew) warnedMs.set(kind, nowMs);
    log[isNew ? 'warn' : 'debug'](message, { remote: name, url, ...fields });
  };
  return {
    onSent: metrics.sent,
    onLost: (samples, reason, complaint) => {
      metrics.lost(samples, reason);
      warn(LOST, { reason, samples, ...said(complaint), advice: REFUSAL_ADVICE[reason] });
    },
    onRetry: (samples, reason, complaint) => {
      metrics.retried(samples, reason);
      warn(RETRIED, { reason, samples, ...said(complaint), advice: RETRY_ADVICE[reason] });
    },
    onFallback: (complaint) =>
      log.info('the receiver of remote write does not know protocol 2.0: promgate goes on in 1.0', {
        ...{ remote: name, url, ...said(complaint) },
      }),
    onSkipped: metrics.skipped,
    onDropped: (samples, reason) => {
      metrics.lost(samples, reason);
      warn(LOST, { reason, samples, advice: REFUSAL_ADVICE[reason] });
    },
    onError: (err) =>
      warn('a round or the queue of remote write failed: promgate goes on', { err }),
  };
}

/** The receiver's words as they came. */
function said({ status, text }: Complaint) {
  return { status, answer: text };
}

const LOST =
  'samples of remote write are lost; promgate_remote_write_samples_lost_total counts them';

const RETRIED = 'a receiver of remote write does not take samples now: promgate sends them again';

export const REFUSAL_ADVICE: Readonly<Record<Refusal | DropCause, string>> = {
  refused: 'the answer says which sample: often another program writes the same series',
  unauthorized: 'look at auth and headers of this receiver in push.remote_write',
  not_found: 'look at the path of url, and whether the receiver has remote write switched on',
  too_large: 'a single series is too large for the receiver: look at its limits, or drop a label',
  media_type: 'the receiver knows neither protocol: look at the path of url',
  redirect: 'promgate follows no redirect: set url to where it leads',
  status: 'look at the answer and at the log of the receiver',
  not_written: 'the receiver took the request, and not all of its samples: look at its log',
  queue_full: 'raise queue of this receiver in push.remote_write, or bring the receiver back',
  queue_error: 'look at the disk of the queue file',
  lease_lost: 'another replica writes now: look at Redis if this happens often',
  stopped: 'nothing, if the receiver was away: without a database file nothing waits for long',
};

export const RETRY_ADVICE: Readonly<Record<(typeof RETRY_CAUSES)[number], string>> = {
  unreachable: 'look at url, and whether the receiver runs',
  tls: 'look at tls of this receiver: its authority, and who may read the files',
  timeout: 'look whether the receiver hangs; raise timeout if it is only slow',
  server_error: 'look at the log of the receiver',
  rate_limited: 'raise interval or max_samples, or the limits of the receiver',
};
