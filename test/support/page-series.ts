/**
 * The series of a simulated program, in the order in which it lists them; without values.
 *
 * `exposition-pages.ts` prints them as the instances of the program do.
 */
import type { PageTraits } from './exposition-pages.ts';
import { scattered } from './seeded-numbers.ts';

export interface Family {
  /** The lines of HELP and TYPE. */
  readonly head: string;
  readonly series: readonly Series[];
}

export interface Series {
  /** The place among all series of the program. */
  readonly number: number;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Whether the lines are the same in all instances; if not, they hold `OWN`. */
  readonly isShared: boolean;
  /** Name and labels of each line. */
  readonly fronts: readonly string[];
  /** A series of the same family that only some instances have. */
  readonly further: (route: number) => Series;
}

/** Stands in a line for the text that is an instance's own. */
export const OWN = '\0';
/** Part of the name of a sample whose value is a time. */
export const CREATED = '_created';

const RUNTIME = [
  ['process_cpu_user_seconds_total', 'counter', 'Total user CPU time spent in seconds.'],
  ['process_resident_memory_bytes', 'gauge', 'Resident memory size in bytes.'],
  ['nodejs_eventloop_lag_seconds', 'gauge', 'Lag of the event loop in seconds.'],
  ['nodejs_heap_size_used_bytes', 'gauge', 'Heap in use, in bytes.'],
  ['jvm_threads_live_threads', 'gauge', 'Live threads, daemons among them.'],
] as const;
const RUNTIME_FAMILIES = 25;
const BOUNDS = ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '+Inf'];
const ROUTES = ['/orders', '/orders/:id', '/login', '/users/:id/profile', '/static/*'];
const METHODS = ['GET', 'POST', 'PUT'];
const SERVICES = ['orders', 'users', 'cart', 'search', 'billing'];
/** What the lines of an exporter speak of. Each value of one list is as long as that of the other. */
const TARGETS = ['db-0.internal:9187', 'db-1.internal:9187', 'db-2.internal:9187'];
const JOBS = ['postgres', 'pgbounce', 'mysqld-1'];
const OWN_LABELS = { conflicting: ['instance', 'job'], harmless: ['hostname', 'pod'] } as const;
const FEW_SERIES = 3;
const MANY_SERIES = 15;
/** Pages above this size have families of `MANY_SERIES`. */
const LARGE_BYTES = 200_000;
/** What a line has behind its front: blank, value and LF, on average. */
const VALUE_BYTES = 9;

const programs = new Map<string, readonly Family[]>();

/** The families of a program whose pages reach `sizeBytes`. */
export function programOf(sizeBytes: number, traits: PageTraits): readonly Family[] {
  const key = JSON.stringify([sizeBytes, traits]);
  const known = programs.get(key) ?? new Program(sizeBytes, traits).families;
  programs.set(key, known);
  return known;
}

class Program {
  readonly families: Family[] = [];
  readonly #traits: PageTraits;
  readonly #sizeBytes: number;
  #size = 0;
  #numbers = 0;

  constructor(sizeBytes: number, traits: PageTraits) {
    this.#traits = traits;
    this.#sizeBytes = sizeBytes;
    if (traits.families === 'gauges') {
      for (let n = 0; this.#isShort; n++) this.#addGauge(n);
      return;
    }
    for (let copy = 0; copy < RUNTIME_FAMILIES && this.#isShort; copy++) this.#addRuntime(copy);
    for (let service = 0; this.#isShort; service++) this.#addService(service);
  }

  get #isShort(): boolean {
    return this.#size < this.#sizeBytes;
  }

  get #isClient(): boolean {
    return this.#traits.names === 'client';
  }

  #addGauge(n: number): void {
    const name = `${this.#isClient ? 'conn' : 'pool'}_${n}_connections_in_use`;
    this.#add(name, 'gauge', 'Connections in use.', [`database="orders-${n % 7}"`]);
  }

