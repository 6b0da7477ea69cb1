/**
 * Records: what a ledger keeps over a restart. A record is a text that says what its numbers are,
 * and the numbers. Stores keep records and know nothing of metrics; the ledger makes its metrics of
 * them again.
 *
 * Each tenant's records are numbered from 1; a number is not used again.
 */
import type { FamilyType } from '../exposition/grammar.ts';
import type { Label } from './labels.ts';
import type { GaugeMode } from './pushed-page.ts';

/** What the numbers of a record are. The record's key is this list as JSON. */
export type RecordKey =
  /** A family of a tenant; no numbers. */
  | readonly ['f', name: string, type: FamilyType, help: string, unit: string, gaugeMode: GaugeMode]
  /**
   * What a metric has gathered: `MetricTimes`, a run of values in one layout, and what the sum lost by
   * rounding (`exact-sum.ts`). `group` is the
   * text of the grouping key in replace mode, null in aggregate mode. `share` names the source whose
   * share this is; '' for what belongs to no source.
   */
  | readonly [
      'm',
      group: string | null,
      family: string,
      labels: string,
      bounds: readonly KeptBound[],
      share: string,
      /** Base64 of a native histogram; '' for none. */
      native: string,
    ]
  /** The last run that a cumulative source has pushed for a metric; `of` is the id of its record `m`. */
  | readonly ['s', source: string, family: string, labels: string, of: number]
  /** A source: `[time of its last push in ms]`. */
  | readonly ['o', source: string]
  /** An idempotency key with the hash of its body: `[time of the push in ms]`. */
  | readonly ['i', key: string, hash: string];

/** A bound of a layout; JSON has no infinities, so these are texts. */
export type KeptBound = number | 'Infinity' | '-Infinity';

export function keptBound(bound: number): KeptBound {
  if (Number.isFinite(bound)) return bound;
  return bound > 0 ? 'Infinity' : '-Infinity'; // no bound is NaN
}

/** The numbers before the run of a record `m`, in ms; 0 for never. */
export const MetricTimes = { created: 0, touched: 1, ttl: 2, length: 3 } as const;

/** Bound on the key of a record, and on its values: an answer of a store may hold many records. */
export const MAX_RECORD_BYTES = 512 * 1024;

export interface StoredRecord {
  readonly id: number;
  /** A `RecordKey` as JSON. */
  readonly key: string;
  readonly values: Float64Array;
}

/** A tenant as stores keep it. */
export interface StoredTenant {
  /** Unique; '' is the tenant of clients without a binding's token. */
  readonly tenant: string;
  readonly forced: readonly Label[];
  readonly records: readonly StoredRecord[];
  /** All smaller numbers were used before. */
  readonly nextId: number;
}

/** What has changed in one tenant since the last commit. One commit keeps all of it, or nothing. */
export interface TenantChanges {
  readonly tenant: string;
  readonly forced: readonly Label[];
  readonly created: readonly StoredRecord[];
  /** Records that are known to the store, with their new numbers. */
  readonly changed: readonly { readonly id: number; readonly values: Float64Array }[];
  readonly removed: readonly number[];
  readonly nextId: number;
}

/**
 * What the ledger must do to have a tenant as it is stored. The ledger then has the records that it had
 * after its last commit, load or reload, with these changes.
 */
export interface TenantUpdate extends TenantChanges {
  /** New records, and those whose numbers may have had other keys before. */
  readonly created: readonly StoredRecord[];
  /**
   * Whether `created` has all records of the tenant: the ledger forgets all that it had. Numbers may
   * then have other keys than before, as when a backup was restored.
   */
  readonly isWhole: boolean;
}

/** Changes of a tenant that were not kept: the ledger must catch up (`reload`). */
export interface Stale {
  readonly tenant: string;
  /**
   * Undefined: another promgate was faster. The changes were not kept, and the ledger applies its
   * pushes anew after the reload. Else nobody knows whether the changes were kept, and the ledger
   * answers these pushes with the error.
   */
  readonly error?: JournalError | undefined;
}

/**
 * Keeps the records of a ledger. One contract suite tests all journals.
 *
 * The ledger calls `commit` and `reload` one call at a time for each tenant.
 */
export interface Journal extends AsyncDisposable {
  readonly durability: 'memory' | 'disk' | 'shared';
  /** All tenants as they were committed last. */
  load(): Promise<readonly StoredTenant[]>;
  /**
   * Keeps changes, each tenant's in one transaction, in the order `created`, `changed`, `removed`.
   * When the promise resolves, they outlive `kill -9`.
   *
   * @param changes - read before the call returns: the arrays of numbers may change afterwards
   * @returns the tenants whose changes were not kept; of all others they were
   * @throws {JournalError} if nothing is known of what was kept of any tenant
   */
  commit(changes: readonly TenantChanges[]): Promise<readonly Stale[]>;
  /**
   * What has changed in a tenant since it was loaded, reloaded or committed here.
   *
   * @param unsure - the numbers of all records that the ledger has created, changed or removed, or
   *   may have, without a commit that was kept. The update has each of them as it is stored, under
   *   `created`, or under `removed` if it is not stored. A number that the ledger has given to a new
   *   record may be stored with another key, as another promgate gave it, too: the ledger first
   *   forgets all of these.
   * @returns undefined if the journal has no such tenant (any more): the ledger forgets it
   * @throws {JournalError} if the tenant cannot be read; the ledger then still has to catch up
   */
  reload(tenant: string, unsure: Iterable<number>): Promise<TenantUpdate | undefined>;
  /**
   * Tenants that other promgates have changed since they were loaded, reloaded or committed here,
   * also new ones and tenants that are gone.
   *
   * @throws {JournalError} if the journal cannot tell
   */
  changedElsewhere(): Promise<readonly string[]>;
}

/**
 * Why records could not be kept or read; a label of a metric. `full`: no space. `locked`: another
 * process has the file open. `denied`: no permission. `missing`: the file was removed or replaced.
 * `damaged`: the stored data is not what the journal wrote. `newer`: a later promgate wrote it.
 * `unreachable`: the disk or the server fails. `timeout`: no answer in time. `refused`: the server
 * answers with another error. `unreplicated`: kept, but not by as many replicas of the server as
 * configured. `too_large`: one record is larger than the journal keeps. `ended`: the journal's own
 * thread ended, or the journal is closed.
 */
export const JOURNAL_FAILURES = [
  'full',
  'locked',
  'denied',
  'missing',
  'damaged',
  'newer',
  'unreachable',
  'timeout',
  'refused',
  'unreplicated',
  'too_large',
  'ended',
] as const;

export type JournalFailure = (typeof JOURNAL_FAILURES)[number];

/** The records could not be kept or read. */
export class JournalError extends Error {
  override readonly name = 'JournalError';
  readonly failure: JournalFailure;

  /** @param message - for the operator: what failed, on what, and what to do */
  constructor(failure: JournalFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}
