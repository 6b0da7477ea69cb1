/**
 * A group of servers: who they are now, and which of them a selector is for.
 */
import type { Matcher, TimeRange } from '../../promql/evaluate/storage.ts';
import type { GroupState } from '../federation.ts';
import { askedMatchers } from './asked-matchers.ts';
import { LabelFilter, type LabelFilterObservers } from './label-filter.ts';
import type { Replica } from './replica.ts';
import type { ServerPlace } from './server.ts';
import type { DiscoveredServer, GroupSettings } from './settings.ts';
import type { Shard } from './shard.ts';
import { withinLimits } from './time-limit.ts';

/** One shard, and what it is to be asked for. */
export interface Asked {
  readonly shard: Shard;
  readonly matchers: readonly Matcher[];
  readonly range: TimeRange;
}

/** Servers with labels; `__address__`, `__scheme__` and `__path_prefix__` say where they are. */
function placesOf(
  servers: readonly DiscoveredServer[],
  { scheme, pathPrefix, labels, relabel }: GroupSettings,
): readonly ServerPlace[] {
  const places = new Map<string, ServerPlace>();
  for (const { address, labels: own } of servers) {
    const given = { __scheme__: scheme, __path_prefix__: pathPrefix, ...own, __address__: address };
    const relabelled = relabel(Object.entries(given));
    if (relabelled === undefined) continue;
    const all = new Map(relabelled);
    const host = all.get('__address__') ?? '';
    if (host === '') continue;
    const prefix = (all.get('__path_prefix__') ?? '').replace(/^\/*|\/+$/g, '');
    const url = `${all.get('__scheme__') ?? 'http'}://${host}/${prefix === '' ? '' : `${prefix}/`}`;
    const added = [...all].filter(([name]) => !name.startsWith('__'));
    const place = { url, labels: { ...Object.fromEntries(added), ...labels } };
    places.set(keyOf(place), place);
  }
  return [...places.values()];
}

/** Equal for the same server with the same labels only. */
function keyOf({ url, labels }: ServerPlace): string {
  return JSON.stringify([url, sortedLabels(labels)]);
}

function sortedLabels(labels: ServerPlace['labels']): readonly (readonly [string, string])[] {
  return Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
}

export interface GroupOptions {
  readonly settings: GroupSettings;
  readonly openReplica: (place: ServerPlace) => Replica;
  readonly filterObservers?: LabelFilterObservers;
}

export class Group {
  readonly settings: GroupSettings;
  readonly filter: LabelFilter | undefined;
  readonly #openReplica: GroupOptions['openReplica'];
  readonly #replicas = new Map<
    string,
    { readonly place: ServerPlace; readonly replica: Replica }
  >();
  #shards: readonly Shard[] = [];
  /** Why the servers cannot be discovered; '' if they can. */
  discoveryError = '';

  constructor({ settings, openReplica, filterObservers }: GroupOptions) {
    this.settings = settings;
    const { labelFilter } = settings;
    this.filter = labelFilter && new LabelFilter(labelFilter, filterObservers);
    this.#openReplica = openReplica;
    this.setServers(settings.staticServers);
  }

  get shards(): readonly Shard[] {
    return this.#shards;
  }

  get isEmpty(): boolean {
    return this.#shards.length === 0;
  }

  get state(): GroupState {
    const { name, ordinal, labels } = this.settings;
    const servers = [...this.#replicas.values()].map(({ replica }) => replica.state);
    return { name, ordinal, labels, servers, discoveryError: this.discoveryError };
  }

  /** Takes these servers in place of the ones before; servers that stay keep their state. */
  setServers(servers: readonly DiscoveredServer[]): void {
    const places = new Map(placesOf(servers, this.settings).map((place) => [keyOf(place), place]));
    for (const [key, { replica }] of this.#replicas) {
      if (places.has(key)) continue;
      this.#replicas.delete(key);
      // Its last requests end by themselves; a failure to close harms nobody.
      replica.close().catch(() => undefined);
    }
    const shards = new Map<string, { labels: ServerPlace['labels']; replicas: Replica[] }>();
    for (const [key, place] of places) {
      const known = this.#replicas.get(key) ?? { place, replica: this.#openReplica(place) };
      this.#replicas.set(key, known);
      const shardKey = JSON.stringify(sortedLabels(place.labels));
      const shard = shards.get(shardKey);
      if (shard) shard.replicas.push(known.replica);
      else shards.set(shardKey, { labels: place.labels, replicas: [known.replica] });
    }
    this.#shards = [...shards.values()];
  }

  /** The shards that can have series for one of the sets of matchers in a range. */
  askedBy(
    sets: readonly (readonly Matcher[])[],
    range: TimeRange,
    nowMs: number,
  ): readonly Asked[] {
    const limited = withinLimits(range, this.settings.timeLimits, nowMs);
    if (limited === undefined) return [];
    const asked = new Map<string, Asked>();
    for (const [at, shard] of this.#shards.entries()) {
      for (const set of sets) {
        const matchers = askedMatchers(set, this.settings, shard.labels);
        if (matchers === undefined || this.filter?.allows(matchers) === false) continue;
        asked.set(`${at} ${JSON.stringify(matchers)}`, { shard, matchers, range: limited });
      }
    }
    return [...asked.values()];
  }

  async close(): Promise<void> {
    await this.filter?.close();
    await Promise.all([...this.#replicas.values()].map(({ replica }) => replica.close()));
  }
}
