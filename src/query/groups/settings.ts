/**
 * What a group of servers is told by the configuration.
 */
import type { Matcher } from '../../promql/evaluate/storage.ts';

/** Names and values. */
export type LabelSet = Readonly<Record<string, string>>;

/** One server as a discovery names it: `host:port`, and labels; `__meta_…` ones are for relabelling. */
export interface DiscoveredServer {
  readonly address: string;
  readonly labels: LabelSet;
}

/** A rule over the labels of series; all of them can be undone in matchers. */
export interface MetricsRelabelRule {
  readonly action: 'replace' | 'lowercase' | 'uppercase' | 'labeldrop';
  readonly sourceLabel: string;
  /** '' for `labeldrop`. */
  readonly targetLabel: string;
}

/** When a group has samples; an end that is missing is open. */
export interface TimeLimit {
  readonly kind: 'absolute' | 'relative';
  /** Milliseconds since 1970, or from now. */
  readonly start: number | undefined;
  readonly end: number | undefined;
  /** Cuts what is asked to the limit; otherwise all is asked if a part is within. */
  readonly truncate: boolean;
}

/** Which values of labels a group can have. */
export interface LabelFilterSettings {
  /** Labels whose values the servers are asked for. */
  readonly dynamicLabels: readonly string[];
  /** 0: they are asked once. */
  readonly syncIntervalMs: number;
  readonly include: Readonly<Record<string, readonly string[]>>;
  readonly exclude: Readonly<Record<string, readonly string[]>>;
  /** What a group is as long as its values are not known. */
  readonly untilSynced: 'open' | 'closed';
}

/** How series of replicas are merged. */
interface MergeSettings {
  /** Samples of another replica that are nearer than this to a sample are taken for the same scrape. */
  readonly antiAffinityMs: number;
  /** Half of the median distance of a series' samples takes the place of `antiAffinityMs`. */
  readonly dynamic: boolean;
  /** The greatest of the values of one scrape is taken. */
  readonly preferMax: boolean;
}

/** @returns the labels in any order; undefined if the server is dropped */
type RelabelServer = (
  labels: readonly (readonly [string, string])[],
) => readonly (readonly [string, string])[] | undefined;

export interface GroupSettings {
  readonly name: string;
  readonly ordinal: number;
  readonly scheme: string;
  readonly pathPrefix: string;
  readonly labels: LabelSet;
  readonly staticServers: readonly DiscoveredServer[];
  readonly relabel: RelabelServer;
  readonly metricsRelabel: readonly MetricsRelabelRule[];
  readonly merge: MergeSettings;
  /** Whether samples are read by remote read; `auto`: where the server has it. */
  readonly remoteRead: 'auto' | 'always' | 'never';
  readonly remoteReadPath: string;
  readonly timeLimits: readonly TimeLimit[];
  readonly labelFilter: LabelFilterSettings | undefined;
  /** Every selector gets these. */
  readonly injectMatchers: readonly Matcher[];
  /** What becomes of a failure of the whole group. */
  readonly onError: 'fail' | 'warn' | 'ignore';
  /** The group holds the same series as another one, whose holes it fills. */
  readonly replicaOf: string | undefined;
  /** `none`: series of other groups may have the same labels, and are then merged. */
  readonly partition: 'labels' | 'none';
  /** Bound on one request, body included. */
  readonly deadlineMs: number;
}
