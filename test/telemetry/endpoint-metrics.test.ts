import { endpointMetrics } from '../../src/telemetry/endpoint-metrics.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { hasLines } from './has-lines.ts';

describe('endpointMetrics', () => {
  it('counts fetches and failed requests; every word is there from the start', async () => {
    const registry = new MetricRegistry();
    const words = { results: ['ok', 'upstream_dns'], codes: ['bad_url', 'upstream_dns'] };
    const metrics = endpointMetrics(registry, words);

    metrics.fetched('ok', 0.03, 1_000);
    metrics.fetched('ok', 0.3, 500);
    metrics.refused('bad_url');

    await hasLines(
      registry,
      'promgate_endpoint_fetches_total{result="ok"} 2',
      'promgate_endpoint_fetches_total{result="upstream_dns"} 0',
      'promgate_endpoint_fetch_duration_seconds_bucket{le="0.1"} 1',
      'promgate_endpoint_fetch_duration_seconds_count 2',
      'promgate_endpoint_fetched_bytes_total 1500',
      'promgate_endpoint_requests_failed_total{code="bad_url"} 1',
      'promgate_endpoint_requests_failed_total{code="upstream_dns"} 0',
    );
  });
});
