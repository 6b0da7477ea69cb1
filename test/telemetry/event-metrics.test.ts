import { eventMetrics } from '../../src/telemetry/event-metrics.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { hasLines } from './has-lines.ts';

describe('eventMetrics', () => {
  it('counts events from 0 for every word of the closed sets, and tells what waits', async () => {
    const registry = new MetricRegistry();
    const words = { dropCauses: ['overflow'], failures: ['tls'] };
    const levels = { queued: () => ({ events: 3, bytes: 700 }), isReady: () => true };
    const metrics = eventMetrics(registry, words, levels);
    await hasLines(
      registry,
      'promgate_request_events_sent_total 0',
      'promgate_request_events_dropped_total{cause="overflow"} 0',
      'promgate_request_events_failures_total{failure="tls"} 0',
    );

    metrics.sent(500);
    metrics.dropped('overflow', 2);
    metrics.failed('tls');

    await hasLines(
      registry,
      'promgate_request_events_sent_total 500',
      'promgate_request_events_dropped_total{cause="overflow"} 2',
      'promgate_request_events_failures_total{failure="tls"} 1',
      'promgate_request_events_queued 3',
      'promgate_request_events_queued_bytes 700',
      'promgate_request_events_ready 1',
    );
  });
});
