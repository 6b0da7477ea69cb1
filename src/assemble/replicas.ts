/**
 * What the replicas of promgate tell each other: purges of caches, and that bindings have changed.
 *
 * Without `redis.url` no code of the client is loaded, and each replica is on its own.
 */
import type { Config } from '../config/config.ts';
import { CHANNEL_FAILURES, type ChannelFailure } from '../store/channel-error.ts';
import type { PublishFailure, ReplicaChannel } from '../store/replica-channel.ts';
import {
  MESSAGE_REFUSALS,
  type PurgeTarget,
  type ReplicaMessage,
} from '../store/replica-message.ts';
import { replicaMetrics } from '../telemetry/replica-metrics.ts';
import type { Ground } from './ground.ts';
import type { Part } from './part.ts';
import { type RedisConfig, readRedisTls, usesTls } from './redis-tls.ts';

export interface Replicas extends Part {
  /** @returns whether the message was sent; false also without `redis.url`. Waits 200 ms at most */
  publish(message: ReplicaMessage): Promise<boolean>;
  /** Undefined without `redis.url`. */
  readonly state: () => 'ready' | 'away' | undefined;
  /** Adds a listener for the purges of other replicas. */
  onPurge(listener: (what: PurgeTarget) => void): void;
  /** Adds a listener for changes of bindings by other replicas. */
  onBindings(listener: () => void): void;
  /** Adds a listener that is called when messages of any kind may have been missed. */
  onMissed(listener: () => void): void;
}

/** Returns before there is a connection: promgate starts without Redis. */
export async function openReplicas(
  redis: Config['redis'],
  ground: Pick<Ground, 'log' | 'registry' | 'authorities'>,
): Promise<Replicas> {
  const listeners = new Listeners(ground);
  const channel = redis && (await openChannel(redis, ground, listeners));
  return {
    mounts: [],
    mentions: channel ? { redis: () => channel.state } : {},
    state: () => channel?.state,
    publish: async (message) => (await channel?.publish(message)) ?? false,
    onPurge: (listener) => void listeners.purge.push(listener),
    onBindings: (listener) => void listeners.bindings.push(listener),
    onMissed: (listener) => void listeners.missed.push(listener),
    [Symbol.asyncDispose]: async () => channel?.[Symbol.asyncDispose](),
  };
}

class Listeners {
  readonly purge: ((what: PurgeTarget) => void)[] = [];
  readonly bindings: (() => void)[] = [];
  readonly missed: (() => void)[] = [];
  readonly #ground: Pick<Ground, 'log'>;

  constructor(ground: Pick<Ground, 'log'>) {
    this.#ground = ground;
  }

  tell(message: ReplicaMessage): void {
    if (message.kind === 'purge') this.#call(this.purge, (listener) => listener(message.what));
    else this.#call(this.bindings, (listener) => listener());
  }

  tellMissed(): void {
    this.#call(this.missed, (listener) => listener());
  }

  /** A listener that fails costs the others nothing. */
  #call<L>(listeners: readonly L[], call: (listener: L) => void): void {
    for (const listener of listeners) {
      try {
        call(listener);
      } catch (err) {
        this.#ground.log.error('a message of another replica was not applied', { err });
      }
    }
  }
}

async function openChannel(
  redis: RedisConfig,
  ground: Pick<Ground, 'log' | 'registry' | 'authorities'>,
  listeners: Listeners,
): Promise<ReplicaChannel> {
  const { openReplicaChannel, PUBLISH_FAILURES } = await import('../store/replica-channel.ts');
  const { log, registry } = ground;
  const words = {
    publishFailures: PUBLISH_FAILURES,
    refusals: MESSAGE_REFUSALS,
    connectionFailures: CHANNEL_FAILURES,
  };
  const metrics = replicaMetrics(registry, words, () => channel.state === 'ready');
  let isAway = false;
  let connections = 0;
  const channel = openReplicaChannel({
    address: redis.address,
    readTls: usesTls(redis) ? () => readRedisTls(redis, ground) : undefined,
    channel: `${redis.channel}:replicas`,
    onMessage: (message) => {
      metrics.received(message.kind);
      listeners.tell(message);
    },
    onMissed: () => listeners.tellMissed(),
    onPublished: (failure) => {
      metrics.published(failure);
      if (failure !== undefined)
        log.warn(UNSENT, { cause: failure, advice: UNSENT_ADVICE[failure] });
    },
    onRefused: (reason) => {
      metrics.refused(reason);
      log.debug('a message on the channel of the replicas was refused', { reason });
    },
    onReady: () => {
      if (++connections > 1) metrics.reconnects.inc();
      if (isAway || connections === 1) log.info('the replicas are connected through Redis');
      isAway = false;
    },
    onFailure: (err) => {
      metrics.connectionFailed(err.failure);
      if (isAway) log.debug('Redis is still away', { err });
      else log.warn(AWAY, { failure: err.failure, advice: REDIS_ADVICE[err.failure](redis), err });
      isAway = true;
    },
  });
  return channel;
}

const AWAY =
  'Redis is away: purges and changes of bindings do not reach the other replicas at once; promgate ' +
  'tries again';
const UNSENT = 'a message could not be sent to the other replicas';

const UNSENT_ADVICE: Readonly<Record<PublishFailure, string>> = {
  away: 'bring Redis back: the other replicas then purge all; they read bindings from the database',
  timeout: 'look why Redis answers late; the message may have arrived',
  refused: 'grant the user of redis.url the right to publish on the channel',
  full: 'purge by app, by tag or all in place of thousands of keys; the other replicas now purge all',
};

export const REDIS_ADVICE: Readonly<Record<ChannelFailure, (redis: RedisConfig) => string>> = {
  unreachable: () => 'look at host and port in redis.url, and whether the server runs',
  tls: (redis) =>
    usesTls(redis)
      ? 'set redis.tls.ca to the authority of the server, and look whether the server speaks TLS'
      : 'the server may want TLS: write rediss:// in redis.url',
  auth: () =>
    'look at user and password in redis.url, and whether the user may subscribe to and publish on the channel',
  refused: () => 'look at the error of the server, and whether redis.url names a Redis server',
  timeout: () => 'look whether the server hangs or a firewall drops the connection',
  flooded: () => 'look who else publishes on the channel: set redis.channel to a name of its own',
  closed: (redis) =>
    usesTls(redis)
      ? 'look at the log of the server, and whether it speaks TLS on this port'
      : 'look at the log of the server, and whether it wants TLS: then write rediss:// in redis.url',
  internal: () => 'look at the paths in redis.tls and who may read the files',
};
