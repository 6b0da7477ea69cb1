/** Metrics of the service broker and of the database of bindings. */
import type { MetricRegistry } from './registry.ts';

export interface BindingLevels {
  /** The number of known bindings. */
  readonly known: () => number;
  /** Time since the database was last read; undefined: it was never read. */
  readonly ageSeconds: () => number | undefined;
}

export type BindingMetrics = ReturnType<typeof bindingMetrics>;

export function bindingMetrics(registry: MetricRegistry, { known, ageSeconds }: BindingLevels) {
  registry.level('promgate_bindings', 'Bindings that promgate knows.', known);
  registry.level(
    'promgate_bindings_age_seconds',
    'Time since the database of bindings was last read.',
    () => ageSeconds() ?? Number.NaN,
  );
  return {
    calls: registry.counter('promgate_broker_requests_total', 'Calls of the service broker.', [
      'operation',
      'code',
    ]),
    databaseFailures: registry.counter(
      'promgate_database_failures_total',
      'Number of times that the database of bindings became unreadable or took no more changes.',
    ),
  };
}
