/**
 * Realistic pages of metrics for tests and benchmarks: runtime gauges and counters, then HTTP
 * counters and histograms per route, as client libraries print them.
 *
 * Pages of the same size have the same lines apart from their values, as instances of one app do.
 */

export interface PageShape {
  /** The page ends with the first family that reaches this size. */
  readonly sizeBytes: number;
  /** Which instance: other values, same layout. */
  readonly seed: number;
}

const RUNTIME = [
  ['process_cpu_user_seconds_total', 'counter', 'Total user CPU time spent in seconds.'],
  ['process_resident_memory_bytes', 'gauge', 'Resident memory size in bytes.'],
  ['nodejs_eventloop_lag_seconds', 'gauge', 'Lag of the event loop in seconds.'],
  ['nodejs_heap_size_used_bytes', 'gauge', 'Heap in use, in bytes.'],
  ['jvm_threads_live_threads', 'gauge', 'Live threads, daemons among them.'],
] as const;
const BOUNDS = ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '+Inf'];
const ROUTES = ['/orders', '/orders/:id', '/login', '/users/:id/profile', '/static/*'];
const METHODS = ['GET', 'POST', 'PUT'];
const SERVICES = ['orders', 'users', 'cart', 'search', 'billing'];

/** A page of text format 0.0.4, LF at the end of each line. */
export function expositionPage({ sizeBytes, seed }: PageShape): Buffer {
  const random = generator(seed);
  const value = (): string =>
    random() < 0.4 ? String(Math.floor(random() * 1e6)) : (random() * 1e4).toFixed(3);
  const parts: string[] = [];
  let size = 0;
  const add = (family: string): void => {
    parts.push(family);
    size += family.length; // ASCII only
  };

  for (let copy = 0; copy < 25 && size < sizeBytes; copy++) {
    const [name, type, help] = RUNTIME[copy % RUNTIME.length]!;
    add(`${head(`pool${copy}_${name}`, type, help)}pool${copy}_${name} ${value()}\n`);
  }
  for (let service = 0; size < sizeBytes; service++) {
    const name = `http_server_${SERVICES[service % SERVICES.length]}_${service}`;
    const series = METHODS.flatMap((method) =>
      ROUTES.map((route) => `method="${method}",route="${route}"`),
    ).slice(0, sizeBytes > 200_000 ? 15 : 3);
    add(
      head(`${name}_requests_total`, 'counter', 'Requests served.') +
        series
          .map((labels) => `${name}_requests_total{${labels},status="200"} ${value()}\n`)
          .join(''),
    );
    add(
      head(`${name}_duration_seconds`, 'histogram', 'Duration of requests in seconds.') +
        series.map((labels) => histogram(`${name}_duration_seconds`, labels, random)).join(''),
    );
  }
  return Buffer.from(parts.join(''));
}

function head(name: string, type: string, help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

function histogram(name: string, labels: string, random: () => number): string {
  let count = 0;
  const buckets = BOUNDS.map((bound) => {
    count += Math.floor(random() * 1e4);
    return `${name}_bucket{le="${bound}",${labels}} ${count}\n`;
  });
  const sum = (count * random()).toFixed(4);
  return `${buckets.join('')}${name}_sum{${labels}} ${sum}\n${name}_count{${labels}} ${count}\n`;
}

/** Numbers in [0, 1) that are the same in every run (mulberry32). */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
