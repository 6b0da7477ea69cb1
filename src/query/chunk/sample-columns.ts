/**
 * The samples of one series while its chunks are decoded; the arrays serve one series after another.
 */
import type { Histogram } from '../../promql/evaluate/histogram.ts';
import { wordsOf } from '../../promql/evaluate/stale.ts';
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';
import { HIGH } from './bit-reader.ts';

const FIRST_SAMPLES = 1_024;
/** Numbers that share an array. */
const MAX_SLAB = 65_536;
/** Arrays for more samples are not kept for the next series. */
const KEPT_SAMPLES = 65_536;
const STALE_HIGH = 0x7ff0_0000;
const STALE_LOW = 2;

/** There are more samples than the reader may take. */
export class SampleBoundError extends Error {
  override readonly name = 'SampleBoundError';
}

/** The samples of a series, without its labels. */
export type Samples = Omit<SeriesBlock, 'labels'>;

export class SampleColumns {
  timesMs = new Float64Array(FIRST_SAMPLES);
  #values = new Float64Array(FIRST_SAMPLES);
  /** The values as words, two for each. */
  words = new Int32Array(this.#values.buffer);
  length = 0;
  /** Where the numbers of series are kept, and how many of its places are taken. */
  #slab = new Float64Array(0);
  #slabUsed = 0;
  #histograms: (Histogram | undefined)[] | undefined;
  #startTimesMs: Float64Array | undefined;
  /** How many samples may still come; a bucket of a histogram counts as one. */
  left = Number.POSITIVE_INFINITY;

  /**
   * Makes room for so many further samples.
   *
   * @throws {SampleBoundError} if they may not come
   */
  reserve(count: number): void {
    this.#count(count);
    this.#grow(count);
  }

  /** Tells that so many of the samples that room was made for do not come. */
  unreserve(count: number): void {
    this.left += count;
  }

  #grow(count: number): void {
    const needed = this.length + count;
    if (needed <= this.timesMs.length) return;
    const capacity = Math.max(needed, 2 * this.timesMs.length);
    const timesMs = new Float64Array(capacity);
    timesMs.set(this.timesMs.subarray(0, this.length));
    this.timesMs = timesMs;
    const words = this.words.subarray(0, 2 * this.length);
    this.#values = new Float64Array(capacity);
    this.words = new Int32Array(this.#values.buffer);
    this.words.set(words);
    if (this.#startTimesMs) {
      const startTimesMs = new Float64Array(capacity);
      startTimesMs.set(this.#startTimesMs.subarray(0, this.length));
      this.#startTimesMs = startTimesMs;
    }
  }

  /** Appends a number by its words. `reserve` was called before. */
  push(timeMs: number, high: number, low: number): void {
    const at = this.length++;
    this.timesMs[at] = timeMs;
    this.words[2 * at + HIGH] = high;
    this.words[2 * at + 1 - HIGH] = low;
  }

  /** Appends a number of which the bits do not matter. `reserve` was called before. */
  pushNumber(timeMs: number, value: number): void {
    const at = this.length++;
    this.timesMs[at] = timeMs;
    this.#values[at] = value;
  }

  /** Appends the marker that the series has ended. `reserve` was called before. */
  pushMarker(timeMs: number): void {
    this.push(timeMs, STALE_HIGH, STALE_LOW);
  }

  /** Appends a histogram; undefined: the marker that the series has ended. */
  pushHistogram(timeMs: number, histogram: Histogram | undefined): void {
    if (histogram === undefined) {
      this.pushMarker(timeMs);
      return;
    }
    const { positive, negative } = histogram;
    this.#count(positive.counts.length + negative.counts.length);
    this.#histograms ??= [];
    this.#histograms[this.length] = histogram;
    this.push(timeMs, 0, 0);
  }

  /** Appends the samples of a block, so that others of the same series can follow. */
  append({ timesMs, values, histograms, startTimesMs }: Samples): void {
    this.left = Number.POSITIVE_INFINITY; // they were counted when they came
    this.#grow(timesMs.length);
    const { length } = this;
    this.timesMs.set(timesMs, length);
    this.words.set(wordsOf(values), 2 * length);
    this.length += timesMs.length;
    if (histograms) {
      this.#histograms ??= [];
      for (let at = 0; at < histograms.length; at++) this.#histograms[length + at] = histograms[at];
    }
    if (startTimesMs === undefined) return;
    this.#startTimesMs ??= new Float64Array(this.timesMs.length);
    this.#startTimesMs.set(startTimesMs, length);
  }

  /** Tells when the counter of the sample pushed last began to count. */
  setStart(startMs: number): void {
    if (startMs === 0 && this.#startTimesMs === undefined) return;
    this.#startTimesMs ??= new Float64Array(this.timesMs.length);
    this.#startTimesMs[this.length - 1] = startMs;
  }

  /** Drops the samples from `from` on that are outside of a range; both ends belong to it. */
  keepWithin(from: number, startMs: number, endMs: number): void {
    const { timesMs } = this;
    let isInside = true;
    for (let at = from; at < this.length && isInside; at++) {
      isInside = timesMs[at]! >= startMs && timesMs[at]! <= endMs;
    }
    if (isInside) return;
    let kept = from;
    for (let at = from; at < this.length; at++) {
      if (timesMs[at]! >= startMs && timesMs[at]! <= endMs) this.#copy(at, kept++);
    }
    this.#startTimesMs?.fill(0, kept, this.length);
    if (this.#histograms && this.#histograms.length > kept) this.#histograms.length = kept;
    this.length = kept;
  }

  /** Takes the samples, in the order of their times, and begins anew. */
  take(): Samples {
    if (!this.#isOrdered()) this.#order();
    const { length } = this;
    const samples: Samples = {
      timesMs: this.#keep(this.timesMs, length),
      values: this.#keep(this.#values, length),
      ...(this.#histograms && { histograms: padded(this.#histograms, length) }),
      ...(this.#startTimesMs && { startTimesMs: this.#startTimesMs.slice(0, length) }),
    };
    this.clear();
    return samples;
  }

  clear(): void {
    this.length = 0;
    this.#histograms = undefined;
    this.#startTimesMs = undefined;
    if (this.timesMs.length <= KEPT_SAMPLES) return;
    this.timesMs = new Float64Array(FIRST_SAMPLES);
    this.#values = new Float64Array(FIRST_SAMPLES);
    this.words = new Int32Array(this.#values.buffer);
  }

  /** Copies numbers with their bits; those of many series share one array, which is faster to make. */
  #keep(numbers: Float64Array, length: number): Float64Array {
    if (length > MAX_SLAB / 4) return numbers.slice(0, length);
    if (this.#slabUsed + length > this.#slab.length) {
      const size = Math.min(MAX_SLAB, Math.max(length, 2 * this.#slab.length));
      this.#slab = new Float64Array(size);
      this.#slabUsed = 0;
    }
    const from = this.#slabUsed;
    this.#slabUsed += length;
    this.#slab.set(numbers.subarray(0, length), from);
    return this.#slab.subarray(from, this.#slabUsed);
  }

  #count(samples: number): void {
    this.left -= samples;
    if (this.left < 0) throw new SampleBoundError('there are more samples than may be read');
  }

  /** Whether each time is later than the one before. */
  #isOrdered(): boolean {
    const { timesMs, length } = this;
    for (let at = 1; at < length; at++) if (!(timesMs[at]! > timesMs[at - 1]!)) return false;
    return true;
  }

  /**
   * Orders samples of chunks that overlap. Of samples at one time the first one stays. A histogram
   * that does not follow the one that it followed in its chunk no longer tells whether it continues.
   */
  #order(): void {
    const { timesMs, words, length } = this;
    const order = Uint32Array.from({ length }, (_, at) => at);
    order.sort((a, b) => timesMs[a]! - timesMs[b]! || a - b);
    const before = { timesMs: timesMs.slice(0, length), words: words.slice(0, 2 * length) };
    const histograms = this.#histograms;
    const startTimesMs = this.#startTimesMs?.slice(0, length);
    const ordered: (Histogram | undefined)[] = [];
    let kept = 0;
    let last = -1;
    for (const at of order) {
      if (kept > 0 && before.timesMs[at] === timesMs[kept - 1]) continue;
      timesMs[kept] = before.timesMs[at]!;
      words[2 * kept] = before.words[2 * at]!;
      words[2 * kept + 1] = before.words[2 * at + 1]!;
      if (startTimesMs) this.#startTimesMs![kept] = startTimesMs[at]!; // a copy of it
      const histogram = histograms?.[at];
      if (histogram !== undefined) {
        const isChained = histogram.hint !== 'not_reset' || at === last + 1;
        ordered[kept] = isChained ? histogram : { ...histogram, hint: 'unknown' };
      }
      last = at;
      kept++;
    }
    if (histograms) this.#histograms = ordered;
    this.length = kept;
  }

  #copy(from: number, to: number): void {
    if (from === to) return;
    this.timesMs[to] = this.timesMs[from]!;
    this.words[2 * to] = this.words[2 * from]!;
    this.words[2 * to + 1] = this.words[2 * from + 1]!;
    if (this.#startTimesMs) this.#startTimesMs[to] = this.#startTimesMs[from]!;
    if (this.#histograms === undefined) return;
    const histogram = this.#histograms[from];
    if (histogram !== undefined || to < this.#histograms.length) this.#histograms[to] = histogram;
  }
}

function padded(histograms: (Histogram | undefined)[], length: number): (Histogram | undefined)[] {
  return Array.from({ length }, (_, at) => histograms[at]);
}
