/**
 * Many Prometheus servers as one: a storage for the engine, and one place to ask for everything else.
 *
 * A federation is made of groups. A group is made of shards: replicas that hold the same series, and whose holes
 * are filled from each other. `group.ts` says what a group does; this file joins the groups.
 */
import type { Readable } from 'node:stream';
import type { Matcher, Storage } from '../promql/evaluate/storage.ts';

/** Who asks, and how the answer is to be made; the same for all selectors of a query. */
export interface QueryScope {
  /**
   * Every series has to match one of these sets; without a set every series may be read. The sets are applied below
   * the engine, so no expression can escape them.
   */
  readonly tenants: readonly (readonly Matcher[])[];
  /** Groups that fail become warnings. */
  readonly partialResponse: boolean;
  /** Without it, series of replicas are not merged but told apart by a label `replica`. */
  readonly dedup: boolean;
}

/** One request to one server, for `explain=1` and the metrics. */
export interface RequestRecord {
  readonly group: string;
  readonly server: string;
  /** The path that was asked for, or `read`. */
  readonly call: string;
  /** `success`, or the word of a failure. */
  readonly outcome: string;
  readonly durationMs: number;
  readonly series?: number;
  readonly samples?: number;
}

/** The storage of one query. */
export interface FederatedStorage extends Storage {
  /** What is missing in the answer, and why. */
  warnings(): readonly string[];
  /** Holes that no replica could fill. */
  infos(): readonly string[];
  requests(): readonly RequestRecord[];
}

/** A question of Prometheus' API, `/api/v1/` left out. */
export interface ApiCall {
  /** `series`, `labels`, `label/job/values`, `metadata`, `rules`, ... */
  readonly path: string;
  /** The readable name of the label whose values are asked for: in the path it may be escaped. */
  readonly label?: string;
  /** Sets of matchers, one of which a series has to match; none: all series. */
  readonly matchers: readonly (readonly Matcher[])[];
  readonly startMs?: number;
  readonly endMs?: number;
  readonly parameters: Readonly<Record<string, string>>;
}

/** What one server answered. */
export interface GroupAnswer {
  readonly group: string;
  /** The labels that the group adds to its series; they are not yet in `data`. */
  readonly labels: Readonly<Record<string, string>>;
  /** The `data` of the answer. */
  readonly data: unknown;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

export interface GroupAnswers {
  readonly answers: readonly GroupAnswer[];
  readonly warnings: readonly string[];
}

/** One server of a group, for status pages and metrics. */
export interface ServerState {
  readonly url: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly health: 'up' | 'down' | 'unknown';
  /** Why the last request failed; '' if it did not. */
  readonly lastError: string;
  readonly requests: number;
  readonly failures: number;
}

export interface GroupState {
  readonly name: string;
  readonly ordinal: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly servers: readonly ServerState[];
  /** Why the servers cannot be discovered; '' if they can. */
  readonly discoveryError: string;
}

export interface Federation {
  open(scope: QueryScope): FederatedStorage;
  /** Asks all groups that can match. @throws {FederationError} if one fails that is needed */
  ask(call: ApiCall, scope: QueryScope, signal: AbortSignal): Promise<GroupAnswers>;
  /**
   * The bytes of an answer, if one server alone can give it: one group can match, it has one server, and no label is
   * changed. Undefined otherwise.
   */
  splice(call: ApiCall, scope: QueryScope, signal: AbortSignal): Promise<Readable | undefined>;
  groups(): readonly GroupState[];
  close(): Promise<void>;
}
