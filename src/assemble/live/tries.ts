/**
 * All that `promgate check --live` tries of a configuration.
 */
import type { Config } from '../../config/config.ts';
import { systemLookup } from '../../fetch/host-lookup.ts';
import { readAuthorities } from '../authorities.ts';
import type { Ground } from '../ground.ts';
import { certificateTries } from './certificates.ts';
import { kafkaTries } from './kafka.ts';
import { redisTries } from './redis.ts';
import { remoteWriteTries } from './remote-write.ts';
import { routeTries } from './routes.ts';
import type { Try } from './try.ts';
import { wayTries } from './ways.ts';

export interface TriesOptions {
  /** A folder with the platform's authorities. */
  readonly platformAuthorities?: string | undefined;
  /** The wall clock, by which certificates are judged. */
  readonly nowMs: number;
}

export async function liveTries(
  config: Config,
  { platformAuthorities, nowMs }: TriesOptions,
): Promise<Try[]> {
  let read: Promise<readonly string[]> | undefined;
  const ground: Pick<Ground, 'authorities'> = {
    authorities: () => {
      read ??= readAuthorities(platformAuthorities);
      return read;
    },
  };
  const database = config.broker && (await import('./database.ts')); // loads many packages
  return [
    ...routeTries(config, ground),
    ...wayTries(config, { ...ground, lookup: systemLookup() }),
    ...(database?.databaseTries(config, ground) ?? []),
    ...redisTries(config, ground),
    ...kafkaTries(config, ground),
    ...remoteWriteTries(config, ground),
    ...certificateTries(config, nowMs),
  ];
}
