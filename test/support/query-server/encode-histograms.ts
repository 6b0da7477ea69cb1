/** Chunks of native histograms: with integers or floating-point counts, with or without start times. */
import type { Buckets, Histogram } from '../../../src/promql/evaluate/histogram.ts';
import { CUSTOM_SCHEMA } from '../../../src/promql/evaluate/histogram.ts';
import { BitWriter, wordsOfNumber, XOR_CODES, XorColumn } from './bit-writer.ts';
import { STALE_HIGH, STALE_LOW, StartTimes } from './encode-floats.ts';

/** A histogram as a chunk keeps it; without one the sample is a stale marker. */
export interface HistogramSample {
  readonly timeMs: number;
  readonly histogram: Histogram | undefined;
  readonly startMs?: number;
}

/** Ranges of indices that follow each other. */
interface BucketSpan {
  readonly offset: number;
  readonly length: number;
}

export interface HistogramChunkOptions {
  readonly counts: 'integer' | 'float';
  readonly withStartTimes: boolean;
  /** The two bits that say whether the chunk begins with a reset, or holds gauges: 3. */
  readonly resetBits: number;
}

/** Whether one chunk can hold both: a chunk has one layout. */
export function haveOneLayout(a: Histogram, b: Histogram): boolean {
  const layout = ({ schema, zeroThreshold, customValues, positive, negative }: Histogram): string =>
    JSON.stringify([schema, zeroThreshold, customValues, positive.indices, negative.indices]);
  return layout(a) === layout(b);
}

/** All samples must have the layout of the first one; after a stale marker only others may follow. */
export function encodeHistograms(
  samples: readonly HistogramSample[],
  { counts, withStartTimes, resetBits }: HistogramChunkOptions,
): Buffer {
  const out = new BitWriter();
  const starts = new StartTimes(samples.map(({ startMs = 0 }) => startMs));
  if (withStartTimes) {
    out.bits(resetBits, 2);
    out.bits(samples.length, 14);
    out.bits(starts.header, 8);
  } else {
    out.bits(samples.length, 16);
    out.bits(resetBits << 6, 8);
  }
  writeLayout(out, samples[0]?.histogram);
  const columns = counts === 'integer' ? new IntegerColumns(out) : new FloatColumns(out);
  samples.forEach((sample, at) => {
    columns.write(sample, at);
    if (withStartTimes) starts.write(out, at, sample.timeMs, samples[at - 1]?.timeMs ?? 0);
  });
  return out.finish();
}

function writeLayout(out: BitWriter, histogram: Histogram | undefined): void {
  const { zeroThreshold = 0, schema = 0, customValues = [] } = histogram ?? {};
  const power = Math.log2(zeroThreshold) + 244;
  if (zeroThreshold === 0) out.bits(0, 8);
  else if (Number.isInteger(power) && power >= 1 && power <= 254) out.bits(power, 8);
  else {
    out.bits(255, 8);
    out.words(...wordsOfNumber(zeroThreshold), 64);
  }
  out.varbit(BigInt(schema));
  for (const buckets of [histogram?.positive, histogram?.negative]) {
    const spans = spansOf(buckets?.indices ?? []);
    out.unsignedVarbit(BigInt(spans.length));
    for (const { offset, length } of spans) {
      out.unsignedVarbit(BigInt(length));
      out.varbit(BigInt(offset));
    }
  }
  if (schema !== CUSTOM_SCHEMA) return;
  out.unsignedVarbit(BigInt(customValues.length));
  for (const bound of customValues) {
    const thousandths = Math.round(bound * 1000);
    const isShort = thousandths >= 0 && thousandths <= 33_554_430 && thousandths / 1000 === bound;
    out.unsignedVarbit(isShort ? BigInt(thousandths + 1) : 0n);
    if (!isShort) out.words(...wordsOfNumber(bound), 64);
  }
}

export function spansOf(indices: readonly number[]): BucketSpan[] {
  const spans: { offset: number; length: number }[] = [];
  let next = 0;
  for (const index of indices) {
    const last = spans.at(-1);
    if (last !== undefined && index === next) last.length++;
    else spans.push({ offset: index - next, length: 1 });
    next = index + 1;
  }
  return spans;
}

/** The buckets of a histogram as differences, each from the one before. */
function differences({ counts }: Buckets): bigint[] {
  return counts.map((count, at) => BigInt(count - (counts[at - 1] ?? 0)));
}

/** A number of which the change of the change is written. */
class IntegerColumn {
  #value = 0n;
  #delta = 0n;

  start(value: bigint): bigint {
    this.#value = value;
    return value;
  }

  next(value: bigint): bigint {
    const delta = value - this.#value;
    const change = delta - this.#delta;
    this.#value = value;
    this.#delta = delta;
    return change;
  }
}

class IntegerColumns {
  readonly #out: BitWriter;
  readonly #time = new IntegerColumn();
  readonly #count = new IntegerColumn();
  readonly #zeroCount = new IntegerColumn();
  readonly #sum = new XorColumn();
  #buckets: IntegerColumn[] = [];

  constructor(out: BitWriter) {
    this.#out = out;
  }

  write({ timeMs, histogram }: HistogramSample, at: number): void {
    const sum = sumOf(histogram);
    const values = histogram
      ? [...differences(histogram.positive), ...differences(histogram.negative)]
      : [];
    const count = BigInt(histogram?.count ?? 0);
    const zeroCount = BigInt(histogram?.zeroCount ?? 0);
    if (at > 0) {
      this.#out.varbit(this.#time.next(BigInt(timeMs)));
      this.#out.varbit(histogram ? this.#count.next(count) : 0n);
      this.#out.varbit(histogram ? this.#zeroCount.next(zeroCount) : 0n);
      this.#sum.write(this.#out, sum, XOR_CODES);
      values.forEach((value, bucket) => {
        this.#out.varbit(this.#buckets[bucket]!.next(value));
      });
      return;
    }
    this.#out.varbit(this.#time.start(BigInt(timeMs)));
    this.#out.unsignedVarbit(this.#count.start(count));
    this.#out.unsignedVarbit(this.#zeroCount.start(zeroCount));
    this.#out.words(...sum, 64);
    this.#sum.start(...sum);
    this.#buckets = values.map((value) => {
      const column = new IntegerColumn();
      this.#out.varbit(column.start(value));
      return column;
    });
  }
}

class FloatColumns {
  readonly #out: BitWriter;
  readonly #time = new IntegerColumn();
  #columns: XorColumn[] = [];

  constructor(out: BitWriter) {
    this.#out = out;
  }

  write({ timeMs, histogram }: HistogramSample, at: number): void {
    const values = [
      wordsOfNumber(histogram?.count ?? 0),
      wordsOfNumber(histogram?.zeroCount ?? 0),
      sumOf(histogram),
      ...(histogram?.positive.counts ?? []).map(wordsOfNumber),
      ...(histogram?.negative.counts ?? []).map(wordsOfNumber),
    ];
    if (at > 0) {
      this.#out.varbit(this.#time.next(BigInt(timeMs)));
      values.forEach((value, column) => {
        this.#columns[column]!.write(this.#out, value, XOR_CODES);
      });
      return;
    }
    this.#out.varbit(this.#time.start(BigInt(timeMs)));
    this.#columns = values.map((value) => {
      this.#out.words(...value, 64);
      const column = new XorColumn();
      column.start(...value);
      return column;
    });
  }
}

function sumOf(histogram: Histogram | undefined): readonly [number, number] {
  return histogram ? wordsOfNumber(histogram.sum) : [STALE_HIGH, STALE_LOW];
}
