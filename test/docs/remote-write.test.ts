/** The commands of the documentation, run as they are written; and its lists of words and metrics. */
import assert from 'node:assert/strict';
import { REFUSALS, RETRY_CAUSES } from '../../src/push/send/remote-write-answer.ts';
import { DROP_CAUSES } from '../../src/push/send/remote-write-queue.ts';
import { SKIP_CAUSES } from '../../src/push/send/remote-write-series.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { remoteWriteMetrics } from '../../src/telemetry/remote-write-metrics.ts';
import { runBlocks } from '../support/doc-commands.ts';
import { metricNames, readDoc, unnamed } from '../support/doc-words.ts';
import { SLOW_MS } from '../support/limits.ts';
import { requireProgram } from '../support/require-program.ts';
import { freePort } from '../support/server-process.ts';

describe('docs/remote-write.md', function () {
  this.timeout(SLOW_MS);

  it('shows commands that do what it says', async function () {
    for (const program of ['prometheus', 'curl']) requireProgram(this, program);
    const ports = { 8085: await freePort(), 9090: await freePort() };
    const printed = await runBlocks('remote-write.md', ports);

    const shown = readDoc('remote-write.md').matchAll(/^```text\n(.*?)^```$/gms);
    for (const line of Array.from(shown, ([, text]) => text!.trimEnd().split('\n')).flat()) {
      const moved = line.replace('127.0.0.1:9090', `127.0.0.1:${ports[9090]}`);
      const [before, after] = moved.split(/\[1764284400\.123,/);
      assert.ok(
        printed.includes(before!) && printed.includes(after ?? ''),
        `${line} in ${printed}`,
      );
    }
    assert.doesNotMatch(printed, /debug_mails/);
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
