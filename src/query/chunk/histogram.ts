/**
 * Chunks of native histograms, types 2 and 3, and 5 and 6 with start times.
 *
 * All histograms of a chunk have one layout of buckets. Those with integers store changes of changes,
 * those with floating-point numbers XOR.
 */
import type { Histogram } from '../../promql/evaluate/histogram.ts';
import type { BitReader } from './bit-reader.ts';
import { type BucketLayout, readLayout } from './bucket-layout.ts';
import { ChunkError } from './chunk-error.ts';
import { finishHistogram } from './finish-histogram.ts';
import type { SampleColumns } from './sample-columns.ts';
import type { StartTimes } from './start-times.ts';
import { XorValue } from './xor-value.ts';

/** Far more than a chunk has, of all its histograms together: one chunk is decoded without a pause. */
const MAX_BUCKETS = 2 ** 19;

export interface HistogramChunk {
  readonly count: number;
  readonly isGauge: boolean;
  readonly counts: 'integer' | 'float';
  /** Undefined if the type has none. */
  readonly starts: StartTimes | undefined;
}

/** @param reader - stands behind the header */
export function decodeHistograms(
  reader: BitReader,
  { count, isGauge, counts, starts }: HistogramChunk,
  columns: SampleColumns,
): void {
  if (count === 0) return;
  const layout = readLayout(reader);
  reader.check();
  if (count * (layout.positive.length + layout.negative.length) > MAX_BUCKETS)
    throw new ChunkError(`the histograms of a chunk have more than ${MAX_BUCKETS} buckets`);
  const decoder =
    counts === 'integer'
      ? new IntegerHistograms(reader, layout)
      : new FloatHistograms(reader, layout);
  const time = new IntegerValue();
  let timeMs = 0;
  for (let at = 0; at < count; at++) {
    const previousMs = timeMs;
    timeMs = at === 0 ? time.start(reader.varbit()) : time.change(reader.varbit());
    const values = at === 0 ? decoder.first() : decoder.next();
    const startMs = starts?.read(reader, at, timeMs, previousMs) ?? 0;
    reader.check();
    const hint = isGauge ? 'gauge' : at === 0 ? 'unknown' : 'not_reset';
    columns.pushHistogram(timeMs, values && toHistogram(layout, values, hint));
    if (starts) columns.setStart(startMs);
  }
}

/** The numbers of one histogram; its buckets by the order of the layout. */
interface Numbers {
  readonly count: number;
  readonly zeroCount: number;
  readonly sum: number;
  readonly positive: readonly number[];
  readonly negative: readonly number[];
}

function toHistogram(
  { schema, zeroThreshold, customValues, ...indices }: BucketLayout,
  { count, zeroCount, sum, ...counts }: Numbers,
  hint: Histogram['hint'],
): Histogram {
  return finishHistogram({
    ...{ schema, zeroThreshold, customValues, count, zeroCount, sum, hint },
    positive: { indices: indices.positive, counts: counts.positive },
    negative: { indices: indices.negative, counts: counts.negative },
  });
}

/** A number of which the change of the change is stored. */
class IntegerValue {
  value = 0;
  #delta = 0;

  start(value: number): number {
    this.value = value;
    return value;
  }

  change(changeOfDelta: number): number {
    this.#delta += changeOfDelta;
    this.value += this.#delta;
    return this.value;
  }
}

class IntegerHistograms {
  readonly #reader: BitReader;
  readonly #count = new IntegerValue();
  readonly #zeroCount = new IntegerValue();
  readonly #sum = new XorValue();
  readonly #positive: readonly IntegerValue[];
  readonly #negative: readonly IntegerValue[];

  constructor(reader: BitReader, { positive, negative }: BucketLayout) {
    this.#reader = reader;
    this.#positive = positive.map(() => new IntegerValue());
    this.#negative = negative.map(() => new IntegerValue());
  }

  first(): Numbers | undefined {
    const reader = this.#reader;
    this.#count.start(reader.unsignedVarbit());
    this.#zeroCount.start(reader.unsignedVarbit());
    this.#sum.start(reader);
    for (const bucket of this.#positive) bucket.start(this.#bucket());
    for (const bucket of this.#negative) bucket.start(this.#bucket());
    return this.#numbers();
  }

  /** @returns undefined for the stale marker, behind whose sum no buckets follow */
  next(): Numbers | undefined {
    const reader = this.#reader;
    this.#count.change(reader.varbit());
    this.#zeroCount.change(reader.varbit());
    this.#sum.next(reader);
    if (this.#sum.isStale) return undefined;
    for (const bucket of this.#positive) bucket.change(this.#bucket());
    for (const bucket of this.#negative) bucket.change(this.#bucket());
    return this.#numbers();
  }

  #bucket(): number {
    this.#reader.check();
    return this.#reader.varbit();
  }

  #numbers(): Numbers | undefined {
    if (this.#sum.isStale) return undefined;
    return {
      count: this.#count.value,
      zeroCount: this.#zeroCount.value,
      sum: this.#sum.number,
      positive: sums(this.#positive),
      negative: sums(this.#negative),
    };
  }
}

/** Each bucket is stored as its difference from the one before. */
function sums(buckets: readonly IntegerValue[]): number[] {
  let count = 0;
  return buckets.map(({ value }) => {
    count += value;
    return count;
  });
}

class FloatHistograms {
  readonly #reader: BitReader;
  readonly #count = new XorValue();
  readonly #zeroCount = new XorValue();
  readonly #sum = new XorValue();
  readonly #positive: readonly XorValue[];
  readonly #negative: readonly XorValue[];

  constructor(reader: BitReader, { positive, negative }: BucketLayout) {
    this.#reader = reader;
    this.#positive = positive.map(() => new XorValue());
    this.#negative = negative.map(() => new XorValue());
  }

  first(): Numbers | undefined {
    const reader = this.#reader;
    for (const value of [this.#count, this.#zeroCount, this.#sum]) value.start(reader);
    for (const buckets of [this.#positive, this.#negative]) {
      for (const bucket of buckets) {
        reader.check();
        bucket.start(reader);
      }
    }
    return this.#numbers();
  }

  next(): Numbers | undefined {
    const reader = this.#reader;
    for (const value of [this.#count, this.#zeroCount, this.#sum]) value.next(reader);
    if (this.#sum.isStale) return undefined;
    for (const buckets of [this.#positive, this.#negative]) {
      for (const bucket of buckets) {
        reader.check();
        bucket.next(reader);
      }
    }
    return this.#numbers();
  }

  #numbers(): Numbers | undefined {
    if (this.#sum.isStale) return undefined;
    return {
      count: this.#count.number,
      zeroCount: this.#zeroCount.number,
      sum: this.#sum.number,
      positive: this.#positive.map((bucket) => bucket.number),
      negative: this.#negative.map((bucket) => bucket.number),
    };
  }
}
