/** Metrics of the events of requests: sent, dropped, waiting. */
import type { MetricRegistry } from './registry.ts';

/** The closed sets of words that become labels. */
export interface EventWords<D extends string, F extends string> {
  /** Why an event is not sent. */
  readonly dropCauses: readonly D[];
  /** Why sending fails. */
  readonly failures: readonly F[];
}

export interface EventLevels {
  readonly queued: () => { readonly events: number; readonly bytes: number };
  readonly isReady: () => boolean;
}

export function eventMetrics<D extends string, F extends string>(
  registry: MetricRegistry,
  { dropCauses, failures }: EventWords<D, F>,
  { queued, isReady }: EventLevels,
) {
  const sent = registry.counter(
    'promgate_request_events_sent_total',
    'Events of requests that Kafka has acknowledged.',
  );
  const dropped = registry.counter(
    'promgate_request_events_dropped_total',
    'Events of requests that promgate did not send.',
    ['cause'],
  );
  for (const cause of dropCauses) dropped.inc({ cause }, 0);
  const failed = registry.counter(
    'promgate_request_events_failures_total',
    'Attempts to send events, or to connect to Kafka, that failed.',
    ['failure'],
  );
  for (const failure of failures) failed.inc({ failure }, 0);
  registry.level(
    'promgate_request_events_queued',
    'Events of requests that wait to be sent.',
    () => queued().events,
  );
  registry.level(
    'promgate_request_events_queued_bytes',
    'Memory of the events that wait to be sent.',
    () => queued().bytes,
  );
  registry.level(
    'promgate_request_events_ready',
    'Whether Kafka acknowledged the last batch or answered the last check.',
    () => (isReady() ? 1 : 0),
  );
  return {
    sent: (count: number) => sent.inc(count),
    dropped: (cause: D, count: number) => dropped.inc({ cause }, count),
    failed: (failure: F) => failed.inc({ failure }),
  };
}
