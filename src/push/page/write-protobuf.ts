/**
 * Writes families as messages `io.prometheus.client.MetricFamily`, each behind its length.
 *
 * @see https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
 */
import type { FamilyType } from '../../exposition/grammar.ts';
import type { Label } from '../labels.ts';
import type { LedgerMetric, MetricRun } from '../page-source.ts';
import { PageBytes } from './page-bytes.ts';
import { labelPairs, type OwnLabel, ownLabelOf } from './page-labels.ts';
import type { PageFamily, PageStyle } from './page-plan.ts';
import { kindBits, type PageSample, type SampleKind } from './page-samples.ts';
import { isTime, printBound } from './print-number.ts';
import type { PageWriter } from './write-lines.ts';

const VARINT = 0;
const DOUBLE = 1;
const BYTES = 2;

/** Field numbers, by message. */
const FAMILY = { name: 1, help: 2, type: 3, metric: 4, unit: 5 } as const;
const METRIC = {
  ...{ label: 1, gauge: 2, counter: 3, summary: 4, untyped: 5, histogram: 7 },
} as const;
const LABEL = { name: 1, value: 2 } as const;
const SINGLE = { value: 1 } as const;
const COUNTER_CREATED = 3;
const COMPOUND = { count: 1, sum: 2, row: 3 } as const;
const SUMMARY_CREATED = 4;
const HISTOGRAM = { countAsDouble: 4, created: 15 } as const;
const QUANTILE = { quantile: 1, value: 2 } as const;
const BUCKET = { count: 1, upperBound: 2, countAsDouble: 4 } as const;
const TIMESTAMP = { seconds: 1, nanos: 2 } as const;

/** The number of a type, and the field of a metric that holds its value. */
const TYPES: Readonly<Record<FamilyType, readonly [number: number, field: number]>> = {
  counter: [0, METRIC.counter],
  gauge: [1, METRIC.gauge],
  info: [1, METRIC.gauge],
  stateset: [1, METRIC.gauge],
  summary: [2, METRIC.summary],
  unknown: [3, METRIC.untyped],
  histogram: [4, METRIC.histogram],
  gaugehistogram: [5, METRIC.histogram],
};

export function protobufWriter(style: PageStyle): PageWriter {
  let start = 0;
  let type: FamilyType = 'unknown';
  const metric = new MetricWriter();
  return {
    headOf: ({ name, type, help, unit }) => JSON.stringify([name, type, help, unit]),
    begin: (out, family) => {
      start = out.length;
      type = family.type;
      writeHead(out, family);
    },
    metrics: (out, part, metrics, leftOut) => {
      const own = ownLabelOf(part.samples);
      const kind = part.samples[0]?.kind ?? 'value';
      for (const one of metrics) {
        if (leftOut?.has(one.labels)) continue;
        if (isSingle(part.samples)) metric.writeSingle(out, one, { type, style, own, kind });
        else metric.write(out, one, { type, style, own });
      }
    },
    end: (out) => out.insertLength(start),
    // Types have numbers below 8.
    keyOf: ({ type }, { samples }) => (isSingle(samples) ? 8 + kindBits(samples) : TYPES[type][0]),
    foot: '',
    repeatsHeads: true,
  };
}

function writeHead(out: PageBytes, { name, type, help, unit }: PageFamily): void {
  string(out, FAMILY.name, name);
  if (help !== '') string(out, FAMILY.help, help);
  out.varint((FAMILY.type << 3) | VARINT);
  out.varint(TYPES[type][0]);
  if (unit !== '') string(out, FAMILY.unit, unit);
}

interface MetricStyle {
  readonly type: FamilyType;
  readonly style: PageStyle;
  readonly own: OwnLabel;
}

/** Whether these samples of a histogram are families of their own names. */
function isSingle([first, second]: readonly PageSample[]): boolean {
  return second === undefined && first?.kind !== 'value';
}

/** Messages are written into memory of their own first, since their lengths stand before them. */
class MetricWriter {
  readonly #metric = new PageBytes();
  readonly #value = new PageBytes();
  readonly #row = new PageBytes();

