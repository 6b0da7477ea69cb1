/**
 * How a query is evaluated: when, from which storage, and by which of the rules that can be chosen.
 */
import type { Storage } from './storage.ts';

/** How a query is evaluated; equal for all of its parts. */
export interface Settings {
  readonly storage: Storage;
  /** The first step of the query; the only one of an instant query. */
  readonly startMs: number;
  /** The last step is not later than this. */
  readonly endMs: number;
  /** 0 for an instant query. */
  readonly stepMs: number;
  /** How old a sample may be that a selector still takes. */
  readonly lookbackMs: number;
  /** The step of subqueries that name none. */
  readonly subqueryStepMs: number;
  /** Names that functions remove stay readable until the end of the evaluation. */
  readonly delayedNameRemoval: boolean;
  /** Counters are known by their `__type__` instead of their name. */
  readonly typeLabels: boolean;
  /** Start times of counters are taken into account. */
  readonly startTimes: boolean;
}
