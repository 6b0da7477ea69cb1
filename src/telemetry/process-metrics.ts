/** Metrics of the process itself: its version, what it uses, its log. */
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
      'Lines of the log that nobody read in time.',
    ),
  };
}
