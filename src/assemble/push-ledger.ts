/**
 * Opens the ledger of pushes with the journal that `push.durability` names, and runs what the ledger
 * has to do by the clock.
 */
import { every, retry, sleep } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { Ledger } from '../push/book/ledger.ts';
import { MemoryJournal } from '../push/book/memory-journal.ts';
import type { Tenancy } from '../push/push.ts';
import { type Journal, JournalError } from '../push/record.ts';
import type { TenantRules } from '../push/rules.ts';
import type { PushServer } from '../store/push-redis-server.ts';
import type { PushMetrics } from '../telemetry/push-metrics.ts';
import type { Ground } from './ground.ts';
import type { LateLedger } from './late-ledger.ts';
import { readRedisTls, usesTls } from './redis-tls.ts';

export type PushConfig = NonNullable<Config['push']>;

export interface PushLedgerOptions {
  /** Told of the ledger when it is open. */
  readonly ledger: LateLedger;
  readonly config: { readonly push: PushConfig; readonly redis: Config['redis'] };
  readonly rulesOf: (tenancy: Tenancy) => TenantRules;
  readonly ground: Pick<Ground, 'log' | 'authorities'>;
  readonly metrics: PushMetrics;
}

export interface OpenLedger extends AsyncDisposable {
  /** For the body of `/readyz`. */
  state(): 'ready' | 'away';
}

/** The longest time that reading the journal, or a journal that does not answer, delays the start. */
const FIRST_WAIT_MS = { memory: 5_000, disk: 5_000, shared: 1_000 } as const;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;
/** How long the end of the program waits for a journal that does not answer. */
const STOP_MS = 1_000;
const EXPIRE_MS = 10_000;
/** How often a promgate looks for what others have pushed, and what could not be kept. */
const FOLLOW_MS = 500;

/** Waits until the first attempt to open the journal has ended, or as long as `FIRST_WAIT_MS` says. */
export async function openPushLedger(options: PushLedgerOptions): Promise<OpenLedger> {
  const { ledger } = options;
  const keeping = new Keeping(options);
  const stop = new AbortController();
  const parts = new AsyncDisposableStack();
  const first = Promise.withResolvers<void>();
  const opening = retry(() => open(options, keeping, parts), {
    ...{ signal: stop.signal, firstPauseMs: FIRST_PAUSE_MS, maxPauseMs: LONGEST_PAUSE_MS },
    onError: (error) => {
      keeping.failed(error);
      first.resolve();
    },
  }).then((opened) => {
    if (!opened) return [];
    keeping.worked();
    ledger.opened(opened);
    return runLoops(opened, { keeping, signal: stop.signal });
  });
  await Promise.race([
    opening,
    first.promise,
    sleep(FIRST_WAIT_MS[ledger.durability], stop.signal),
  ]);
  return {
    state: () => (ledger.current && !keeping.isFailing ? 'ready' : 'away'),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      const ended = opening.then(async (loops) => {
        await Promise.all(loops);
        await ledger.current?.idle();
      });
      const inTime = new AbortController();
      await Promise.race([ended, sleep(STOP_MS, inTime.signal)]);
      inTime.abort();
      if (ledger.current) await parts.disposeAsync(); // fails what the journal has not answered
      await ended;
      await parts.disposeAsync();
    },
  };
}

async function open(
  options: PushLedgerOptions,
  keeping: Keeping,
  parts: AsyncDisposableStack,
): Promise<Ledger> {
  const { config, rulesOf, ground, metrics } = options;
  const { limits, maxKeys, keyTtlMs, sourceIdleMs } = config.push;
  await using opening = new AsyncDisposableStack();
  const journal = opening.use(await openJournal(options, keeping));
  const ledger = await Ledger.open({
    ...{ journal, rulesOf, now: Date.now },
    bounds: {
      ...{ tenants: limits.tenants, totalSeries: limits.totalSeries, keys: maxKeys },
      ...{ keyTtlMs, sourceIdleMs },
    },
    onCommit: ({ seconds }) => {
      keeping.worked();
      metrics.committed(seconds);
    },
    onFailure: (error) => keeping.failed(error),
    onUnreadable: (tenant, records) => {
      metrics.unreadable.inc(records);
      ground.log.error('kept pushes cannot be read and are left out', { tenant, records });
    },
  });
  parts.use(opening.move());
  return ledger;
}

async function openJournal(
  { config: { push, redis }, ground }: PushLedgerOptions,
  keeping: Keeping,
): Promise<Journal> {
  if (push.durability === 'memory') return new MemoryJournal();
  if (push.durability === 'disk') {
    const { openDiskJournal } = await import('../store/push-journal-disk.ts');
    return openDiskJournal({ file: push.file });
  }
  if (!redis) throw new TypeError('push.durability shared needs redis'); // the configuration is checked
  const { openSharedJournal } = await import('../store/push-journal-redis.ts');
  return openSharedJournal({
    address: redis.address,
    readTls: usesTls(redis) ? () => readRedisTls(redis, ground) : undefined,
    prefix: redis.channel,
    replicas: push.redisReplicas,
    observer: {
      onFailure: (error) => keeping.failed(error),
      onReady: () => keeping.worked(),
      onServer: (server) => tellServer(server, ground),
      onLost: (tenant) => {
        ground.log.error('Redis has lost pushes that it had kept: look at its persistence', {
          tenant,
        });
      },
    },
  });
}

/** What an operator of Redis should know who wants no push lost. */
function tellServer(
  { evicts, evictionPolicy, hasLog }: PushServer,
  { log }: Pick<Ground, 'log'>,
): void {
  if (evicts) {
    log.warn('Redis removes pushes when its memory is full: set maxmemory-policy to noeviction', {
      evictionPolicy,
    });
  }
  if (evictionPolicy === undefined) {
    log.debug('Redis does not say what it does when its memory is full: grant INFO to be told');
  }
  if (hasLog === false) {
    log.info('Redis may lose pushes when it crashes or restarts: set appendonly to yes');
  }
}

interface Loops {
  readonly keeping: Keeping;
  readonly signal: AbortSignal;
}

function runLoops(ledger: Ledger, { keeping, signal }: Loops): Promise<void>[] {
  const loop = { signal, onError: (error: unknown) => keeping.failed(error) };
  const loops = [
    every(EXPIRE_MS, () => ledger.expire(signal), { ...loop, firstAfterMs: EXPIRE_MS }),
  ];
  if (ledger.durability !== 'memory') {
    loops.push(every(FOLLOW_MS, () => ledger.follow(), { ...loop, firstAfterMs: FOLLOW_MS }));
  }
  return loops;
}

/** Whether pushes are kept; tells the log when that changes. */
class Keeping {
  readonly #options: Pick<PushLedgerOptions, 'ground' | 'metrics'>;
  #failing = false;

  constructor(options: Pick<PushLedgerOptions, 'ground' | 'metrics'>) {
    this.#options = options;
  }

  get isFailing(): boolean {
    return this.#failing;
  }

  failed(err: unknown): void {
    const { log } = this.#options.ground;
    const failure = err instanceof JournalError ? err.failure : 'unreachable';
    this.#options.metrics.commitFailed(failure);
    if (this.#failing) log.debug('pushes are still not kept', { failure, err });
    else log.error('pushes cannot be kept: promgate answers 503 and tries again', { failure, err });
    this.#failing = true;
  }

  worked(): void {
    if (this.#failing) this.#options.ground.log.info('pushes are kept again');
    this.#failing = false;
  }
}
