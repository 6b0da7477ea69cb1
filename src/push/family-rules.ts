/**
 * What the configuration says of a family's metrics, for one tenant.
 */
import type { Temporality } from './push.ts';
import type { GaugeMode } from './pushed-page.ts';

export interface FamilyRules {
  readonly gaugeMode: GaugeMode;
  readonly temporality: Temporality;
  /** A metric that no push has named for this long goes; 0: it stays. */
  readonly ttlMs: number;
  /** Labels that are dropped before metrics are put together, in aggregate mode. */
  readonly without: ReadonlySet<string>;
}

/** How much of one tenant the ledger holds. */
export interface TenantLimits {
  readonly series: number;
  readonly seriesPerFamily: number;
  readonly families: number;
  readonly groups: number;
  readonly labels: number;
  readonly labelNameLength: number;
  readonly labelValueLength: number;
  readonly sources: number;
}

/** What the configuration says of one tenant. */
export interface TenantRules {
  readonly limits: TenantLimits;
  family(name: string): FamilyRules;
}
