/** What scrapes tell route sources: only what was met at an address of the route table counts. */
import assert from 'node:assert/strict';
import { observeScrapes } from '../../src/assemble/scrape-observers.ts';
import { RouteTable } from '../../src/discover/route-table.ts';
import type { RouteSource } from '../../src/discover/source.ts';
import { FAILURES, type Failure } from '../../src/fetch/failure.ts';
import type { Via } from '../../src/fetch/way.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { scrapeMetrics } from '../../src/telemetry/scrape-metrics.ts';
import { instance } from '../serve/instances.ts';
import { recordLog } from '../support/promgate.ts';

function reportsOf(failure: Failure, via: Via | undefined): string[] {
  const reports: string[] = [];
  const source: Pick<RouteSource, 'reportFailure'> = {
    reportFailure: (address) => void reports.push(address),
  };
  const observers = observeScrapes({
    metrics: scrapeMetrics<Failure>(new MetricRegistry({}), { failures: FAILURES }),
    log: recordLog().log,
    table: new RouteTable(),
    sources: [source as RouteSource], // nothing else of it is used
  });
  const one = instance('shop', '0', '10.0.0.1:80');
  observers.onOutcomes?.([
    {
      ...{
        app: one.app,
        instance: one,
        path: '/metrics',
        durationSeconds: 1,
        bytes: 0,
        samples: 0,
      },
      ...{ failure, status: undefined, detail: undefined, via },
    },
  ]);
  return reports;
}

describe('observeScrapes', () => {
  it('reports an address that cannot be reached, so that sources prune it', () => {
    assert.deepEqual(reportsOf('refused', undefined), ['10.0.0.1:80']);
    assert.deepEqual(reportsOf('tls-identity', 'direct'), ['10.0.0.1:80']);
  });

  it('reports nothing where a router, a container or a client certificate fails', () => {
    for (const via of ['gorouter', 'identity', 'internal'] as const) {
      assert.deepEqual(reportsOf('refused', via), [], via);
    }
    assert.deepEqual(reportsOf('tls-client', 'direct'), []);
  });
});