  write(out: PageBytes, one: LedgerMetric, { type, style, own }: MetricStyle): void {
    const field = TYPES[type][1];
    const run = one.current();
    this.#labels(labelPairs(one.labels, style.escaping, own));
    if (run.native && field === METRIC.histogram) bytes(this.#metric, field, run.native);
    else {
      if (field === METRIC.histogram) this.#histogram(run);
      else if (field === METRIC.summary) this.#summary(run);
      else double(this.#value, SINGLE.value, run.values[0] ?? Number.NaN);
      const created = CREATED.get(type);
      if (created !== undefined && isTime(one.createdMs)) this.#created(created, one.createdMs);
      message(this.#metric, field, this.#value);
    }
    message(out, FAMILY.metric, this.#metric);
  }

  /** Writes single samples of a histogram. */
  writeSingle(
    out: PageBytes,
    one: LedgerMetric,
    { type, style, own, kind }: MetricStyle & { readonly kind: SampleKind },
  ): void {
    const { bounds, values } = one.current();
    const labels = labelPairs(one.labels, style.escaping, own);
    const single = (value = Number.NaN, more: readonly Label[] = []): void => {
      this.#labels([...labels, ...more]);
      double(this.#value, SINGLE.value, value);
      message(this.#metric, TYPES[type][1], this.#value);
      message(out, FAMILY.metric, this.#metric);
    };
    if (kind === 'sum' && !Number.isNaN(values[1])) single(values[1]);
    if (kind === 'count') single(values[0]);
    if (kind !== 'buckets') return;
    bounds.forEach((bound, at) => {
      single(values[2 + at], [['le', printBound(bound, 'text')]]);
    });
    single(values[0], [['le', '+Inf']]);
  }

  #labels(labels: readonly Label[]): void {
    for (const [name, value] of labels) {
      string(this.#row, LABEL.name, name);
      string(this.#row, LABEL.value, value);
      message(this.#metric, METRIC.label, this.#row);
    }
  }

  #histogram({ bounds, values }: MetricRun): void {
    const out = this.#value;
    const isWhole = isCount(values[0]) && bounds.every((_, at) => isCount(values[2 + at]));
    if (isWhole) varint(out, COMPOUND.count, values[0] ?? 0);
    else double(out, HISTOGRAM.countAsDouble, values[0] ?? Number.NaN);
    double(out, COMPOUND.sum, values[1] ?? Number.NaN);
    for (let at = 0; at < bounds.length; at++) {
      const value = values[2 + at] ?? Number.NaN;
      if (isWhole) varint(this.#row, BUCKET.count, value);
      double(this.#row, BUCKET.upperBound, bounds[at]!); // `at` is below the length
      if (!isWhole) double(this.#row, BUCKET.countAsDouble, value);
      message(out, COMPOUND.row, this.#row);
    }
  }

  #summary({ bounds, values }: MetricRun): void {
    const out = this.#value;
    varint(out, COMPOUND.count, toCount(values[0]));
    double(out, COMPOUND.sum, values[1] ?? Number.NaN);
    for (let at = 0; at < bounds.length; at++) {
      double(this.#row, QUANTILE.quantile, bounds[at]!); // `at` is below the length
      double(this.#row, QUANTILE.value, values[2 + at] ?? Number.NaN);
      message(out, COMPOUND.row, this.#row);
    }
  }

  #created(field: number, createdMs: number): void {
    const seconds = Math.floor(createdMs / 1_000);
    varint(this.#row, TIMESTAMP.seconds, seconds);
    varint(this.#row, TIMESTAMP.nanos, Math.floor((createdMs - seconds * 1_000) * 1e6));
    message(this.#value, field, this.#row);
  }
}

/** The fields of creation times; other types have none. */
const CREATED: ReadonlyMap<FamilyType, number> = new Map([
  ['counter', COUNTER_CREATED],
  ['summary', SUMMARY_CREATED],
  ['histogram', HISTOGRAM.created],
]);

function isCount(value = Number.NaN): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Counts of summaries are whole numbers in this format. */
function toCount(value = 0): number {
  return Number.isFinite(value) ? Math.min(Math.max(0, Math.round(value)), 2 ** 53) : 0;
}

function varint(out: PageBytes, field: number, value: number): void {
  out.varint((field << 3) | VARINT);
  out.varint(value);
}

function double(out: PageBytes, field: number, value: number): void {
  out.varint((field << 3) | DOUBLE);
  out.double(value);
}

function string(out: PageBytes, field: number, text: string): void {
  out.varint((field << 3) | BYTES);
  out.varint(Buffer.byteLength(text));
  out.text(text);
}

function bytes(out: PageBytes, field: number, value: Uint8Array): void {
  out.varint((field << 3) | BYTES);
  out.varint(value.length);
  out.bytes(value);
}

/** Moves the bytes of `inner` into a field of `out`. */
function message(out: PageBytes, field: number, inner: PageBytes): void {
  bytes(out, field, inner.view);
  inner.clear();
}
