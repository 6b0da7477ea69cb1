/**
 * What a Redis server says of itself that matters to those who want no push lost.
 */
import { isReply } from './channel-error.ts';
import type { RedisSession } from './redis-session.ts';

export interface PushServer {
  /** Undefined: the server does not tell. */
  readonly evictionPolicy: string | undefined;
  /** Whether Redis removes records by itself when its memory is full. */
  readonly evicts: boolean;
  /** Whether Redis keeps commits over a restart (`appendonly`); undefined: it does not tell. */
  readonly hasLog: boolean | undefined;
}

export async function readPushServer(session: RedisSession): Promise<PushServer> {
  const [memory, persistence] = [await info(session, 'memory'), await info(session, 'persistence')];
  const evictionPolicy = memory.get('maxmemory_policy');
  const log = persistence.get('aof_enabled');
  return {
    evictionPolicy,
    evicts: evictionPolicy !== undefined && evictionPolicy !== 'noeviction',
    hasLog: log === undefined ? undefined : log === '1',
  };
}

/** Managed servers forbid more commands than others; whoever forbids `INFO` tells nothing. */
async function info(session: RedisSession, part: string): Promise<ReadonlyMap<string, string>> {
  try {
    const [text] = await session.ask([['info', part]]);
    const lines = String(text).matchAll(/^(\w+):([^\r\n]*)/gm);
    return new Map([...lines].map(([, name, value]) => [name!, value!])); // both groups take part
  } catch (error) {
    if (isReply(error)) return new Map();
    throw error;
  }
}
