import assert from 'node:assert/strict';
import { createMetrics } from '../../src/telemetry/metrics.ts';

function metricsOf({ known = true, now = (): number => 1000 } = {}) {
  return createMetrics({
    version: '1.2.3',
    failures: ['refused', 'timeout'],
    levels: () => ({
      table: { routes: 3, endpoints: 7, apps: 2, ambiguous: 1 },
      sources: [
        { name: 'gorouter', ageMs: 130_500 },
        { name: 'file', ageMs: undefined },
      ],
      pool: { used: 4, limit: 512, waiting: 1, bytesInFlight: 99, bytesLimit: 1e6 },
    }),
    knowsApp: () => known,
    now,
  });
}

const SCRAPE = {
  app: {
    organizationId: 'o',
    spaceId: 's',
    appId: 'a',
    organizationName: 'acme',
    spaceName: 'dev',
    appName: 'shop',
  },
  instances: [
    { index: '0', seconds: 0.2 },
    { index: '1', seconds: 3, failure: 'timeout' as const },
  ],
};

async function has(metrics: { print: () => Promise<string> }, ...lines: string[]): Promise<void> {
  const page = (await metrics.print()).split('\n');
  for (const line of lines)
    assert.ok(page.includes(line), `${line}\nis not in\n${page.join('\n')}`);
}

describe('createMetrics', () => {
  it('counts what it was told before prom-client was loaded', async () => {
    const metrics = metricsOf();

    metrics.appScraped(SCRAPE);
    metrics.requestBegan();
    await metrics.load();
    metrics.requestBegan();
    metrics.requestEnded({ handler: 'apps', status: 200, seconds: 0.3 });

    await has(
      metrics,
      'promgate_fetch_failures_total{failure="refused"} 0',
      'promgate_fetch_failures_total{failure="timeout"} 1',
      'promgate_fetch_duration_seconds_bucket{le="0.25"} 1',
      'promgate_fetch_duration_seconds_count 2',
      'promgate_http_requests_total{handler="apps",code="200"} 1',
      'promgate_http_request_duration_seconds_count{handler="apps"} 1',
      'promgate_http_open_requests 1',
    );
  });

  it('says of each source how long it has failed, and how many addresses are in doubt', async () => {
    const metrics = metricsOf();

    metrics.routesDoubted('gorouter');

    await has(
      metrics,
      'promgate_route_source_age_seconds{source="gorouter"} 130.5',
      'promgate_route_ambiguous_addresses 1',
      'promgate_route_source_doubted_tables_total{source="gorouter"} 1',
    );
    assert.doesNotMatch(await metrics.print(), /age_seconds\{source="file"/);
  });

  it('keeps no more than 10,000 reports waiting for prom-client', async () => {
    const metrics = metricsOf();
    for (let i = 0; i < 10_005; i += 1) metrics.logLineDropped();

    await has(metrics, 'promgate_log_lines_dropped_total 10000');
  });

  it('reads the table and the pool when it is asked', async () => {
    await has(
      metricsOf(),
      'promgate_routes 3',
      'promgate_route_endpoints 7',
      'promgate_apps 2',
      'promgate_scrape_slots_used 4',
      'promgate_scrape_slots 512',
      'promgate_scrape_waiting 1',
      'promgate_scrape_bytes_in_flight 99',
      'promgate_scrape_bytes_limit 1000000',
    );
  });

  it('tells of route sources, also under the names of Promfetcher', async () => {
    let nowSeconds = 1000;
    const metrics = metricsOf({ now: () => nowSeconds });
    assert.doesNotMatch(await metrics.print(), /^promfetch_latest_time_scrape_route /m);

    metrics.routesRead('gorouter a');
    metrics.routesFailed('gorouter b');
    metrics.malformedRouteMessage('nats');
    nowSeconds = 1012;

    await has(
      metrics,
      'promfetch_latest_time_scrape_route 12',
      'promfetch_scrape_route_failed_total 2',
      'promgate_route_source_last_success_timestamp_seconds{source="gorouter a"} 1000',
      'promgate_route_source_failures_total{source="gorouter b"} 1',
      'promgate_route_source_malformed_messages_total{source="nats"} 1',
    );
  });

  it('counts conflicts, dropped samples, broken connections and dropped lines', async () => {
    const metrics = metricsOf();

    metrics.typeConflicts(2);
    metrics.reservedSamplesDropped(5);
    metrics.lenientAnswer();
    metrics.clientError('malformed');
    metrics.logLineDropped();
    metrics.exporterAsked(1, 'refused');

    await has(
      metrics,
      'promgate_merge_type_conflicts_total 2',
      'promgate_merge_reserved_samples_dropped_total 5',
      'promgate_fetch_lenient_answers_total 1',
      'promgate_http_client_errors_total{reason="malformed"} 1',
      'promgate_log_lines_dropped_total 1',
      'promgate_fetch_failures_total{failure="refused"} 1',
    );
  });

  it('keeps no series of an app that is not in the table, or has left it', async () => {
    const unknown = metricsOf({ known: false });
    const known = metricsOf();

    unknown.appScraped(SCRAPE);
    known.appScraped(SCRAPE);
    assert.match(await known.print(), /app_name="shop"/);
    known.forgetApp('a');

    assert.doesNotMatch(await unknown.print(), /app_name="shop"/);
    assert.doesNotMatch(await known.print(), /app_name="shop"/);
  });

  it('says its version, and what the process and Node use', async () => {
    const page = await metricsOf().print();
    assert.match(page, /^promgate_build_info\{version="1\.2\.3",node="[\d.]+"\} 1$/m);
    assert.match(page, /^process_resident_memory_bytes \d+$/m);
    assert.match(page, /^nodejs_eventloop_lag_p99_seconds /m);
  });

  it('names nothing but promfetch_, promgate_, process_ and nodejs_', async () => {
    const page = await metricsOf().print();
    for (const [, name] of page.matchAll(/^# TYPE (\S+)/gm)) {
      assert.match(name!, /^(?:promfetch|promgate|process|nodejs)_/);
    }
  });
});
