/** Metrics of promgate's own certificates. */
import type { MetricRegistry } from './registry.ts';

/** @param expiries - the times when certificates expire, by the key of the configuration that names the file */
export function certificateMetrics(
  registry: MetricRegistry,
  expiries: ReadonlyMap<string, number>,
): void {
  registry.levels(
    'promgate_certificate_expiry_timestamp_seconds',
    'Time when a certificate that promgate presents expires: the first one of its chain.',
    'certificate',
    () => expiries,
  );
}
