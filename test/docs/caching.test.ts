/** The commands of the documentation, run as they are written; and its list of metrics. */
import assert from 'node:assert/strict';
import { cacheMetrics } from '../../src/telemetry/cache-metrics.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { runBlocks } from '../support/doc-commands.ts';
import { metricNames, unnamed } from '../support/doc-words.ts';
import { SLOW_MS } from '../support/limits.ts';
import { requireProgram } from '../support/require-program.ts';
import { freePort } from '../support/server-process.ts';

describe('docs/caching.md', function () {
  this.timeout(SLOW_MS);

  it('shows commands that do what it says', async function () {
    requireProgram(this, 'curl');
    const printed = await runBlocks('caching.md', { 8085: await freePort() });

    assert.match(printed, /^cache:\n {2}mode: background\n/m);
    assert.match(printed, /^ {2}ttl: 15s$/m);
    assert.deepEqual(printed.match(/\{"purged":\d.*\}/g)?.length, 4);
    assert.match(printed, /name what to purge by one parameter/);
  });

  it('names every metric', async () => {
    const registry = new MetricRegistry();
    cacheMetrics(registry);

    assert.deepEqual(unnamed('caching.md', await metricNames(registry)), []);
  });
});
