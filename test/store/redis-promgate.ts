/** A promgate's journal of pushes in a Redis server, with the least of ledgers. */
import { parseRedisUrl } from '../../src/config/redis-url.ts';
import {
  openSharedJournal,
  type SharedJournalOptions,
} from '../../src/store/push-journal-redis.ts';
import type { PushServer } from '../../src/store/push-redis-server.ts';
import { NumberLedger } from './push-journal-ledger.ts';

/** A journal with a ledger of the tenant '', and what it has told. */
export function promgate(url: string, more: Partial<SharedJournalOptions> = {}) {
  const told = { lost: [] as string[], servers: [] as PushServer[], ready: 0 };
  const journal = openSharedJournal({
    ...{ address: parseRedisUrl(url), readTls: undefined, prefix: 'test' },
    observer: {
      onLost: (tenant) => told.lost.push(tenant),
      onServer: (server) => told.servers.push(server),
      onReady: () => told.ready++,
    },
    ...more,
  });
  return {
    ...{ journal, told, ledger: new NumberLedger(journal) },
    [Symbol.asyncDispose]: () => journal[Symbol.asyncDispose](),
  };
}

/** What a promgate finds that starts now. */
export async function stored(url: string): Promise<Record<string, number>> {
  await using fresh = promgate(url);
  return (await fresh.ledger.open()).numbers;
}

/** The key of the tenant ''. */
export function keyOf(name: string): string {
  return `test:push:{t:}:${name}`;
}
