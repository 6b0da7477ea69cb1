/**
 * How long a scrape may take, from the reader's timeout header.
 */

export interface DeadlineOptions {
  /** Used if there is no readable header: `scrape.timeout`. */
  readonly timeoutMs: number;
  /** Bound on the reader's timeout: `scrape.max_timeout`. */
  readonly maxTimeoutMs: number;
}

/** The shortest timeout that subtracting the margin may leave: 0 s would answer nothing. */
const LEAST_MS = 100;

/**
 * Reads `X-Prometheus-Scrape-Timeout-Seconds`, and subtracts a margin of max(0.5 s, 5 %): promgate
 * has to write the answer, and the reader to receive it, before the reader gives up.
 *
 * A value that is no positive decimal number counts as absent: failing the scrape would cost the
 * reader its metrics, and the default timeout still bounds the scrape.
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

/** Something with a deadline that may move, on the scale of `performance.now()`. */
interface Deadlined {
  readonly deadlineMs: number;
}

class MovingDeadline implements Deadlined {
  readonly of: Deadlined;

  constructor(of: Deadlined) {
    this.of = of;
  }

  get deadlineMs(): number {
    return this.of.deadlineMs;
  }
}

/**
 * Adds the deadline of another object, as it is whenever it is read. A copy by `...` has no deadline.
 *
 * A getter in an object literal would do the same, but V8 makes it in the old generation, where it
 * keeps all that it refers to until the next major collection: all of a scrape, for each scrape.
 */
export function withDeadlineOf<T extends object>(of: Deadlined, rest: T): T & Deadlined {
  return Object.assign(new MovingDeadline(of), rest);
}
