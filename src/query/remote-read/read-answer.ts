/**
 * Writes the answers to remote read: all samples in one message, or frames of chunks.
 */
import { compress } from 'snappyjs';
import {
  type CounterResetHint,
  CUSTOM_SCHEMA,
  type Histogram,
} from '../../promql/evaluate/histogram.ts';
import { compareTexts } from '../../promql/evaluate/labels.ts';
import { wordsOf } from '../../promql/evaluate/stale.ts';
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';
import { sortInSteps } from '../answers/sort.ts';
import { crc32c } from '../target/crc32c.ts';
import { encodeChunks, spansOf } from './encode-chunks.ts';
import { MessageWriter } from './message-writer.ts';

const STEP_SERIES = 500;
/** A list of messages in the first field. */
const RESULT_FIELD = 1 * 8 + 2;
/** A frame has about as many bytes; a series may have several. */
const FRAME_BYTES = 1_048_576;
/** Snappy looks for what repeats in no longer parts than this. */
const FRAGMENT_BYTES = 65_536;
const HINTS: Readonly<Record<CounterResetHint, number>> = {
  unknown: 0,
  reset: 1,
  not_reset: 2,
  gauge: 3,
};
const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const [HIGH, LOW] = LITTLE_ENDIAN ? [1, 0] : [0, 1];

/** Series in the order that readers rely on, their labels too. Other work may run between two steps. */
export function* sortBlocks(
  series: readonly SeriesBlock[],
): Generator<void, readonly SeriesBlock[], void> {
  const labelled: SeriesBlock[] = [];
  for (const block of series) {
    labelled.push({ ...block, labels: sortLabels(block.labels) });
    if (labelled.length % STEP_SERIES === 0) yield;
  }
  return yield* sortInSteps(labelled, (a, b) => compareLists(a.labels, b.labels));
}

function sortLabels(labels: SeriesBlock['labels']): SeriesBlock['labels'] {
  return labels.filter(([, value]) => value !== '').sort(([a], [b]) => compareTexts(a, b));
}

