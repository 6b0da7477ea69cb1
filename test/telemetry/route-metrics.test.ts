import assert from 'node:assert/strict';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { routeMetrics, sourceLevels, tableLevels } from '../../src/telemetry/route-metrics.ts';
import { hasLines } from './has-lines.ts';

describe('routeMetrics', () => {
  it('tells of route sources, also under the names of Promfetcher', async () => {
    let nowSeconds = 1000;
    const registry = new MetricRegistry();
    const metrics = routeMetrics(registry, () => nowSeconds);
    assert.doesNotMatch(await registry.print(), /^promfetch_latest_time_scrape_route /m);

    metrics.read('gorouter a');
    metrics.failed('gorouter b');
    metrics.malformedMessage('nats');
    metrics.doubtedTables.inc({ source: 'gorouter a' });
    nowSeconds = 1012;

    await hasLines(
      registry,
      'promfetch_latest_time_scrape_route 12',
      'promfetch_scrape_route_failed_total 2',
      'promgate_route_source_last_success_timestamp_seconds{source="gorouter a"} 1000',
      'promgate_route_source_failures_total{source="gorouter b"} 1',
      'promgate_route_source_malformed_messages_total{source="nats"} 1',
      'promgate_route_source_doubted_tables_total{source="gorouter a"} 1',
    );
  });
});

describe('tableLevels', () => {
  it('reads the table when it is asked', async () => {
    const registry = new MetricRegistry();
    tableLevels(registry, () => ({ routes: 3, endpoints: 7, apps: 2, ambiguous: 1 }));

    await hasLines(
      registry,
      'promgate_routes 3',
      'promgate_route_endpoints 7',
      'promgate_apps 2',
      'promgate_route_ambiguous_addresses 1',
    );
  });
});

describe('sourceLevels', () => {
  it('says of each source for how long it has failed, if it ever worked', async () => {
    const registry = new MetricRegistry();
    sourceLevels(registry, [
      { name: 'gorouter', ageMs: 130_500 },
      { name: 'file', ageMs: undefined },
    ]);

    await hasLines(registry, 'promgate_route_source_age_seconds{source="gorouter"} 130.5');
    assert.doesNotMatch(await registry.print(), /age_seconds\{source="file"/);
  });
});
