import { pushMetrics } from '../../src/telemetry/push-metrics.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { hasLines } from './has-lines.ts';

const LEVELS = {
  series: () => 7,
  tenants: () => undefined,
  conflicts: () => 0,
  mostLayouts: () => 0,
  bodyBytes: () => 100,
  keptPageBytes: () => 200,
  layouts: () => 3,
};

describe('pushMetrics', () => {
  it('counts pushes and commits; every word is there from the start', async () => {
    const registry = new MetricRegistry();
    const words = {
      interfaces: ['counter', 'group'],
      results: ['ok', 'bad_body'],
      failures: ['full'],
    };
    const metrics = pushMetrics(registry, words, LEVELS);

    const push = { of: 'counter', seconds: 0.002, bytes: 50, samples: 3, timestamps: 0 };
    metrics.ended({ ...push, result: 'ok', timestamps: 2 });
    metrics.ended({ ...push, result: 'bad_body' });
    metrics.committed(0.3);
    metrics.commitFailed('full');

    await hasLines(
      registry,
      'promgate_pushes_total{interface="counter",result="ok"} 1',
      'promgate_pushes_total{interface="counter",result="bad_body"} 1',
      'promgate_pushes_total{interface="group",result="ok"} 0',
      'promgate_push_duration_seconds_count{interface="counter"} 2',
      'promgate_push_bytes_total 100',
      'promgate_push_samples_total 3',
      'promgate_push_timestamps_ignored_total 2',
      'promgate_push_commit_duration_seconds_count 1',
      'promgate_push_commits_failed_total{failure="full"} 1',
      'promgate_push_series 7',
      'promgate_push_layouts 3',
    );
  });
});