function compareLists(a: SeriesBlock['labels'], b: SeriesBlock['labels']): number {
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const [nameA, valueA] = a[at]!; // `at` is below both lengths
    const [nameB, valueB] = b[at]!;
    const order = compareTexts(nameA, nameB) || compareTexts(valueA, valueB);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/**
 * The frames of a query's series.
 *
 * @param queryIndex - which query of the request the series answer
 */
export function* chunkFrames(
  series: Iterable<SeriesBlock>,
  queryIndex: number,
): Generator<Buffer, void, void> {
  const chunks = new MessageWriter();
  const chunk = new MessageWriter();
  for (const block of series) {
    const labels = labelFields(block);
    chunks.clear();
    for (const { minMs, maxMs, type, data } of encodeChunks(block)) {
      chunk.clear();
      chunk.integer(1, minMs);
      chunk.integer(2, maxMs);
      chunk.integer(3, type);
      chunk.bytesField(4, data);
      chunks.bytesField(2, chunk.bytes);
      if (chunks.length < FRAME_BYTES) continue;
      yield frame(labels, chunks.bytes, queryIndex);
      chunks.clear();
    }
    if (chunks.length > 0) yield frame(labels, chunks.bytes, queryIndex);
  }
}

function frame(labels: Buffer, chunks: Buffer, queryIndex: number): Buffer {
  const message = new MessageWriter();
  message.bytesField(1, Buffer.concat([labels, chunks]));
  message.integer(2, queryIndex);
  const head = new MessageWriter();
  head.varint(message.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32c(message.bytes));
  return Buffer.concat([head.bytes, sum, message.bytes]);
}

/** The labels of a series, each as a field of it. */
function labelFields({ labels }: SeriesBlock): Buffer {
  const all = new MessageWriter();
  const one = new MessageWriter();
  for (const [name, value] of labels) {
    one.clear();
    one.text(1, name);
    one.text(2, value);
    all.bytesField(1, one.bytes);
  }
  return all.take();
}

/** One series with its samples, as a message. */
function sampledSeries({ labels, timesMs, values, histograms }: SeriesBlock): Buffer {
  const out = new MessageWriter();
  const one = new MessageWriter();
  const words = wordsOf(values);
  for (const [name, value] of labels) {
    one.clear();
    one.text(1, name);
    one.text(2, value);
    out.bytesField(1, one.bytes);
  }
  for (let at = 0; at < timesMs.length; at++) {
    const histogram = histograms?.[at];
    one.clear();
    if (histogram === undefined) {
      one.words(1, words[2 * at + HIGH]!, words[2 * at + LOW]!); // a value has two words
      one.integer(2, timesMs[at]!);
      out.bytesField(2, one.bytes);
    } else {
      writeHistogram(histogram, timesMs[at]!, one);
      out.bytesField(4, one.bytes);
    }
  }
  return out.take();
}

function writeHistogram(histogram: Histogram, timeMs: number, out: MessageWriter): void {
  const { count, sum, schema, zeroThreshold, zeroCount, positive, negative, customValues, hint } =
    histogram;
  out.double(2, count);
  out.double(3, sum);
  out.signed(4, schema);
  out.double(5, zeroThreshold);
  out.double(7, zeroCount);
  writeSpans(8, negative.indices, out);
  out.doubles(10, negative.counts);
  writeSpans(11, positive.indices, out);
  out.doubles(13, positive.counts);
  out.integer(14, HINTS[hint]);
  out.integer(15, timeMs);
  if (schema === CUSTOM_SCHEMA) out.doubles(16, customValues);
}

function writeSpans(field: number, indices: readonly number[], out: MessageWriter): void {
  const one = new MessageWriter();
  for (const { offset, length } of spansOf(indices)) {
    one.clear();
    one.signed(1, offset);
    one.integer(2, length);
    out.bytesField(field, one.bytes);
  }
}

/** The series of one query, as they stand in the message. */
export class SampledResult {
  readonly parts: Buffer[] = [];
  bytes = 0;
  readonly #head = new MessageWriter();

  add(block: SeriesBlock): void {
    const body = sampledSeries(block);
    this.#head.varint(RESULT_FIELD);
    this.#head.varint(body.length);
    const head = this.#head.take();
    this.parts.push(head, body);
    this.bytes += head.length + body.length;
  }
}

/** The message of all results, compressed in parts, between which other work may run. */
export function* sampledMessage(results: readonly SampledResult[]): Generator<Buffer, void, void> {
  const out = new MessageWriter();
  const heads = results.map(({ bytes }) => {
    out.varint(RESULT_FIELD);
    out.varint(bytes);
    return out.take();
  });
  out.varint(results.reduce((sum, { bytes }, at) => sum + bytes + heads[at]!.length, 0));
  yield out.take();
  for (const fragment of fragments(partsOf(results, heads))) yield compressed(fragment);
}

function* partsOf(
  results: readonly SampledResult[],
  heads: readonly Buffer[],
): Generator<Buffer, void, void> {
  for (const [at, { parts }] of results.entries()) {
    yield heads[at]!; // one for each
    yield* parts;
  }
}

function* fragments(parts: Iterable<Buffer>): Generator<Buffer, void, void> {
  let joined: Buffer[] = [];
  let length = 0;
  for (const part of parts) {
    for (let from = 0; from < part.length; ) {
      const piece = part.subarray(from, from + FRAGMENT_BYTES - length);
      joined.push(piece);
      length += piece.length;
      from += piece.length;
      if (length < FRAGMENT_BYTES) continue;
      yield Buffer.concat(joined);
      joined = [];
      length = 0;
    }
  }
  if (length > 0) yield Buffer.concat(joined);
}

/** The compressed bytes of a fragment without the length in front. */
function compressed(fragment: Buffer): Buffer {
  const bytes = compress(fragment);
  let at = 0;
  while ((bytes[at] ?? 0) > 127) at++;
  return bytes.subarray(at + 1);
}
