import assert from 'node:assert/strict';
import { ownLabels } from '../../src/telemetry/own-labels.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';

const OWN = {
  organizationName: 'platform "one"',
  spaceName: 'monitoring',
  appName: 'promgate',
  index: '1',
};

describe('ownLabels', () => {
  it('stand on every series, beside the labels of the apps that are scraped', async () => {
    const registry = new MetricRegistry(ownLabels(OWN));
    registry.counter('a_total', 'A.', ['app_name']).inc({ app_name: 'shop' });
    registry.level('b', 'B.', () => 2);
    registry.counted('c_total', 'C.', 'counter', () => [{ labels: {}, value: 3 }]);
    registry.histogram('d_seconds', 'D.', [1]).observe(2);
    registry.addDefaults();

    const lines = (await registry.print()).split('\n');

    const series = lines.filter((line) => line !== '' && !line.startsWith('#'));
    const labels =
      'promgate_organization="platform \\"one\\"",promgate_space="monitoring",promgate_app="promgate",promgate_index="1"';
    assert.ok(series.length > 20);
    for (const line of series) assert.ok(line.includes(labels), line);
    assert.ok(series.some((line) => line.startsWith('a_total{app_name="shop",promgate_')));
  });

  it('are none outside a platform, and only what the platform says', () => {
    assert.deepEqual(ownLabels(undefined), {});
    const partly = { ...OWN, organizationName: undefined, index: undefined };
    assert.deepEqual(Object.keys(ownLabels(partly)), ['promgate_space', 'promgate_app']);
  });
});
