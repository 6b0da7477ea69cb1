/** Metrics of the process: version, resources, log. */
import type { MetricRegistry } from './registry.ts';

export type ProcessMetrics = ReturnType<typeof processMetrics>;

export function processMetrics(
  registry: MetricRegistry,
  { version }: { readonly version: string },
) {
  registry
    .gauge('promgate_build_info', 'The version of promgate and of Node.', ['version', 'node'])
    .set({ version, node: process.versions.node }, 1);
  registry.addDefaults();
  return {
    droppedLogLines: registry.counter(
      'promgate_log_lines_dropped_total',
      'Log lines that promgate dropped, since the reader of its output was too slow.',
    ),
  };
}
