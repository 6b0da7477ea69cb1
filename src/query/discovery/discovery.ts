/**
 * Finds the servers of groups again and again, and tells the groups.
 *
 * A discovery that fails leaves the servers that it found last.
 */
import { type Clock, every } from '../../clock.ts';
import type { Group } from '../groups/group.ts';
import type { DiscoveredServer } from '../groups/settings.ts';

/** One way to find servers. */
export interface Discovery {
  /** For messages: `file_sd_configs servers.json`. */
  readonly name: string;
  readonly refreshMs: number;
  /** @throws if it cannot be known now which servers there are */
  find(signal: AbortSignal): Promise<readonly DiscoveredServer[]>;
  close?(): Promise<void>;
}

export interface RunningDiscovery extends AsyncDisposable {
  /** Resolves when each discovery has been tried once. */
  readonly tried: Promise<void>;
}

/** Bound on the servers of one group. */
const MAX_SERVERS = 10_000;

export function startDiscovery(
  group: Group,
  discoveries: readonly Discovery[],
  clock: Clock,
): RunningDiscovery {
  const stop = new AbortController();
  const found = discoveries.map((): readonly DiscoveredServer[] => []);
  const errors = discoveries.map(() => '');
  const take = (at: number, servers: readonly DiscoveredServer[] | undefined, error: string) => {
    if (stop.signal.aborted) return;
    if (servers !== undefined) found[at] = servers;
    errors[at] = error;
    group.discoveryError = errors.filter((one) => one !== '').join('; ');
    const all = [...group.settings.staticServers, ...found.flat()];
    if (servers !== undefined) group.setServers(all.slice(0, MAX_SERVERS));
  };
  const tried: Promise<void>[] = [];
  const loops = discoveries.map((discovery, at) => {
    const first = Promise.withResolvers<void>();
    tried.push(first.promise);
    const look = async (): Promise<void> => {
      try {
        take(at, await discovery.find(stop.signal), '');
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        take(at, undefined, `${discovery.name}: ${reason}`);
      } finally {
        first.resolve();
      }
    };
    return every(discovery.refreshMs, look, {
      ...{ signal: stop.signal, clock, onError: () => undefined }, // `look` throws nothing
    });
  });
  return {
    tried: Promise.all(tried).then(() => undefined),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await Promise.all(loops);
      await Promise.all(discoveries.map((discovery) => discovery.close?.()));
    },
  };
}
