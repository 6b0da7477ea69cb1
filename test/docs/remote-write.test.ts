/** The commands of the documentation, run as they are written; and its lists of words and metrics. */
import assert from 'node:assert/strict';
import { REFUSALS, RETRY_CAUSES } from '../../src/push/remote-write-answer.ts';
import { DROP_CAUSES } from '../../src/push/remote-write-queue.ts';
import { SKIP_CAUSES } from '../../src/push/remote-write-series.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { remoteWriteMetrics } from '../../src/telemetry/remote-write-metrics.ts';
import { runBlocks } from '../support/doc-commands.ts';
import { metricNames, unnamed } from '../support/doc-words.ts';
import { SLOW_MS } from '../support/limits.ts';

describe('docs/remote-write.md', function () {
  this.timeout(SLOW_MS);

  it('shows commands that do what it says', async () => {
    const printed = await runBlocks('remote-write.md', { 9090: 9090 });

    assert.match(printed, /- url: http:\/\/127\.0\.0\.1:9090\/api\/v1\/write/);
    assert.match(printed, /action: drop/);
    assert.match(printed, /push\.remote_write\[0\]\.relabel\[0\]\.regex is "\(\.\*"/);
    assert.match(printed, /must be a regular expression of RE2/);
    assert.match(printed, /exit code 2/);
  });

  it('names every metric, reason and action', async () => {
    const registry = new MetricRegistry();
    const reasons = [...REFUSALS, ...DROP_CAUSES];
    const words = { losses: reasons, retries: RETRY_CAUSES, skips: SKIP_CAUSES };
    remoteWriteMetrics(registry, words, new Map());

    const all = [...(await metricNames(registry)), ...reasons, ...RETRY_CAUSES, ...SKIP_CAUSES];
    assert.deepEqual(unnamed('remote-write.md', all), []);
  });
});
