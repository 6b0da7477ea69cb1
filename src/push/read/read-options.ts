/** What the readers of all formats are told. */
import type { PushMode } from '../push.ts';
import { PushRefusal } from '../refusal.ts';

export interface ReadOptions {
  readonly mode: PushMode;
  /** Bound on the samples of the body. */
  readonly maxSeries: number;
}

/** The refusal of a body beyond `maxSeries`. */
export function tooManySeries(limit: number): PushRefusal {
  const what = `the body has more than ${limit} samples: push fewer series, or fewer at once`;
  return new PushRefusal('series_limit', what, { details: { limit } });
}
