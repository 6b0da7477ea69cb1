/** Metrics of the service broker and of the database of bindings. */
import type { MetricRegistry } from './registry.ts';

export interface BindingLevels {
  /** The number of known bindings. */
  readonly known: () => number;
  /** Time since the database was last read; undefined: it was never read. */
  readonly ageSeconds: () => number | undefined;
  /** What the platform may call. */
  readonly operations: readonly string[];
}

/** The statuses of calls that failed for want of promgate or of its database. */
const FAILED = ['500', '503'];

export type BindingMetrics = ReturnType<typeof bindingMetrics>;

export function bindingMetrics(
  registry: MetricRegistry,
  { known, ageSeconds, operations }: BindingLevels,
) {
  registry.level('promgate_bindings', 'Bindings that promgate knows.', known);
  registry.level(
    'promgate_bindings_age_seconds',
    'Time since the database of bindings was last read.',
    () => ageSeconds() ?? Number.NaN,
  );
  const calls = registry.counter('promgate_broker_requests_total', 'Calls of the service broker.', [
    'operation',
    'code',
  ]);
  // An alert sees the first failed call only if the series was there before.
  for (const operation of operations) {
    for (const code of FAILED) calls.inc({ operation, code }, 0);
  }
  return {
    calls,
    databaseFailures: registry.counter(
      'promgate_database_failures_total',
      'Number of times that the database of bindings became unreadable or took no more changes.',
    ),
  };
}
