import { bindingMetrics } from '../../src/telemetry/binding-metrics.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { hasLines } from './has-lines.ts';

describe('bindingMetrics', () => {
  it('tells of bindings known, calls of the broker and failures of the database', async () => {
    const registry = new MetricRegistry();
    let ageSeconds: number | undefined;
    const metrics = bindingMetrics(registry, {
      ...{ known: () => 3, ageSeconds: () => ageSeconds },
      operations: ['bind', 'unbind'],
    });
    await hasLines(
      registry,
      'promgate_bindings 3',
      'promgate_bindings_age_seconds Nan',
      'promgate_broker_requests_total{operation="bind",code="503"} 0',
      'promgate_broker_requests_total{operation="unbind",code="500"} 0',
    );

    ageSeconds = 2.5;
    metrics.calls.inc({ operation: 'bind', code: '201' });
    metrics.databaseFailures.inc();

    await hasLines(
      registry,
      'promgate_bindings_age_seconds 2.5',
      'promgate_broker_requests_total{operation="bind",code="201"} 1',
      'promgate_database_failures_total 1',
    );
  });
});
