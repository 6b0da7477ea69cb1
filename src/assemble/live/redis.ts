/**
 * The try of Redis: its version and role, and what matters to pushes that are kept there.
 */
import type { Config } from '../../config/config.ts';
import { channelError, isReply } from '../../store/channel-error.ts';
import type { Ground } from '../ground.ts';
import { readRedisTls, usesTls } from '../redis-tls.ts';
import { REDIS_ADVICE } from '../replicas.ts';
import { type Try, TryError, type TryResult } from './try.ts';

export function redisTries(
  { redis, push }: Pick<Config, 'redis' | 'push'>,
  ground: Pick<Ground, 'authorities'>,
): Try[] {
  if (!redis) return [];
  const { host, port } = redis.address;
  const keepsPushes = push?.durability === 'shared';
  return [{ name: `redis ${host}:${port}`, run: () => askRedis(redis, { keepsPushes, ground }) }];
}

interface Asking {
  readonly keepsPushes: boolean;
  readonly ground: Pick<Ground, 'authorities'>;
}

const CONNECT_MS = 5_000;
const PARTS = ['server', 'replication', 'persistence', 'memory'];

async function askRedis(
  redis: NonNullable<Config['redis']>,
  { keepsPushes, ground }: Asking,
): Promise<TryResult> {
  const { openLink } = await import('../../store/redis.ts');
  const lost = Promise.withResolvers<never>();
  lost.promise.catch(() => undefined); // it is also lost when it is closed
  const facts = new Map<string, string>();
  try {
    const tls = usesTls(redis) ? await readRedisTls(redis, ground) : undefined;
    const options = { address: redis.address, tls, connectMs: CONNECT_MS, onLost: lost.reject };
    const link = openLink(options);
    try {
      await Promise.race([link.enter(), lost.promise]);
      await Promise.race([link.ping(), lost.promise]);
      for (const part of PARTS) {
        const answer = link.call([['info', part]]).catch(forbidden);
        const [text] = await Promise.race([answer, lost.promise]);
        for (const [, name, value] of String(text ?? '').matchAll(/^(\w+):([^\r\n]*)/gm)) {
          facts.set(name!, value!); // both groups take part in each match
        }
      }
    } finally {
      link.close();
    }
  } catch (error) {
    const { failure, message } = channelError(error);
    throw new TryError(message, REDIS_ADVICE[failure](redis), { cause: error });
  }
  return tellRedis(facts, keepsPushes);
}

/** Managed servers may forbid `INFO`: then there are no facts. */
function forbidden(error: unknown): unknown[] {
  if (isReply(error)) return [];
  throw error;
}

function tellRedis(facts: ReadonlyMap<string, string>, keepsPushes: boolean): TryResult {
  const valkey = facts.get('valkey_version');
  const version = valkey ? `Valkey ${valkey}` : `Redis ${facts.get('redis_version') ?? 'unknown'}`;
  const role = facts.get('role');
  const policy = facts.get('maxmemory_policy');
  const log = facts.get('aof_enabled');
  const about = [
    `connected, version ${version}`,
    role === undefined ? 'tells no role' : `role ${role}`,
    ...(log === undefined ? [] : [`appendonly ${log === '1' ? 'yes' : 'no'}`]),
    ...(policy === undefined ? [] : [`maxmemory-policy ${policy}`]),
  ].join(', ');
  if (role === 'slave') {
    throw new TryError(about, 'set redis.url to the primary: a replica takes no writes');
  }
  if (!keepsPushes) return { state: 'ok', said: about };
  const faults = [
    ...(log === '0' ? ['set appendonly yes: a restart of Redis loses pushes without it'] : []),
    ...(policy !== undefined && policy !== 'noeviction'
      ? ['set maxmemory-policy noeviction: Redis removes pushes when its memory is full']
      : []),
  ];
  if (faults.length === 0) return { state: 'ok', said: about };
  return { state: 'warn', said: `${about}; push.durability is shared`, advice: faults.join('; ') };
}
