/**
 * Metrics of a simulated app instance: counters grow with time, gauges move.
 *
 * Time and chance are arguments, so that a test gets the same page again.
 */

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const ROUTES = ['/', '/cart', '/checkout'] as const;
const CODES = ['200', '404', '500'] as const;

export interface Page {
  /** Prints the page in text format 0.0.4; `nowSeconds` are seconds since 1970. */
  readonly print: (nowSeconds: number) => string;
}

interface Series {
  readonly labels: string;
  readonly perSecond: number;
  /** Median of the response times. */
  readonly medianSeconds: number;
  count: number;
  sum: number;
  readonly buckets: number[];
}

/** @param chance - returns numbers from 0 (inclusive) to 1 (exclusive) */
export function createPage(name: string, startSeconds: number, chance: () => number): Page {
  const series: Series[] = ROUTES.flatMap((route, r) =>
    CODES.map((code, c) => ({
      labels: `route="${route}",code="${code}"`,
      perSecond: [12, 5, 2][r]! * [1, 0.05, 0.01][c]!,
      medianSeconds: [0.02, 0.06, 0.2][r]!,
      count: 0,
      sum: 0,
      buckets: BUCKETS.map(() => 0),
    })),
  );
  let cpuSeconds = 0;
  let lastSeconds = startSeconds - 120; // as if the app had run for two minutes
  const advance = (nowSeconds: number): void => {
    const passed = Math.min(600, Math.max(0, nowSeconds - lastSeconds));
    lastSeconds = Math.max(lastSeconds, nowSeconds);
    for (const one of series) serveRequests(one, passed * one.perSecond, chance);
    cpuSeconds += passed * (0.05 + 0.1 * chance());
  };
  return {
    print: (nowSeconds) => {
      advance(nowSeconds);
      const memory = 60e6 + 15e6 * Math.sin(nowSeconds / 60) + 5e6 * chance();
      return [
        ...family('http_requests_total', 'counter', 'Requests answered.'),
        ...series.map(({ labels, count }) => `http_requests_total{${labels}} ${count}`),
        ...family('http_request_duration_seconds', 'histogram', 'Time to answer a request.'),
        ...series.flatMap(histogram),
        ...family('process_cpu_seconds_total', 'counter', 'CPU time used.'),
        `process_cpu_seconds_total ${cpuSeconds.toFixed(3)}`,
        ...family('process_resident_memory_bytes', 'gauge', 'Memory in use.'),
        `process_resident_memory_bytes ${Math.round(memory)}`,
        ...family('process_start_time_seconds', 'gauge', 'When the process started.'),
        `process_start_time_seconds ${startSeconds - 120}`,
        ...family('app_info', 'gauge', 'What runs here.'),
        `app_info{name="${name}",version="1.4.2"} 1`,
        '',
      ].join('\n');
    },
  };
}

function serveRequests(series: Series, expected: number, chance: () => number): void {
  const requests = Math.floor(expected + chance());
  // At most 50 samples stand for all requests; their times are spread around the median.
  const samples = Math.min(requests, 50);
  for (let i = 0; i < samples; i += 1) {
    const weight =
      Math.floor((requests * (i + 1)) / samples) - Math.floor((requests * i) / samples);
    const seconds = series.medianSeconds * Math.exp(2 * (chance() + chance() - 1));
    series.count += weight;
    series.sum += weight * seconds;
    for (const [b, bound] of BUCKETS.entries()) {
      if (seconds <= bound) series.buckets[b]! += weight;
    }
  }
}

function family(name: string, type: string, help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function histogram({ labels, count, sum, buckets }: Series): string[] {
  const name = 'http_request_duration_seconds';
  return [
    ...BUCKETS.map((bound, b) => `${name}_bucket{${labels},le="${bound}"} ${buckets[b]}`),
    `${name}_bucket{${labels},le="+Inf"} ${count}`,
    `${name}_sum{${labels}} ${sum.toFixed(6)}`,
    `${name}_count{${labels}} ${count}`,
  ];
}
