import { httpMetrics } from '../../src/telemetry/http-metrics.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { hasLines } from './has-lines.ts';

describe('httpMetrics', () => {
  it('counts requests, those that are open, refused ones and broken connections', async () => {
    const registry = new MetricRegistry();
    const metrics = httpMetrics(registry);

    metrics.requestBegan();
    metrics.requestBegan();
    metrics.requestEnded({ handler: 'apps', status: 200, seconds: 0.3 });
    metrics.refusedRequests.inc();
    metrics.clientErrors.inc({ reason: 'malformed' });

    await hasLines(
      registry,
      'promgate_http_requests_total{handler="apps",code="200"} 1',
      'promgate_http_request_duration_seconds_count{handler="apps"} 1',
      'promgate_http_open_requests 1',
      'promgate_http_requests_refused_total 1',
      'promgate_http_client_errors_total{reason="malformed"} 1',
    );
  });
});
