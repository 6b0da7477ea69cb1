import assert from 'node:assert/strict';
import fc from 'fast-check';
import { AppMetrics, type ScrapedApp } from '../../src/telemetry/app-metrics.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';

function app(appId: string, appName = 'shop'): ScrapedApp {
  return {
    organizationId: 'o-1',
    spaceId: 's-1',
    appId,
    organizationName: 'acme',
    spaceName: 'dev',
    appName,
  };
}

const ok = (index: string) => ({ index });
const failed = (index: string) => ({ index, failure: 'refused' as const });

/** @returns the series of both metrics, without comments */
async function series(registry: MetricRegistry): Promise<string[]> {
  const page = await registry.print();
  return page.split('\n').filter((line) => line.startsWith('promfetch_'));
}

describe('AppMetrics', () => {
  it("counts under Promfetcher's names and labels", async () => {
    const registry = new MetricRegistry();
    const metrics = new AppMetrics<'refused'>(registry);

    metrics.record({ app: app('a-1'), instances: [ok('0'), ok('1'), failed('2')] });
    metrics.record({ app: app('a-1'), instances: [ok('0'), ok('1'), failed('2')] });

    const labels =
      'organization_id="o-1",space_id="s-1",app_id="a-1",organization_name="acme",space_name="dev",app_name="shop"';
    assert.deepEqual(await series(registry), [
      `promfetch_metric_fetch_failed_total{${labels},index="2",instance_id="2"} 2`,
      `promfetch_metric_fetch_success_total{${labels}} 4`,
    ]);
  });

  it('forgets an app that has left, and the old name of one that was renamed', async () => {
    const registry = new MetricRegistry();
    const metrics = new AppMetrics<'refused'>(registry);
    metrics.record({ app: app('a-1'), instances: [ok('0'), failed('1')] });
    metrics.record({ app: app('a-2', 'old'), instances: [ok('0'), failed('1')] });

    metrics.forget('a-1');
    metrics.record({ app: app('a-2', 'new'), instances: [ok('0')] });

    assert.match(
      (await series(registry)).join(),
      /^promfetch_metric_fetch_success_total\{[^}]*"new"\} 1$/,
    );
    assert.equal(metrics.count, 1);
  });

  it('never holds more series than its bound, and as many as it prints', async () => {
    const step = fc.record({
      appId: fc.constantFrom('a', 'b', 'c', 'd'),
      name: fc.constantFrom('x', 'y'),
      indexes: fc.array(fc.nat(9), { maxLength: 6 }),
      fails: fc.boolean(),
      leaves: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const registry = new MetricRegistry();
        const metrics = new AppMetrics<'refused'>(registry, 12);
        for (const { appId, name, indexes, fails, leaves } of steps) {
          const instances = indexes.map((index) => (fails ? failed : ok)(String(index)));
          if (leaves) metrics.forget(appId);
          else metrics.record({ app: app(appId, name), instances });
          assert.ok(metrics.count <= 12);
        }
        assert.equal((await series(registry)).length, metrics.count);
      }),
      { numRuns: 50 },
    );
  });
});
