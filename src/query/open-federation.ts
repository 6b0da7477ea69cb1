/**
 * Opens a federation: groups of servers by their settings.
 */
import type { Readable } from 'node:stream';
import type { Clock } from '../clock.ts';
import { type Asking, askedByCall, askGroups } from './api-calls.ts';
import { FederatedReads } from './federated-storage.ts';
import type { ApiCall, Federation, RequestRecord } from './federation.ts';
import { Group } from './groups/group.ts';
import { Replica, type Trace } from './groups/replica.ts';
import type { QueryServer, ServerPlace } from './groups/server.ts';
import type { GroupSettings } from './groups/settings.ts';
import type { ReadBounds } from './target/read-budget.ts';

export interface FederationOptions {
  readonly groups: readonly GroupSettings[];
  readonly bounds: ReadBounds;
  readonly openServer: (place: ServerPlace, settings: GroupSettings) => QueryServer;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  readonly onRequest: (record: RequestRecord) => void;
}

export function openFederation(options: FederationOptions): Federation {
  const { bounds, openServer, clock, wallMs, onRequest } = options;
  const groups = options.groups.map(
    (settings) =>
      new Group({
        settings,
        openReplica: (place) =>
          new Replica({
            ...{ group: settings.name, labels: place.labels, deadlineMs: settings.deadlineMs },
            ...{ server: openServer(place, settings), clock, onRequest },
          }),
      }),
  );
  const traceOf = (signal: AbortSignal): Trace => ({ signal, onRequest: () => undefined });
  return {
    open: (scope) => new FederatedReads({ groups, scope, bounds, wallMs }),
    ask: (call, scope, signal) =>
      askGroups(groups, { call, scope, trace: traceOf(signal), nowMs: wallMs() }),
    splice: (call, scope, signal) =>
      splice(groups, { call, scope, trace: traceOf(signal), nowMs: wallMs() }),
    groups: () => groups.map(({ state }) => state),
    close: async () => {
      await Promise.all(groups.map((group) => group.close()));
    },
  };
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
  return replica.stream({ path: call.path, parameters: formOf(call) }, trace);
}

function formOf({ parameters }: ApiCall): readonly (readonly [string, string])[] {
  return Object.entries(parameters);
}
