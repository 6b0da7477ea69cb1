/**
 * Events of requests for Kafka.
 *
 * Without `kafka.brokers` no code of the client is loaded, and `record` does nothing.
 */
import type { Config } from '../config/config.ts';
import { eventMetrics } from '../telemetry/event-metrics.ts';
import type { KafkaSettings } from '../telemetry/kafka.ts';
import type { RecordRequest } from '../telemetry/request-event.ts';
import { SEND_FAILURES, type SendFailure } from '../telemetry/send-error.ts';
import type { Ground } from './ground.ts';
import type { Part } from './part.ts';

/** Its disposal sends the events that wait, for at most 2 s. */
export interface EventsPart extends Part {
  readonly record: RecordRequest;
}

type KafkaConfig = NonNullable<Config['kafka']>;

/** Returns before there is a connection: promgate starts without Kafka. */
export async function openEvents(
  kafka: Config['kafka'],
  ground: Pick<Ground, 'log' | 'registry' | 'authorities' | 'cut'>,
): Promise<EventsPart> {
  const sender = kafka && (await openSender(kafka, ground));
  return {
    mounts: [],
    mentions: sender ? { kafka: () => sender.state } : {},
    record: sender?.record ?? (() => undefined),
    [Symbol.asyncDispose]: async () => sender?.[Symbol.asyncDispose](),
  };
}

async function openSender(
  kafka: KafkaConfig,
  { log, registry, authorities, cut }: Pick<Ground, 'log' | 'registry' | 'authorities' | 'cut'>,
) {
  const { DROP_CAUSES, EventSender } = await import('../telemetry/request-events.ts');
  const { KafkaThread } = await import('../telemetry/kafka-thread.ts');
  const settings: KafkaSettings = {
    ...kafka,
    tls: kafka.tls && { ...kafka.tls, ca: await authorities() },
  };
  const metrics = eventMetrics(
    registry,
    { dropCauses: DROP_CAUSES, failures: SEND_FAILURES },
    { queued: () => sender.queued, isReady: () => sender.state === 'ready' },
  );
  let isAway = false;
  let wasReady = false;
  let wasRefused = false;
  const sender = new EventSender({
    transport: new KafkaThread(settings, (line) =>
      log.debug('the client of Kafka reports', { line: line.slice(0, MAX_LINE_LENGTH) }),
    ),
    stopping: cut.signal,
    onSent: metrics.sent,
    onDropped: metrics.dropped,
    onReady: () => {
      if (isAway || !wasReady) log.info('Kafka takes the events of requests');
      isAway = false;
      wasReady = true;
      wasRefused = false;
    },
    onFailure: (err) => {
      metrics.failed(err.failure);
      const advice = KAFKA_ADVICE[err.failure](kafka);
      if (err.failure === 'refused') {
        if (wasRefused) log.debug('Kafka refused more events of requests', { err });
        else log.warn(REFUSED, { failure: err.failure, advice, err });
        wasRefused = true;
        return;
      }
      if (isAway) log.debug('Kafka still does not take the events of requests', { err });
      else log.warn(AWAY, { failure: err.failure, advice, err });
      isAway = true;
    },
  });
  return sender;
}

const MAX_LINE_LENGTH = 500;

const AWAY = 'Kafka does not take the events of requests: promgate keeps some, and tries again';

const REFUSED =
  'Kafka refuses events of requests: promgate drops these, and says so once; the metric ' +
  'promgate_request_events_dropped_total{cause="refused"} counts them';

export const KAFKA_ADVICE: Readonly<Record<SendFailure, (kafka: KafkaConfig) => string>> = {
  unreachable: ({ tls }) =>
    `look at kafka.brokers, at the addresses that the brokers advertise, and whether they want ${tls ? 'no TLS' : 'TLS: then set kafka.tls'}`,
  tls: () =>
    'set kafka.tls.ca to the authority of the brokers, and look whether they speak TLS on this port',
  auth: () => 'look at kafka.sasl, and whether the account may write to kafka.topic',
  topic: ({ topic }) => `create the topic ${topic}, or let the brokers create topics`,
  refused: () => 'compare message.max.bytes of the brokers and max.message.bytes of the topic',
  timeout: () => 'look whether the brokers hang or a firewall drops the connections',
  away: () => 'look at the log of the brokers',
  crashed: () => 'look whether kafka.brokers names Kafka brokers; promgate starts its client anew',
  internal: () => 'look at the paths in kafka.tls and who may read the files',
};
