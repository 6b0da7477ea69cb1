/**
 * Bounds what readers of the status page cost: requests at once, and requests a second of each reader.
 */
import { Admission, bounded, openGate } from '../admission.ts';
import { Problem } from '../errors.ts';
import { PushRate } from '../push-rate.ts';
import type { Exchange, Handler } from '../request.ts';

export interface BoundOptions {
  /** How many requests run at once; one reader has at most half of them. */
  readonly maxRequests: number;
  readonly perSecond: number;
  /** Names the tenant, or the address where nobody needs a credential. */
  readonly readerOf: (exchange: Exchange) => string;
  /** Called for each refused request. */
  readonly onRefused: () => void;
}

/** @returns a way to bound handlers, all of which share the bounds */
export function boundReaders({
  maxRequests,
  perSecond,
  readerOf,
  onRefused,
}: BoundOptions): (handle: Handler) => Handler {
  const admission = new Admission({ maxRequests, onRefused });
  const rate = new PushRate();
  return (handle) => {
    const admitted = bounded(openGate(admission, readerOf), handle);
    return (ctx, next) => {
      if (rate.take(readerOf(ctx), perSecond)) return admitted(ctx, next);
      onRefused();
      const detail = `this reader sends more than ${perSecond} such requests a second`;
      throw new Problem('too-many-requests', detail, { headers: { 'Retry-After': '1' } });
    };
  };
}
