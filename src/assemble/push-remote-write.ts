/**
 * Sends what was pushed by remote write. Of several promgates on one Redis, only the one that holds the
 * lease does.
 */
import type { PageSource } from '../push/page-source.ts';
import type { Lease } from '../push/send/series.ts';
import { ledgerSeries } from '../push/send/series-samples.ts';
import type { Ground } from './ground.ts';
import type { PushLedgerOptions } from './push-ledger.ts';
import { type RedisConfig, readRedisTls, usesTls } from './redis-tls.ts';
import { openRemoteWrites, type QueuePlace } from './remote-write.ts';

/** @returns undefined without receivers */
export async function openPushRemoteWrite(
  { push, redis }: PushLedgerOptions['config'],
  pages: Pick<PageSource, 'families' | 'seen'>,
  ground: Pick<Ground, 'log' | 'registry' | 'authorities' | 'cut'>,
): Promise<AsyncDisposable | undefined> {
  if (push.remoteWrite.length === 0) return undefined;
  await using parts = new AsyncDisposableStack();
  const shared = push.durability === 'shared' ? redis : undefined;
  const lease = shared && (await openRedisLease(shared, parts, ground));
  const queue = queuePlace(push, shared, ground);
  const options = { source: ledgerSeries(pages), lease, queue };
  parts.use(await openRemoteWrites(push.remoteWrite, options, ground));
  return parts.move();
}

/** Samples wait where pushes are kept. */
function queuePlace(
  { durability, file }: PushLedgerOptions['config']['push'],
  redis: RedisConfig | undefined,
  ground: Pick<Ground, 'authorities'>,
): QueuePlace | undefined {
  if (!redis) return durability === 'disk' ? { file } : undefined;
  const readTls = usesTls(redis) ? () => readRedisTls(redis, ground) : undefined;
  return { redis: { address: redis.address, readTls, prefix: redis.channel } };
}

async function openRedisLease(
  redis: RedisConfig,
  parts: AsyncDisposableStack,
  ground: Pick<Ground, 'log' | 'authorities'>,
): Promise<Lease> {
  const [{ RedisSession }, { openLease }] = await Promise.all([
    import('../store/redis-session.ts'),
    import('../store/redis-lease.ts'),
  ]);
  const { log } = ground;
  const session = parts.use(
    new RedisSession({
      address: redis.address,
      readTls: usesTls(redis) ? () => readRedisTls(redis, ground) : undefined,
    }),
  );
  return parts.use(
    openLease({
      ...{ session, key: `${redis.channel}:push:remote-write` },
      onChange: (isHeld) =>
        log.info(
          isHeld ? 'this promgate remote-writes pushes' : 'another promgate remote-writes',
          {},
        ),
      onError: (err) => log.debug('the lease of remote write cannot be renewed now', { err }),
    }),
  );
}
