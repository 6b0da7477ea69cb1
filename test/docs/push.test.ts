/** The commands of the documentation, run as they are written; and its lists of words and metrics. */
import assert from 'node:assert/strict';
import { JOURNAL_FAILURES } from '../../src/push/record.ts';
import { PUSH_REFUSALS } from '../../src/push/refusal.ts';
import { PUSH_INTERFACES } from '../../src/serve/push-answers.ts';
import { PUSH_RESULTS } from '../../src/serve/push-desk.ts';
import { pushMetrics } from '../../src/telemetry/push-metrics.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { runBlocks } from '../support/doc-commands.ts';
import { metricNames, readDoc, unnamed } from '../support/doc-words.ts';
import { SLOW_MS } from '../support/limits.ts';
import { requireProgram } from '../support/require-program.ts';
import { freePort } from '../support/server-process.ts';

describe('docs/push.md', function () {
  this.timeout(SLOW_MS);

  it('prints what it says that its examples print', async function () {
    requireProgram(this, 'curl');
    const expected = [...readDoc('push.md').matchAll(/^```text\n(.*?)^```$/gms)].map(
      ([, text]) => text!, // its group
    );

    const printed = await runBlocks('push.md', { 8085: await freePort() });

    assert.equal(printed, expected.join(''));
  });

  it('names every refusal, metric and interface', async () => {
    const registry = new MetricRegistry();
    pushMetrics(
      registry,
      { interfaces: PUSH_INTERFACES, results: PUSH_RESULTS, failures: JOURNAL_FAILURES },
      {
        ...{ series: () => 0, tenants: () => 0, conflicts: () => 0, bodyBytes: () => 0 },
        mostLayouts: () => 0,
        ...{ keptPageBytes: () => 0, layouts: () => 0 },
      },
    );

    const words = [...(await metricNames(registry)), ...PUSH_REFUSALS, ...PUSH_INTERFACES];
    assert.deepEqual(unnamed('push.md', words), []);
  });
});
