/**
 * What a client asks of the ledger.
 */
import type { Label } from './labels.ts';
import type { GaugeMode, PushedPage } from './pushed-page.ts';

/** Who pushes. Types of metrics, limits and groups are each tenant's own. */
export interface Tenancy {
  /** `app:<guid>` or `space:<guid>` of a binding; '' without a binding's token. */
  readonly tenant: string;
  /** Labels that every metric of the tenant has, sorted by name. */
  readonly forced: readonly Label[];
}

/** `aggregate` adds to what is there; `replace` keeps the last push of each group. */
export type PushMode = 'aggregate' | 'replace';

/** `delta`: a push says what has grown since the last; `cumulative`: since the source began. */
export type Temporality = 'delta' | 'cumulative';

/** How metrics are put together, from the configuration and the headers of a push. */
export interface PushRules {
  readonly mode: PushMode;
  /** From `X-Push-Temporality`; undefined: by rule. It acts only with a source. */
  readonly temporality: Temporality | undefined;
  /** From `X-Push-Source`; '' for clients that do not name themselves. */
  readonly source: string;
  /** From `X-Gauge-Mode`. A comment line in the body goes before it, then come the rules. */
  readonly gaugeMode: GaugeMode | undefined;
  /** From `X-Push-TTL`; undefined: by rule. 0: no end. */
  readonly ttlMs: number | undefined;
}

/** One push. */
export interface Push extends Tenancy {
  readonly rules: PushRules;
  /** In replace mode: the whole group (`PUT`) or the families of the body (`POST`). */
  readonly replaces: 'group' | 'families';
  /** The labels of the path, sorted; in replace mode the grouping key, with `job`. */
  readonly path: readonly Label[];
  readonly page: PushedPage;
  /** From `Idempotency-Key`, with a hash of everything that decides what the push does. */
  readonly id: { readonly key: string; readonly hash: string } | undefined;
}

/** A push is in the ledger, and kept as its durability promises. */
export interface Accepted {
  /** The push was in the ledger already: nothing was added. */
  readonly isReplay: boolean;
}

/** What `serve/` uses of the ledger. All methods may reject with a `PushRefusal`. */
export interface PushLedger {
  readonly durability: 'memory' | 'disk' | 'shared';
  push(push: Push): Promise<Accepted>;
  /** Replace mode: removes a group, if there is such a group. */
  deleteGroup(tenancy: Tenancy, path: readonly Label[]): Promise<void>;
  /**
   * Removes the metrics of a family that have all of these labels; without labels the family.
   * In aggregate mode only: the metrics of groups stay.
   */
  deleteMetrics(tenancy: Tenancy, family: string, labels: readonly Label[]): Promise<void>;
  /** Removes everything of one tenant; without a tenant everything of all. */
  wipe(tenancy?: Tenancy): Promise<void>;
  /** Replace mode: notes that a push of this group was refused, as `push_failure_time_seconds`. */
  noteFailure(tenancy: Tenancy, path: readonly Label[]): Promise<void>;
}
