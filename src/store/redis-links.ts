/**
 * Connections to Redis that are held open together: when one of them is lost, or the server is
 * silent, all are closed.
 *
 * Whoever holds connections has a loop of attempts around `holdLinks`, in place of the library's:
 * the deadlines of the library start anew with every reconnection.
 */
import { sleep } from '../clock.ts';
import type { RedisAddress } from '../config/redis-url.ts';
import { ChannelError } from './channel-error.ts';
import { type ChannelTls, type Link, openLink } from './redis.ts';

export interface HeldLinks {
  readonly address: RedisAddress;
  /** Called before every attempt, as operators rotate the files; undefined: without TLS. */
  readonly readTls: (() => Promise<ChannelTls>) | undefined;
  readonly count: number;
  readonly maxAnswerBytes?: number | undefined;
  /** Prepares the connections; the time for that is bounded. */
  readonly enter: (links: readonly Link[]) => Promise<void>;
  /** The connections are ready. */
  readonly onReady: (links: readonly Link[]) => void;
  /** How long the server may be silent now, in ms; default 3 s. */
  readonly silentMs?: () => number;
  /** The connections have lasted for 10 s. */
  readonly worked: () => void;
  readonly signal: AbortSignal;
}

/** Bound on the time from the start of an attempt until the connections are ready. */
const CONNECT_MS = 5_000;
const PING_EVERY_MS = 1_000;
/** A server that answers no ping for this long is dropped. */
export const SILENT_MS = 3_000;
/** A connection that lasted this long worked: the next attempt begins after the first pause. */
const LASTED_MS = 10_000;

/**
 * Connects, and holds the connections until `signal` aborts.
 *
 * @throws when a connection is lost or cannot be made
 */
export async function holdLinks(options: HeldLinks): Promise<void> {
  const { address, count, maxAnswerBytes, signal, worked, silentMs = () => SILENT_MS } = options;
  const tls = await readFiles(options);
  const lost = Promise.withResolvers<never>();
  const stopped = Promise.withResolvers<'stopped'>();
  const onStop = (): void => stopped.resolve('stopped');
  const ended = new AbortController();
  const open = () =>
    openLink({ address, tls, connectMs: CONNECT_MS, onLost: lost.reject, maxAnswerBytes });
  const links = Array.from({ length: count }, open);
  signal.addEventListener('abort', onStop);
  if (signal.aborted) onStop();
  try {
    const entering = enter(links, options.enter);
    const late = sleep(CONNECT_MS, ended.signal).then(() => Promise.reject(silence(CONNECT_MS)));
    late.catch(() => undefined); // it also fails when all has ended
    if ((await Promise.race([entering, lost.promise, late, stopped.promise])) === 'stopped') return;
    options.onReady(links);
    void sleep(LASTED_MS, ended.signal).then(() => ended.signal.aborted || worked());
    const watched = links.map((link) => watch(link, silentMs, ended.signal));
    await Promise.race([lost.promise, stopped.promise, ...watched]);
  } finally {
    signal.removeEventListener('abort', onStop);
    ended.abort();
    for (const link of links) link.close();
  }
}

async function readFiles({ readTls }: HeldLinks): Promise<ChannelTls | undefined> {
  try {
    return await readTls?.();
  } catch (cause) {
    throw new ChannelError('internal', 'the files of redis.tls cannot be read', { cause });
  }
}

async function enter(links: readonly Link[], prepare: HeldLinks['enter']): Promise<void> {
  await Promise.all(links.map((link) => link.enter()));
  await prepare(links);
}

/** Pings until `signal` aborts. @throws {ChannelError} when no answer comes in time */
async function watch(link: Link, silentMs: () => number, signal: AbortSignal): Promise<void> {
  for (;;) {
    await sleep(PING_EVERY_MS, signal);
    if (signal.aborted) return;
    const maxMs = silentMs();
    const answer = await within(maxMs, link.ping(), undefined);
    if (answer === undefined) throw silence(maxMs);
  }
}

function silence(ms: number): ChannelError {
  return new ChannelError('timeout', `no answer of Redis within ${ms} ms`);
}

/**
 * @returns `otherwise` if `promise` has not settled after `ms`. A process that was stopped or busy for
 * longer first reads what has arrived meanwhile.
 */
export async function within<T, U>(ms: number, promise: Promise<T>, otherwise: U): Promise<T | U> {
  const late = Promise.withResolvers<U>(); // a sleep that is aborted takes 40 us
  const timer = setTimeout(() => setImmediate(() => late.resolve(otherwise)), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
    promise.catch(() => undefined); // a failure after the deadline matters to nobody
  }
}
