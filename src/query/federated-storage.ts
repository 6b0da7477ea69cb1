/**
 * The storage of one query: the samples of all groups that can match, replicas merged.
 */
import { everyTurn, type Pace } from '../clock.ts';
import { type CompiledMatcher, compileMatcher } from '../promql/evaluate/match.ts';
import type { Matcher, SelectHints, SeriesBlock, TimeRange } from '../promql/evaluate/storage.ts';
import { FederationError } from './failure.ts';
import type { FederatedStorage, QueryScope, RequestRecord } from './federation.ts';
import type { Gathered, Missing } from './groups/gather.ts';
import type { Asked, Group } from './groups/group.ts';
import {
  emptyGroup,
  failedGroup,
  type GroupFailure,
  missingReplica,
  neededFailures,
  remarks,
  tooBig,
} from './groups/outcome.ts';
import type { Trace } from './groups/replica.ts';
import { failureOf, type ReadAnswer } from './groups/server.ts';
import { finalLabels, readShard } from './groups/shard.ts';
import { commonHoles } from './merge/common-holes.ts';
import { mergeBlocks } from './merge/merge-blocks.ts';
import { mergeSeries } from './merge/merge-series.ts';
import { trim } from './merge/trim.ts';
import { type ReadBounds, ReadBudget } from './target/read-budget.ts';

const TURN_MS = 4;

export interface StorageOptions {
  readonly groups: readonly Group[];
  readonly scope: QueryScope;
  readonly bounds: ReadBounds;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
}

interface GroupRead {
  readonly group: Group;
  readonly asked: number;
  readonly series: readonly SeriesBlock[];
  readonly failures: readonly GroupFailure[];
}

export class FederatedReads implements FederatedStorage {
  readonly #options: StorageOptions;
  readonly #warnings = new Set<string>();
  readonly #infos = new Set<string>();
  readonly #requests: RequestRecord[] = [];
  readonly #budget: ReadBudget;

  constructor(options: StorageOptions) {
    this.#options = options;
    this.#budget = new ReadBudget(options.bounds);
  }