  #addRuntime(copy: number): void {
    const [name, type, help] = RUNTIME[copy % RUNTIME.length]!;
    this.#add(`${this.#isClient ? 'conn' : 'pool'}${copy}_${name}`, type, help, ['']);
  }

  #addService(service: number): void {
    const side = this.#isClient ? 'client' : 'server';
    const name = `http_${side}_${SERVICES[service % SERVICES.length]}_${service}`;
    const labels = METHODS.flatMap((method) =>
      ROUTES.map((route) => `method="${method}",route="${route}"`),
    ).slice(0, this.#sizeBytes > LARGE_BYTES ? MANY_SERIES : FEW_SERIES);
    const ofStatus = labels.map((pairs) => `${pairs},status="200"`);
    this.#add(`${name}_requests_total`, 'counter', 'Requests served.', ofStatus);
    const help = 'Duration of requests in seconds.';
    this.#add(`${name}_duration_seconds`, 'histogram', help, labels);
  }

  #add(name: string, type: Series['type'], help: string, labels: readonly string[]): void {
    const family = this.#isOpenMetrics && type === 'counter' ? name.slice(0, -6) : name;
    const head = `# HELP ${family} ${help}\n# TYPE ${family} ${type}\n`;
    const series = labels.map((pairs) => this.#series(this.#numbers++, name, type, pairs));
    this.families.push({ head, series });
    this.#size += head.length;
    for (const { fronts } of series) {
      for (const front of fronts) this.#size += front.length + VALUE_BYTES;
    }
  }

  get #isOpenMetrics(): boolean {
    return this.#traits.format === 'openmetrics';
  }

  #series(number: number, name: string, type: Series['type'], pairs: string): Series {
    const { shared = 1 } = this.#traits;
    const isShared = scattered(number, 2) % 1_000 < shared * 1_000;
    const own = pairs === '' ? `pool="${OWN}"` : pairs.replace('route="', `route="/${OWN}`);
    return {
      ...{ number, type, isShared },
      fronts: this.#fronts(number, name, type, isShared ? pairs : own),
      further: (route) => this.#further(number, name, type, route),
    };
  }

  #further(number: number, name: string, type: Series['type'], route: number): Series {
    const pairs = `method="GET",route="/further/${number}-${route}"`;
    const fronts = this.#fronts(number, name, type, pairs);
    return { number, type, isShared: true, fronts, further: () => this.#fail() };
  }

  #fail(): never {
    throw new Error('a further series has no further one');
  }

  #fronts(number: number, name: string, type: Series['type'], pairs: string): string[] {
    const front = (sample: string, ...more: string[]): string => {
      const labels = [...more, pairs].filter((text) => text !== '').join(',');
      return sample + this.#braces(number, labels);
    };
    const created = (family: string): string[] =>
      this.#isOpenMetrics && type !== 'gauge' ? [front(`${family}${CREATED}`)] : [];
    if (type !== 'histogram') return [front(name), ...created(name.replace(/_total$/, ''))];
    return [
      ...BOUNDS.map((bound) => front(`${name}_bucket`, `le="${this.#bound(bound)}"`)),
      front(`${name}_sum`, ''),
      front(`${name}_count`, ''),
      ...created(name),
    ];
  }

  /** OpenMetrics prints whole numbers as floats. */
  #bound(bound: string): string {
    return this.#isOpenMetrics && /^\d+$/.test(bound) ? `${bound}.0` : bound;
  }

  /** The label set, with the labels of an exporter's target around. */
  #braces(number: number, labels: string): string {
    const { ownLabels = 'none' } = this.#traits;
    if (ownLabels === 'none') return labels === '' ? '' : `{${labels}}`;
    const [first, last] = OWN_LABELS[ownLabels];
    const before = `${first}="${TARGETS[number % TARGETS.length]}"`;
    const behind = `${last}="${JOBS[number % JOBS.length]}"`;
    return `{${[before, labels, behind].filter((text) => text !== '').join(',')}}`;
  }
}
