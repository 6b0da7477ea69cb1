/**
 * Numbers as pages print them: the shortest text that reads back to the same double.
 */
import type { PageFormat } from './page-samples.ts';

/** A sample's value, as all readers of Prometheus' formats take it. */
export function printValue(value: number): string {
  if (Number.isFinite(value)) return value === 0 && 1 / value < 0 ? '-0' : `${value}`;
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

/**
 * The value of a label `le` or `quantile`, as the client libraries of Go and Python print it: the
 * text is part of the series' identity. From 1e6 on, and below 1e-4, these print an exponent.
 */
export function printBound(bound: number, format: PageFormat): string {
  if (!Number.isFinite(bound)) return printValue(bound);
  const size = Math.abs(bound);
  const text =
    size !== 0 && (size < 1e-4 || size >= 1e6)
      ? bound.toExponential().replace(/e([+-])(\d)$/, 'e$10$2')
      : printValue(bound);
  return format === 'openmetrics' && !/[.e]/.test(text) ? `${text}.0` : text;
}

/** Whether a creation time is known. */
export function isTime(createdMs: number): boolean {
  return createdMs > 0 && Number.isFinite(createdMs);
}
