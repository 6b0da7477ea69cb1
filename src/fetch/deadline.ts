/**
 * How long a scrape may take, as the reader says it.
 */

export interface DeadlineOptions {
  /** Without a readable header: `scrape.timeout`. */
  readonly timeoutMs: number;
  /** At most, whatever the reader says: `scrape.max_timeout`. */
  readonly maxTimeoutMs: number;
}

/** What a reader that gives less than that much is left with: nothing could be answered in 0 s. */
const LEAST_MS = 100;

/**
 * Reads `X-Prometheus-Scrape-Timeout-Seconds`, and keeps back max(0.5 s, 5 %) of it: the answer
 * has to be written, and to arrive, before the reader gives up.
 *
 * A value that is no positive decimal number counts as absent: to fail the scrape for it would
 * cost the reader its metrics, and the default timeout is a bound all the same.
 *
 * @returns milliseconds from the arrival of the request to the deadline
 * @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/#scrape_config
 */
export function scrapeTimeoutMs(
  header: string | undefined,
  { timeoutMs, maxTimeoutMs }: DeadlineOptions,
): number {
  const givenMs = header === undefined ? Number.NaN : secondsToMs(header);
  if (!(givenMs > 0)) return Math.min(timeoutMs, maxTimeoutMs);
  const leftMs = Math.min(givenMs - 500, givenMs * 0.95);
  return Math.min(Math.max(leftMs, Math.min(givenMs, LEAST_MS)), maxTimeoutMs);
}

/** Decimal digits with a fraction or exponent, as Go and JavaScript print numbers; else NaN. */
function secondsToMs(text: string): number {
  return /^\s*\d+(\.\d*)?(e[+-]?\d+)?\s*$/i.test(text) ? Number(text) * 1000 : Number.NaN;
}
