import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { replicaMetrics } from '../../src/telemetry/replica-metrics.ts';
import { hasLines } from './has-lines.ts';

describe('replicaMetrics', () => {
  it('counts messages and connections, from 0 for every word of the closed sets', async () => {
    const registry = new MetricRegistry();
    const words = {
      publishFailures: ['away', 'timeout'],
      refusals: ['malformed'],
      connectionFailures: ['auth'],
    };
    const metrics = replicaMetrics(registry, words, () => false);
    await hasLines(
      registry,
      'promgate_replica_messages_sent_total 0',
      'promgate_replica_messages_failed_total{cause="away"} 0',
      'promgate_replica_messages_received_total{kind="purge"} 0',
      'promgate_replica_messages_refused_total{reason="malformed"} 0',
      'promgate_replica_connection_failures_total{failure="auth"} 0',
      'promgate_replica_channel_ready 0',
    );

    metrics.published();
    metrics.published('timeout');
    metrics.received('bindings');
    metrics.refused('malformed');
    metrics.connectionFailed('auth');
    metrics.reconnects.inc();

    await hasLines(
      registry,
      'promgate_replica_messages_sent_total 1',
      'promgate_replica_messages_failed_total{cause="timeout"} 1',
      'promgate_replica_messages_received_total{kind="bindings"} 1',
      'promgate_replica_messages_refused_total{reason="malformed"} 1',
      'promgate_replica_connection_failures_total{failure="auth"} 1',
      'promgate_replica_reconnects_total 1',
    );
  });
});
