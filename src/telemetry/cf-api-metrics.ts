/** Metrics of discovery by the CF API. */
import type { MetricRegistry } from './registry.ts';

/** What a source says of itself; undefined is not shown. */
export interface CfApiLevels {
  readonly sweepAgeMs: number | undefined;
  readonly remainingRequests: number | undefined;
}

export function cfApiMetrics(registry: MetricRegistry) {
  const requests = registry.counter(
    'promgate_cf_api_requests_total',
    'Requests to the CF API and to UAA, by what they ask for.',
    ['kind'],
  );
  const failures = registry.counter(
    'promgate_cf_api_failures_total',
    'Sweeps and requests for stats that failed, by the word for the failure.',
    ['during', 'fault'],
  );
  const duration = registry.gauge(
    'promgate_cf_api_sweep_duration_seconds',
    'How long the last whole sweep took: of all lists, or of what has changed.',
    ['sweep'],
  );
  return {
    requested: (kind: string) => requests.inc({ kind }),
    failed: (during: 'sweep' | 'stats', fault: string) => failures.inc({ during, fault }),
    swept: (sweep: string, tookMs: number) => duration.set({ sweep }, tookMs / 1000),
    /** Shows the levels of a source, and that none of these faults has occurred yet. */
    watch: (levels: CfApiLevels, faults: readonly string[]) => {
      for (const fault of faults) failures.inc({ during: 'sweep', fault }, 0);
      registry.level(
        'promgate_cf_api_sweep_age_seconds',
        'Time since the last whole sweep of the CF API began.',
        () => (levels.sweepAgeMs === undefined ? undefined : levels.sweepAgeMs / 1000),
      );
      registry.level(
        'promgate_cf_api_rate_limit_remaining',
        'Requests that the CF API says are left of its quota; absent while it limits nothing.',
        () => levels.remainingRequests,
      );
    },
  };
}
