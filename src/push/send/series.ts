/**
 * Series: what is sent to Prometheus servers. The ledger of pushes is one source of series; whatever
 * else has values, such as the results of rules, may be another.
 */
import type { FamilyType } from '../../exposition/grammar.ts';
import type { Label } from '../labels.ts';

/** What describes the series of a family. */
export interface SeriesFamily {
  readonly name: string;
  readonly type: FamilyType;
  readonly help: string;
  readonly unit: string;
}

export interface Series {
  /** Unique in the source. The same key means the same labels for as long as the series is there. */
  readonly key: string;
  /** Best the same object for all series of a family. */
  readonly family: SeriesFamily;
  readonly value: number;
  /** When the series began to count, in ms; 0 if that is not known or has no meaning. */
  readonly createdMs: number;
  /** All labels, `__name__` among them, in any order; asked for once, when the series is new. */
  labels(): readonly Label[];
}

export interface SeriesSource {
  /**
   * All series that exist at the time of the call. The caller reads on while other work runs; a
   * series that is not among them has gone.
   */
  read(): Iterable<Series>;
  /**
   * Called when all values that `read` gave last are on their way.
   *
   * @param beganMs - when `read` was called, as `Date.now()` gives it
   */
  seen?(beganMs: number): void;
}

/** Whether this process is the one that may write series; other replicas ask for the same lease. */
export interface Lease {
  isHeld(): boolean;
}
