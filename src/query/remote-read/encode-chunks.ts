/**
 * The samples of a series as chunks of Prometheus: XOR for numbers, float histograms for histograms.
 *
 * @see https://github.com/prometheus/prometheus/blob/main/tsdb/docs/format/chunks.md
 */
import { CUSTOM_SCHEMA, type Histogram } from '../../promql/evaluate/histogram.ts';
import { detectsReset } from '../../promql/evaluate/histogram-arithmetic.ts';
import { wordsOf } from '../../promql/evaluate/stale.ts';
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';
import { BitWriter, wordsOfDouble, XorWriter } from './bit-writer.ts';

export interface Chunk {
  readonly minMs: number;
  readonly maxMs: number;
  /** 1 XOR, 3 float histograms. */
  readonly type: 1 | 3;
  readonly data: Buffer;
}

/** As many samples as Prometheus puts into a chunk. */
const MAX_SAMPLES = 120;
const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const [HIGH, LOW] = LITTLE_ENDIAN ? [1, 0] : [0, 1];

/** Samples that go into one chunk: those of a block from one index to another. */
interface Run {
  readonly from: number;
  readonly to: number;
}

/** The chunks of a series, in the order of their times. */
export function* encodeChunks(block: SeriesBlock): Generator<Chunk, void, void> {
  const { timesMs, histograms } = block;
  let from = 0;
  while (from < timesMs.length) {
    const isHistogram = histograms?.[from] !== undefined;
    const to = isHistogram ? endOfHistograms(block, from) : endOfNumbers(block, from);
    const run = { from, to };
    yield {
      ...{ minMs: timesMs[from]!, maxMs: timesMs[to - 1]! }, // a run has at least one sample
      ...(isHistogram
        ? { type: 3, data: encodeHistograms(block, run) }
        : { type: 1, data: encodeNumbers(block, run) }),
    };
    from = to;
  }
}

function endOfNumbers({ timesMs, histograms }: SeriesBlock, from: number): number {
  let to = from + 1;
  const most = Math.min(timesMs.length, from + MAX_SAMPLES);
  while (to < most && histograms?.[to] === undefined) to++;
  return to;
}

/** One chunk has one layout, either gauges or counters, and no reset behind its first sample. */
function endOfHistograms({ timesMs, histograms = [] }: SeriesBlock, from: number): number {
  let to = from + 1;
  const most = Math.min(timesMs.length, from + MAX_SAMPLES);
  while (to < most) {
    const [last, next] = [histograms[to - 1], histograms[to]];
    if (last === undefined || next === undefined || !continues(last, next)) break;
    to++;
  }
  return to;
}

function continues(last: Histogram, next: Histogram): boolean {
  const isSameLayout =
    last.schema === next.schema &&
    last.zeroThreshold === next.zeroThreshold &&
    String(last.customValues) === String(next.customValues);
  if (!isSameLayout || (last.hint === 'gauge') !== (next.hint === 'gauge')) return false;
  return next.hint === 'gauge' || next.hint === 'not_reset' || !detectsReset(next, last);
}

/** Writes times: the first, the step, then what changes of the step. */
function encodeNumbers({ timesMs, values }: SeriesBlock, { from, to }: Run): Buffer {
  const out = new BitWriter();
  const words = wordsOf(values);
  const xor = new XorWriter(out);
  out.bits(to - from, 16);
  let lastMs = 0;
  let lastDelta = 0;
  for (let at = from; at < to; at++) {
    const timeMs = timesMs[at]!; // a run lies within its block
    const [high, low] = [words[2 * at + HIGH]!, words[2 * at + LOW]!];
    if (at === from) {
      out.varint(timeMs);
      xor.first(high, low);
    } else {
      const delta = timeMs - lastMs;
      if (at === from + 1) out.uvarint(delta);
      else writeChange(delta - lastDelta, out);
      xor.next(high, low);
      lastDelta = delta;
    }
    lastMs = timeMs;
  }
  return out.finish();
}

