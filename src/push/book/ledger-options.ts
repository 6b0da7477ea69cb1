/** What a ledger is opened with. */
import type { Pace } from '../../clock.ts';
import type { Tenancy } from '../push.ts';
import type { Journal } from '../record.ts';
import type { TenantRules } from '../rules.ts';
import type { CommitsOptions } from './commits.ts';

interface LedgerBounds {
  readonly tenants: number;
  /** Series of all tenants. */
  readonly totalSeries: number;
  /** Idempotency keys of a tenant. */
  readonly keys: number;
  readonly keyTtlMs: number;
  /** A source that has not pushed for this long goes, and its share of gauges with it. */
  readonly sourceIdleMs: number;
}

export interface LedgerOptions extends Pick<CommitsOptions, 'onCommit' | 'onFailure'> {
  readonly journal: Journal;
  readonly bounds: LedgerBounds;
  readonly rulesOf: (tenancy: Tenancy) => TenantRules;
  /** Unix time in ms. */
  readonly now: () => number;
  /** Lets other work run during long work; default: after each 3 ms. */
  readonly pace?: Pace | undefined;
  /** Called with records of the journal that nothing can be made of. */
  readonly onUnreadable?: (tenant: string, records: number) => void;
}
