/**
 * Opens a federation: groups of servers by their settings.
 */
import type { Readable } from 'node:stream';
import type { Clock } from '../clock.ts';
import { type Asking, askedByCall, askGroups } from './api-calls.ts';
import { type Discovery, startDiscovery } from './discovery/discovery.ts';
import { FederatedReads } from './federated-storage.ts';
import type { Federation, RequestRecord } from './federation.ts';
import { gather } from './groups/gather.ts';
import { Group } from './groups/group.ts';
import type { LabelFilterObservers } from './groups/label-filter.ts';
import { Replica, type Trace } from './groups/replica.ts';
import type { QueryServer, ServerPlace } from './groups/server.ts';
import type { GroupSettings } from './groups/settings.ts';
import type { ReadBounds } from './target/read-budget.ts';

/** A group, and how its servers are found beside those that its settings name. */
export interface GroupPlan {
  readonly settings: GroupSettings;
  readonly discoveries: readonly Discovery[];
}

export interface FederationOptions {
  readonly groups: readonly GroupPlan[];
  readonly bounds: ReadBounds;
  readonly openServer: (place: ServerPlace, settings: GroupSettings) => QueryServer;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  readonly onRequest: (record: RequestRecord) => void;
  readonly filterObservers?: (group: GroupSettings) => LabelFilterObservers;
}

/** A federation that runs. */
export interface OpenFederation extends Federation {
  /** Resolves when every discovery has been tried once. */
  readonly discovered: Promise<void>;
}

export function openFederation(options: FederationOptions): OpenFederation {
  const { bounds, openServer, clock, wallMs, onRequest, filterObservers } = options;
  const groups = options.groups.map(({ settings }) => {
    const filtered = filterObservers?.(settings);
    return new Group({
      settings,
      ...(filtered && { filterObservers: filtered }),
      openReplica: (place) =>
        new Replica({
          ...{ group: settings.name, labels: place.labels, deadlineMs: settings.deadlineMs },
          ...{ server: openServer(place, settings), clock, onRequest },
        }),
    });
  });
  const discoveries = groups.map((group, at) =>
    startDiscovery(group, options.groups[at]?.discoveries ?? [], clock),
  );
  for (const group of groups) {
    group.filter?.start((label, signal) => valuesOf(group, label, signal), clock);
  }
  return {
    discovered: Promise.all(discoveries.map(({ tried }) => tried)).then(() => undefined),
    open: (scope) => new FederatedReads({ groups, scope, bounds, wallMs }),
    ask: (call, scope, signal) =>
      askGroups(groups, { call, scope, trace: traceOf(signal), nowMs: wallMs() }),
    splice: (call, scope, signal) =>
      splice(groups, { call, scope, trace: traceOf(signal), nowMs: wallMs() }),
    groups: () => groups.map(({ state }) => state),
    close: async () => {
      await Promise.all(discoveries.map((discovery) => discovery[Symbol.asyncDispose]()));
      await Promise.all(groups.map((group) => group.close()));
    },
  };
}

function traceOf(signal: AbortSignal): Trace {
  return { signal, onRequest: () => undefined };
}

/** The values of a label that any server of a group has. @throws {Error} if a shard does not answer */
async function valuesOf(
  group: Group,
  label: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const call = { path: `label/${encodeURIComponent(label)}/values`, parameters: [] };
  const found = await Promise.all(
    group.shards.map(async ({ replicas }) => {
      const ask = (replica: Replica, trace: Trace) => replica.call(call, trace);
      const { answers } = await gather(replicas, ask, traceOf(signal));
      if (answers.length === 0) throw new Error(`no server of group "${group.settings.name}"`);
      return answers.flatMap(({ answer }) => (Array.isArray(answer.data) ? answer.data : []));
    }),
  );
  if (found.length === 0) throw new Error(`group "${group.settings.name}" has no servers`);
  return found.flat().map(String);
}

/** The bytes of one server, if no other one can have a part in the answer and nothing is changed. */
async function splice(groups: readonly Group[], asking: Asking): Promise<Readable | undefined> {
  const { call, scope, trace } = asking;
  if (scope.tenants.length > 0 || !scope.dedup) return undefined;
  const able = groups.filter((group) => group.isEmpty || askedByCall(group, asking).length > 0);
  const [group, ...others] = able;
  const [shard, ...shards] = group?.shards ?? [];
  if (!group || !shard || others.length > 0 || shards.length > 0) return undefined;
  const { metricsRelabel, injectMatchers, timeLimits } = group.settings;
  const changes = metricsRelabel.length + injectMatchers.length + Object.keys(shard.labels).length;
  const [replica, ...twins] = shard.replicas;
  const isCut = timeLimits.some(({ truncate }) => truncate);
  if (!replica || twins.length > 0 || changes > 0 || isCut) return undefined;
  return replica.stream({ path: call.path, parameters: Object.entries(call.parameters) }, trace);
}