  warnings(): readonly string[] {
    return [...this.#warnings];
  }

  infos(): readonly string[] {
    return [...this.#infos];
  }

  requests(): readonly RequestRecord[] {
    return this.#requests;
  }

  async select(
    matchers: readonly Matcher[],
    range: TimeRange,
    hints: SelectHints,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<readonly SeriesBlock[]> {
    const { groups, scope, wallMs } = this.#options;
    const sets = tenantSets(matchers, scope);
    const trace = { signal, onRequest: (record: RequestRecord) => this.#requests.push(record) };
    const fits = compileSets(sets);
    const pace = everyTurn(TURN_MS);
    const nowMs = wallMs();
    const reads = await Promise.all(
      groups.map((group) => {
        const asked = group.askedBy(sets, range, nowMs);
        return this.#readGroup(group, asked, { hints, trace, fits, pace });
      }),
    );
    const { needed, forgiven } = neededFailures(reads, scope.partialResponse);
    for (const text of forgiven) this.#warnings.add(text);
    if (needed !== undefined) throw new FederationError('group', needed.message, needed.options);
    const [first = [], ...others] = reads.map(({ series }) => series);
    if (others.every((series) => series.length === 0)) return first;
    return mergeSeries([first, ...others], (blocks) => mergeBlocks(blocks, widest(groups)), pace);
  }

  async #readGroup(group: Group, asked: readonly Asked[], reading: Reading): Promise<GroupRead> {
    const { scope } = this.#options;
    const failures: GroupFailure[] = group.isEmpty ? [emptyGroup(group, scope)] : [];
    const read = await Promise.all(
      asked.map(async (one) => {
        const { shard } = one;
        const request = {
          ...{ matchers: one.matchers, range: marginsOf(one, this.#options.wallMs()) },
          ...{ hints: reading.hints, budget: this.#budget },
        };
        const gathered = await readShard(shard, request, reading.trace);
        refuseTooBig(group, gathered.missing, scope);
        if (gathered.answers.length === 0)
          failures.push(failedGroup(group, gathered.missing, scope));
        else {
          for (const missing of gathered.missing) {
            this.#warnings.add(missingReplica(group, missing, scope));
          }
        }
        return this.#merged(group, one, gathered, reading);
      }),
    );
    const { pace } = reading;
    const series =
      read.length === 1
        ? read[0]!
        : await mergeSeries(read, (blocks) => mergeBlocks(blocks, group.settings.merge), pace);
    return { group, asked: asked.length, series, failures };
  }

  async #merged(
    group: Group,
    { shard, range }: Asked,
    { answers }: Gathered<ReadAnswer>,
    { fits, pace }: Reading,
  ): Promise<readonly SeriesBlock[]> {
    const { settings } = group;
    const { scope } = this.#options;
    const sources: SeriesBlock[][] = [];
    for (const { replica, answer } of answers) {
      const named = answer.infos.map((info) => `group "${settings.name}": ${info}`);
      for (const info of remarks(group, named, scope)) this.#infos.add(info);
      const source: SeriesBlock[] = [];
      for (const block of answer.series) {
        const final = finalLabels(block.labels, shard.labels, settings);
        if (!fits(final)) continue;
        const own = scope.dedup ? final : withReplica(final, replica.url);
        source.push(own === block.labels ? block : { ...block, labels: own });
        const turn = pace();
        if (turn !== undefined) await turn;
      }
      sources.push(source);
    }
    const [first = []] = sources;
    if (shard.replicas.length === 1 && settings.metricsRelabel.length === 0) return first;
    const merged = await mergeSeries(sources, (some) => mergeBlocks(some, settings.merge), pace);
    if (shard.replicas.length === 1) return merged;
    for (const hole of commonHoles(merged)) this.#infos.add(holeText(settings.name, hole));
    return merged.flatMap((block) => trim(block, range) ?? []);
  }
}

/** So much more is read of replicas on both sides: it shows whether the ends of the range lie in holes. */
const MARGIN_MS = 60_000;

function marginsOf({ shard, range }: Asked, nowMs: number): TimeRange {
  if (shard.replicas.length === 1) return range;
  const untilMs = Math.max(range.untilMs, Math.min(range.untilMs + MARGIN_MS, nowMs));
  return { afterMs: range.afterMs - MARGIN_MS, untilMs };
}

/** An answer that is too large for one replica is no smaller from another one. */
function refuseTooBig(group: Group, missing: readonly Missing[], scope: QueryScope): void {
  const refused = missing.find(({ error }) => failureOf(error) === 'too-big');
  if (refused === undefined) return;
  const { error } = refused;
  throw new FederationError('too-many', tooBig(group, error, scope), { cause: error });
}

function holeText(group: string, { afterMs, untilMs }: TimeRange): string {
  const [from, to] = [afterMs, untilMs].map((ms) => `${new Date(ms).toISOString().slice(0, 19)}Z`);
  return `group "${group}": no server has samples between ${from} and ${to}`;
}

interface Reading {
  readonly hints: SelectHints;
  readonly trace: Trace;
  readonly fits: (labels: SeriesBlock['labels']) => boolean;
  readonly pace: Pace;
}

/** The matchers of a selector together with those of each tenant. */
export function tenantSets(
  matchers: readonly Matcher[],
  { tenants }: Pick<QueryScope, 'tenants'>,
): readonly (readonly Matcher[])[] {
  if (tenants.length === 0) return [matchers];
  return tenants.map((own) => [...matchers, ...own]);
}

/** Whether labels fulfil one of the sets. */
export function compileSets(
  sets: readonly (readonly Matcher[])[],
): (labels: SeriesBlock['labels']) => boolean {
  const compiled = sets.map((set) => set.map(compileMatcher));
  return (labels) => compiled.some((set) => set.every((matcher) => fitsOne(labels, matcher)));
}

function fitsOne(labels: SeriesBlock['labels'], { name, matches }: CompiledMatcher): boolean {
  for (const [label, value] of labels) if (label === name) return matches(value);
  return matches('');
}

function withReplica(labels: SeriesBlock['labels'], url: string): SeriesBlock['labels'] {
  return [...labels.filter(([name]) => name !== 'replica'), ['replica', new URL(url).host]];
}

/** Between groups the widest rule of all holds. */
function widest(groups: readonly Group[]) {
  const rules = groups.map(({ settings }) => settings.merge);
  return {
    antiAffinityMs: Math.max(0, ...rules.map(({ antiAffinityMs }) => antiAffinityMs)),
    dynamic: rules.some(({ dynamic }) => dynamic),
    preferMax: rules.some(({ preferMax }) => preferMax),
  };
}
