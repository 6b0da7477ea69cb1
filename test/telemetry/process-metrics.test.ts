import assert from 'node:assert/strict';
import { processMetrics } from '../../src/telemetry/process-metrics.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { hasLines } from './has-lines.ts';

describe('processMetrics', () => {
  it('says the version, what the process and Node use, and lines that were dropped', async () => {
    const registry = new MetricRegistry();

    processMetrics(registry, { version: '1.2.3' }).droppedLogLines.inc();

    const page = await registry.print();
    assert.match(page, /^promgate_build_info\{version="1\.2\.3",node="[\d.]+"\} 1$/m);
    assert.match(page, /^process_resident_memory_bytes \d+$/m);
    assert.match(page, /^nodejs_eventloop_lag_p99_seconds /m);
    await hasLines(registry, 'promgate_log_lines_dropped_total 1');
  });
});
