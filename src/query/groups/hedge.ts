/**
 * Asks one replica of a shard, and another one as soon as the first is slower than it uses to be.
 */
import type { AskReplica, Gathered, Missing } from './gather.ts';
import { type Replica, ReplicaError, type Trace } from './replica.ts';

/** Bounds on how long a replica is waited for before the next one is asked as well. */
const MIN_HEDGE_MS = 20;
const MAX_HEDGE_MS = 250;

/** @returns the first answer; no answer if all replicas have failed */
export async function hedge<T>(
  replicas: readonly Replica[],
  ask: AskReplica<T>,
  trace: Trace,
): Promise<Gathered<T>> {
  const missing: Missing[] = [];
  const waiting = [...replicas].sort((a, b) => Number(a.isAway) - Number(b.isAway));
  const stops = new Map<Replica, (nowMs: number) => void>();
  const found = await new Promise<Found<T> | undefined>((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const next = (): void => {
      clearTimeout(timer);
      const replica = waiting.shift();
      if (replica === undefined) {
        if (stops.size === 0) resolve(undefined);
        return;
      }
      const { signal, stop } = stoppable(replica, trace.signal);
      stops.set(replica, stop);
      const lost = (error: unknown): void => {
        stops.delete(replica);
        missing.push({ replica, error });
        next();
      };
      const won = (answer: T): void => {
        clearTimeout(timer);
        stops.delete(replica);
        resolve({ replica, answer });
      };
      ask(replica, { ...trace, signal }, () => undefined).then(won, lost);
      timer = setTimeout(next, hedgeMs(replica));
    };
    next();
  });
  const answers = found === undefined ? [] : [found];
  const told = [...missing];
  for (const stop of stops.values()) stop(performance.now());
  trace.signal.throwIfAborted();
  return { answers, missing: told };
}

/** A signal for one replica; who has had its time and sent nothing is stopped as frozen. */
function stoppable(replica: Replica, outer: AbortSignal) {
  const startedMs = performance.now();
  const controller = new AbortController();
  const stop = (nowMs: number): void => {
    const text = `${replica.url} sent nothing while its replica had answered`;
    const isFrozen = nowMs - startedMs >= MAX_HEDGE_MS;
    controller.abort(isFrozen ? new ReplicaError('frozen', text) : undefined);
  };
  return { stop, signal: AbortSignal.any([outer, controller.signal]) };
}

interface Found<T> {
  readonly replica: Replica;
  readonly answer: T;
}

function hedgeMs(replica: Replica): number {
  return Math.min(MAX_HEDGE_MS, Math.max(MIN_HEDGE_MS, replica.hedgeMs ?? MAX_HEDGE_MS));
}
