/** Metrics of readers that are authenticated by their instance identity. */
import type { MetricRegistry } from './registry.ts';

/** @param failures - the closed set of words, so that each series exists from the start */
export function identityMetrics(registry: MetricRegistry, failures: readonly string[]) {
  const refused = registry.counter(
    'promgate_identity_refused_total',
    'Requests that were refused for the certificate of their reader.',
    ['failure'],
  );
  for (const failure of failures) refused.inc({ failure }, 0);
  return { refused };
}
