/** Metrics of the channel between replicas: messages, and the connection to Redis. */
import type { MetricRegistry } from './registry.ts';

/** The closed sets of words that become labels. */
export interface ReplicaWords<P extends string, R extends string, C extends string> {
  /** Why a message is not sent. */
  readonly publishFailures: readonly P[];
  /** Why a received message is not used. */
  readonly refusals: readonly R[];
  /** Why there is no connection. */
  readonly connectionFailures: readonly C[];
}

const KINDS = ['purge', 'bindings'] as const;

export function replicaMetrics<P extends string, R extends string, C extends string>(
  registry: MetricRegistry,
  { publishFailures, refusals, connectionFailures }: ReplicaWords<P, R, C>,
  isReady: () => boolean,
) {
  const sent = registry.counter(
    'promgate_replica_messages_sent_total',
    'Messages that promgate sent to the other replicas.',
  );
  const failed = registry.counter(
    'promgate_replica_messages_failed_total',
    'Messages that promgate could not send to the other replicas.',
    ['cause'],
  );
  for (const cause of publishFailures) failed.inc({ cause }, 0);
  const received = registry.counter(
    'promgate_replica_messages_received_total',
    'Messages of other replicas.',
    ['kind'],
  );
  for (const kind of KINDS) received.inc({ kind }, 0);
  const refused = registry.counter(
    'promgate_replica_messages_refused_total',
    'Messages on the channel that promgate did not use, since no replica of its version sent them.',
    ['reason'],
  );
  for (const reason of refusals) refused.inc({ reason }, 0);
  const failures = registry.counter(
    'promgate_replica_connection_failures_total',
    'Number of times that the connection to Redis was lost or could not be made.',
    ['failure'],
  );
  for (const failure of connectionFailures) failures.inc({ failure }, 0);
  registry.level(
    'promgate_replica_channel_ready',
    'Whether promgate is connected to the other replicas through Redis.',
    () => (isReady() ? 1 : 0),
  );
  return {
    published: (cause?: P) => (cause === undefined ? sent.inc() : failed.inc({ cause })),
    received: (kind: (typeof KINDS)[number]) => received.inc({ kind }),
    refused: (reason: R) => refused.inc({ reason }),
    connectionFailed: (failure: C) => failures.inc({ failure }),
    reconnects: registry.counter(
      'promgate_replica_reconnects_total',
      'Connections to Redis after the first: promgate then assumes that it has missed messages.',
    ),
  };
}
