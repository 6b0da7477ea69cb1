/**
 * The registry of promgate's own metrics: each system adds metrics, and `/metrics` prints them.
 *
 * Names that begin with `promfetch_` are Promfetcher's, so that its dashboards and alerts keep
 * working.
 */
import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type Metric,
  Registry,
} from 'prom-client';

/**
 * The content type of `print`. promgate does not offer OpenMetrics here: to write it, prom-client
 * renames its counters for good, also in later text pages.
 */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

type CountedType = 'counter' | 'gauge' | 'histogram' | 'summary';

export interface CountedSample {
  /** What follows the metric's name, such as `_bucket`. */
  readonly suffix?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export class MetricRegistry {
  readonly #registry = new Registry();
  readonly #registers = [this.#registry];

  /** @param labels - of every series, unless its metric has a label of the same name */
  constructor(labels: Readonly<Record<string, string>> = {}) {
    this.#registry.setDefaultLabels(labels);
  }

  counter<L extends string = never>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
  ): Counter<L> {
    return new Counter({ name, help, labelNames, registers: this.#registers });
  }

  /** @param buckets - upper bounds, in the unit that the name ends with */
  histogram<L extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames: readonly L[] = [],
  ): Histogram<L> {
    const registers = this.#registers;
    return new Histogram({ name, help, labelNames, buckets: [...buckets], registers });
  }

  /** A gauge that the caller sets when the value changes. */
  gauge<L extends string = never>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
  ): Gauge<L> {
    return new Gauge({ name, help, labelNames, registers: this.#registers });
  }

  /**
   * A gauge whose value is read for every print.
   *
   * @param read - returns undefined for no sample
   */
  level(name: string, help: string, read: () => number | undefined): void {
    new Gauge({
      ...{ name, help, registers: this.#registers },
      collect() {
        const value = read();
        if (value === undefined) this.remove();
        else this.set(value);
      },
    });
  }

  /** Like `level`, with one sample for each value of a label. */
  levels<L extends string>(
    name: string,
    help: string,
    label: L,
    read: () => Iterable<readonly [value: string, level: number]>,
  ): void {
    new Gauge({
      ...{ name, help, labelNames: [label], registers: this.#registers },
      collect() {
        this.reset();
        for (const [value, level] of read()) this.labels(value).set(level);
      },
    });
  }

  /**
   * A metric whose samples are counted elsewhere and read for every print, for code that runs so often
   * that prom-client's own counting would be a good part of it.
   */
  counted(
    name: string,
    help: string,
    type: CountedType,
    read: () => readonly CountedSample[],
  ): void {
    const get = async () => ({
      ...{ name, help, type },
      values: read().map(({ suffix = '', ...sample }) => ({
        metricName: name + suffix,
        ...sample,
      })),
    });
    // prom-client's registry calls nothing but `get`, and reads the name.
    this.#registry.registerMetric({ name, get } as unknown as Metric);
  }

  /** Adds prom-client's default metrics of the process and Node. */
  addDefaults(): void {
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 20 });
  }

  /** The samples of one metric; none if there is no such metric. */
  async read(name: string): Promise<readonly CountedSample[]> {
    const found = await this.#registry.getSingleMetric(name)?.get();
    return (found?.values ?? []).map(({ labels, value }) => ({
      labels: Object.fromEntries(Object.entries(labels).map(([key, own]) => [key, String(own)])),
      value,
    }));
  }

  /** @returns all metrics as a page in text format 0.0.4 */
  print(): Promise<string> {
    return this.#registry.metrics();
  }
}
