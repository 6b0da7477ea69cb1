/**
 * TLS to Redis, for all that promgate keeps or tells there.
 */
import type { Config } from '../config/config.ts';
import { readPem } from '../pem.ts';
import type { ChannelTls } from '../store/redis.ts';
import type { Ground } from './ground.ts';

export type RedisConfig = NonNullable<Config['redis']>;

export function usesTls({ address, tls }: RedisConfig): boolean {
  return address.usesTls || tls !== undefined;
}

/** `redis.tls.ca` adds to the common authorities. */
export async function readRedisTls(
  { tls }: RedisConfig,
  { authorities }: Pick<Ground, 'authorities'>,
): Promise<ChannelTls> {
  const read = (file: string | undefined) => (file === undefined ? undefined : readPem(file));
  const [common, ca, cert, key] = await Promise.all([
    authorities(),
    read(tls?.caFile),
    read(tls?.certFile),
    read(tls?.keyFile),
  ]);
  return {
    ca: [...common, ...(ca === undefined ? [] : [ca])],
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}
