/** The handle on a real Prometheus works, beside the simulated instances that it scrapes. */
import assert from 'node:assert/strict';
import { page } from './answers.ts';
import { startAppInstances } from './app-instances.ts';
import { SLOW_MS } from './limits.ts';
import { startPrometheus } from './prometheus.ts';
import { requireProgram } from './require-program.ts';

describe('Prometheus for tests', function () {
  this.timeout(SLOW_MS);

  it('scrapes simulated instances and answers queries', async function () {
    const program = requireProgram(this, 'prometheus');
    await using farm = await startAppInstances([page('shop_orders 3\n'), 'refuse']);
    await using prometheus = await startPrometheus({
      program,
      config: {
        global: { scrape_interval: '1s' },
        scrape_configs: [{ job_name: 'shop', static_configs: [{ targets: farm.addresses }] }],
      },
    });

    const targets = await prometheus.scrapedTargets(2);
    const [orders] = await prometheus.query('shop_orders');

    const healths = targets.map(({ labels, health }) => [labels['instance'], health]);
    assert.deepEqual(Object.fromEntries(healths), {
      [farm.addresses[0]!]: 'up',
      [farm.addresses[1]!]: 'down',
    });
    assert.equal(orders?.value, '3');
    assert.equal(orders?.labels['instance'], farm.addresses[0]);
  });
});
