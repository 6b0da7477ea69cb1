/**
 * What the pages of the ledger are made of: families of tenants, whose metrics lie in blocks. A block
 * has a new version whenever anything in it has changed, so that a page is rendered anew only in part.
 */
import type { FamilyType } from '../exposition/grammar.ts';
import type { Label } from './labels.ts';

/** A family of one tenant; other tenants may have families of this name and of another type. */
export interface LedgerFamily {
  readonly tenant: string;
  readonly name: string;
  readonly type: FamilyType;
  readonly help: string;
  readonly unit: string;
  /** The metrics of all blocks. */
  readonly size: number;
  /** No block is empty. */
  readonly blocks: readonly MetricBlock[];
}

export interface MetricBlock {
  /** Never the same for two states of the ledger's blocks. */
  readonly version: number;
  readonly metrics: readonly LedgerMetric[];
}

export interface LedgerMetric {
  /** As `printLabels` writes it, without braces; '' for no labels. */
  readonly labels: string;
  /** When the metric began, in ms. */
  readonly createdMs: number;
  /** What the metric is worth now, as one run. */
  current(): MetricRun;
}

/** A run of values; see `PushedMetric`. A sum that is NaN is not known. */
export interface MetricRun {
  readonly bounds: readonly number[];
  readonly values: ArrayLike<number>;
  /** The protobuf message of a native histogram. */
  readonly native: Buffer | undefined;
}

/** A group of replace mode. */
export interface LedgerGroup {
  readonly tenant: string;
  readonly labels: readonly Label[];
  /** The metrics of the group by family, with `push_time_seconds` and `push_failure_time_seconds`. */
  readonly families: readonly {
    readonly family: LedgerFamily;
    readonly metrics: readonly LedgerMetric[];
  }[];
}

export interface PageSource {
  /** @param tenant - undefined: the families of all tenants, in no order */
  families(tenant?: string): Iterable<LedgerFamily>;
  groups(tenant?: string): Iterable<LedgerGroup>;
  /**
   * Notes that a reader has seen all values of these tenants.
   *
   * @param beganMs - when the reader's page began, as `Date.now()` gives it: the reader may not have
   *   seen what was pushed since. Default: now
   */
  seen(tenant?: string, beganMs?: number): void;
}
