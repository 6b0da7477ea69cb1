/**
 * Tells the log of refused pushes: the first one of each kind and tenant at once, then one a minute,
 * since clients repeat what is refused.
 */
import type { PushEnd } from '../serve/push-desk.ts';
import type { Log } from '../telemetry/log.ts';

const PAUSE_MS = 60_000;
/** Bound on kinds and tenants that are remembered. */
const MAX_TOLD = 1_000;

/** Refusals by what the operator has configured, or has to look at; all others are clients' faults. */
const OF_OPERATOR = /_limit$|_length$|^too_large$|^busy$|^not_stored$|^internal$/;

interface Told {
  readonly atMs: number;
  /** Refusals since then that were not told. */
  more: number;
}

export interface RefusalOptions {
  readonly log: Pick<Log, 'debug' | 'info' | 'warn'>;
  /** A clock in milliseconds that only goes forward. */
  readonly now?: () => number;
}

/** @returns to be called with each push that has ended */
export function tellRefusals({ log, now = () => performance.now() }: RefusalOptions) {
  const told = new Map<string, Told>();
  return ({ of, result, tenant, why }: PushEnd): void => {
    if (why === undefined) return;
    const fields = { interface: of, result, tenant, why };
    const key = `${result}\n${tenant}`;
    const before = told.get(key);
    const nowMs = now();
    if (before && nowMs - before.atMs < PAUSE_MS) {
      before.more += 1;
      log.debug('a push was refused', fields);
      return;
    }
    if (told.size >= MAX_TOLD) told.clear();
    told.set(key, { atMs: nowMs, more: 0 });
    const more = before && before.more > 0 ? { more: before.more } : {};
    if (OF_OPERATOR.test(result)) log.warn('a push was refused', { ...fields, ...more });
    else log.info('a push was refused', { ...fields, ...more });
  };
}
