import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { poolLevels, scrapeMetrics } from '../../src/telemetry/scrape-metrics.ts';
import { hasLines } from './has-lines.ts';

function metricsOf() {
  const registry = new MetricRegistry();
  const metrics = scrapeMetrics(registry, { failures: ['refused', 'timeout'] });
  return { registry, metrics };
}

describe('scrapeMetrics', () => {
  it('counts instances that were asked, and every failure from the start', async () => {
    const { registry, metrics } = metricsOf();

    metrics.fetched(0.2);
    metrics.fetched(3, 'timeout');

    await hasLines(
      registry,
      'promgate_fetch_failures_total{failure="refused"} 0',
      'promgate_fetch_failures_total{failure="timeout"} 1',
      'promgate_fetch_duration_seconds_bucket{le="0.25"} 1',
      'promgate_fetch_duration_seconds_count 2',
    );
  });

  it('counts conflicts, dropped samples and answers that break the standard', async () => {
    const { registry, metrics } = metricsOf();

    metrics.typeConflicts.inc(2);
    metrics.reservedSamples.inc(5);
    metrics.filteredSamples.inc(6);
    metrics.duplicateSamples.inc(7);
    metrics.undatedSamples.inc(8);
    metrics.lenientAnswers.inc();

    await hasLines(
      registry,
      'promgate_merge_type_conflicts_total 2',
      'promgate_merge_reserved_samples_dropped_total 5',
      'promgate_merge_filtered_samples_dropped_total 6',
      'promgate_merge_duplicate_samples_dropped_total 7',
      'promgate_merge_timestamps_dropped_total 8',
      'promgate_fetch_lenient_answers_total 1',
    );
  });

  it('counts each app under its names', async () => {
    const { registry, metrics } = metricsOf();
    const ids = { organizationId: 'o', spaceId: 's', appId: 'a' };
    const app = { ...ids, organizationName: 'acme', spaceName: 'dev', appName: 'shop' };

    metrics.appScraped({ app, instances: [{ index: '0' }, { index: '1', failure: 'timeout' }] });

    const labels =
      'organization_id="o",space_id="s",app_id="a",organization_name="acme",space_name="dev",app_name="shop"';
    await hasLines(
      registry,
      `promfetch_metric_fetch_success_total{${labels}} 1`,
      `promfetch_metric_fetch_failed_total{${labels},index="1",instance_id="1"} 1`,
    );
  });
});

describe('poolLevels', () => {
  it('reads the pool when it is asked', async () => {
    const registry = new MetricRegistry();
    poolLevels(registry, () => ({
      ...{ used: 4, limit: 512, waiting: 1, bytesInFlight: 99, bytesLimit: 1e6 },
      connections: { busy: 4, idle: 3 },
    }));

    await hasLines(
      registry,
      'promgate_scrape_slots_used 4',
      'promgate_scrape_slots 512',
      'promgate_scrape_waiting 1',
      'promgate_scrape_bytes_in_flight 99',
      'promgate_scrape_bytes_limit 1000000',
      'promgate_scrape_connections{state="busy"} 4',
      'promgate_scrape_connections{state="idle"} 3',
    );
  });
});
