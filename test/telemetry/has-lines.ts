/** What a page of metrics must say. */
import assert from 'node:assert/strict';
import type { MetricRegistry } from '../../src/telemetry/registry.ts';

export async function hasLines(registry: MetricRegistry, ...lines: string[]): Promise<void> {
  const page = (await registry.print()).split('\n');
  for (const line of lines) {
    assert.ok(page.includes(line), `${line}\nis not in\n${page.join('\n')}`);
  }
}
