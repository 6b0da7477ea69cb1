/**
 * Why an instance gave no page.
 *
 * The words are closed and stable: a metric label, a JSON field and a log field.
 */
export const FAILURES = [
  'refused',
  'unreachable',
  'timeout',
  'tls-identity',
  'tls',
  'redirect',
  'status-4xx',
  'status-5xx',
  'status-other',
  'too-large',
  'truncated',
  'over-budget',
  'not-metrics',
  'invalid',
  'aborted',
] as const;

export type Failure = (typeof FAILURES)[number];