function writeChange(change: number, out: BitWriter): void {
  if (change === 0) out.bits(0, 1);
  else if (fits(change, 14)) {
    out.bits(0b10, 2);
    out.integer(change, 14);
  } else if (fits(change, 17)) {
    out.bits(0b110, 3);
    out.integer(change, 17);
  } else if (fits(change, 20)) {
    out.bits(0b1110, 4);
    out.integer(change, 20);
  } else {
    out.bits(0b1111, 4);
    out.integer(change, 64);
  }
}

function fits(value: number, bits: number): boolean {
  const half = 2 ** (bits - 1);
  return value > -half && value <= half;
}

const GAUGES = 0b1100_0000;

function encodeHistograms({ timesMs, histograms = [] }: SeriesBlock, { from, to }: Run): Buffer {
  const samples = histograms.slice(from, to).filter((one) => one !== undefined);
  const first = samples[0]!; // the run has only histograms
  const positive = indicesOf(samples.map((one) => one.positive.indices));
  const negative = indicesOf(samples.map((one) => one.negative.indices));
  const out = new BitWriter();
  out.bits(samples.length, 16);
  out.bits(first.hint === 'gauge' ? GAUGES : 0, 8);
  writeLayout(first, positive, negative, out);
  const columns = Array.from(
    { length: 3 + positive.length + negative.length },
    () => new XorWriter(out),
  );
  let lastMs = 0;
  let lastDelta = 0;
  for (const [at, one] of samples.entries()) {
    const timeMs = timesMs[from + at]!; // a run lies within its block
    if (at === 0) out.varbit(timeMs);
    else {
      const delta = timeMs - lastMs;
      out.varbit(delta - lastDelta);
      lastDelta = delta;
    }
    lastMs = timeMs;
    const values = [
      ...[one.count, one.zeroCount, one.sum],
      ...countsAt(one.positive, positive),
      ...countsAt(one.negative, negative),
    ];
    for (const [column, value] of values.entries()) {
      const [high, low] = wordsOfDouble(value);
      if (at === 0) columns[column]?.first(high, low);
      else columns[column]?.next(high, low);
    }
  }
  return out.finish();
}

/** The indices that occur in any of the samples, ascending. */
function indicesOf(lists: readonly (readonly number[])[]): readonly number[] {
  return [...new Set(lists.flat())].sort((a, b) => a - b);
}

function countsAt({ indices, counts }: Histogram['positive'], all: readonly number[]): number[] {
  const known = new Map(indices.map((index, at) => [index, counts[at] ?? 0]));
  return all.map((index) => known.get(index) ?? 0);
}

export interface BucketSpan {
  readonly offset: number;
  readonly length: number;
}

/** Ascending indices as ranges; the offset of each counts from the end of the range before. */
export function spansOf(indices: readonly number[]): readonly BucketSpan[] {
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

/** Bounds up to here are written in thousandths if they are whole thousandths. */
const MAX_SHORT_BOUND = 33_554_430;

function writeLayout(
  { schema, zeroThreshold, customValues }: Histogram,
  positive: readonly number[],
  negative: readonly number[],
  out: BitWriter,
): void {
  const power = Math.log2(zeroThreshold) + 244;
  if (zeroThreshold === 0) out.bits(0, 8);
  else if (Number.isInteger(power) && power >= 1 && power <= 254) out.bits(power, 8);
  else {
    out.bits(255, 8);
    out.double(zeroThreshold);
  }
  out.varbit(schema);
  for (const indices of [positive, negative]) {
    const spans = spansOf(indices);
    out.unsignedVarbit(spans.length);
    for (const { offset, length } of spans) {
      out.unsignedVarbit(length);
      out.varbit(offset);
    }
  }
  if (schema !== CUSTOM_SCHEMA) return;
  out.unsignedVarbit(customValues.length);
  for (const bound of customValues) {
    const short = Math.round(bound * 1000);
    if (short >= 0 && short <= MAX_SHORT_BOUND && short / 1000 === bound) {
      out.unsignedVarbit(short + 1);
    } else {
      out.bits(0, 1);
      out.double(bound);
    }
  }
}
