/** The messages of remote read: requests are read, answers are written. */
import type { Histogram } from '../../../src/promql/evaluate/histogram.ts';
import { CUSTOM_SCHEMA } from '../../../src/promql/evaluate/histogram.ts';
import type { Matcher, SeriesBlock } from '../../../src/promql/evaluate/storage.ts';
import { spansOf } from './encode-histograms.ts';
import type { EncodedChunk } from './series-chunks.ts';

interface ReadQuery {
  readonly startMs: number;
  readonly endMs: number;
  readonly matchers: readonly Matcher[];
  readonly hints: Readonly<Record<number, bigint | string>>;
}

interface ReadRequest {
  readonly queries: readonly ReadQuery[];
  readonly acceptedTypes: readonly number[];
}

const OPERATORS = ['=', '!=', '=~', '!~'] as const;
const HINTS = ['unknown', 'reset', 'not_reset', 'gauge'];

/** @param message - decompressed */
export function readRequest(message: Buffer): ReadRequest {
  const queries: ReadQuery[] = [];
  const acceptedTypes: number[] = [];
  for (const { field, value, bytes } of fieldsOf(message)) {
    if (field === 1) queries.push(readQuery(bytes));
    else if (bytes.length > 0) acceptedTypes.push(...bytes);
    else acceptedTypes.push(Number(value));
  }
  return { queries, acceptedTypes };
}

function readQuery(message: Buffer): ReadQuery {
  const query = { startMs: 0, endMs: 0, matchers: [] as Matcher[], hints: {} };
  for (const { field, value, bytes } of fieldsOf(message)) {
    if (field === 1) query.startMs = Number(BigInt.asIntN(64, value));
    else if (field === 2) query.endMs = Number(BigInt.asIntN(64, value));
    else if (field === 3) query.matchers.push(readMatcher(bytes));
    else query.hints = Object.fromEntries(fieldsOf(bytes).map((one) => [one.field, hintOf(one)]));
  }
  return query;
}

function hintOf({ value, bytes }: Field): bigint | string {
  return bytes.length > 0 ? bytes.toString() : value;
}

function readMatcher(message: Buffer): Matcher {
  const fields = new Map(fieldsOf(message).map((one) => [one.field, one]));
  return {
    op: OPERATORS[Number(fields.get(1)?.value ?? 0n)]!,
    name: fields.get(2)?.bytes.toString() ?? '',
    value: fields.get(3)?.bytes.toString() ?? '',
  };
}

interface Field {
  readonly field: number;
  readonly value: bigint;
  readonly bytes: Buffer;
}

function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = BigInt(message[at++]!);
      value |= (byte & 127n) << shift;
      if (byte < 128n) return value;
    }
  };
  while (at < message.length) {
    const tag = Number(varint());
    if ((tag & 7) === 0) {
      fields.push({ field: tag >> 3, value: varint(), bytes: Buffer.alloc(0) });
      continue;
    }
    const length = Number(varint());
    fields.push({ field: tag >> 3, value: 0n, bytes: message.subarray(at, at + length) });
    at += length;
  }
  return fields;
}

const VARINT = 0;
const FIXED = 1;
const BYTES = 2;

function uvarint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

export function uvarintOf(value: number): Buffer {
  return uvarint(BigInt(value));
}

function number(field: number, value: number): Buffer {
  if (value === 0) return Buffer.alloc(0);
  return Buffer.concat([uvarintOf(field * 8 + VARINT), uvarint(BigInt(value))]);
}

function signed(field: number, value: number): Buffer {
  return number(field, value < 0 ? -2 * value - 1 : 2 * value);
}

function bytes(field: number, value: Buffer): Buffer {
  return Buffer.concat([uvarintOf(field * 8 + BYTES), uvarintOf(value.length), value]);
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value));
}

/** The bytes of a double as they are, so that a stale marker stays one. */
function double(field: number, eightBytes: Uint8Array): Buffer {
  return Buffer.concat([uvarintOf(field * 8 + FIXED), eightBytes]);
}

function doubles(field: number, values: readonly number[]): Buffer {
  return bytes(field, Buffer.from(Float64Array.from(values).buffer));
}

function bytesAt(values: Float64Array, at: number): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset + 8 * at, 8);
}

function labelsOf({ labels }: SeriesBlock): Buffer[] {
  return labels.map(([name, value]) => bytes(1, Buffer.concat([text(1, name), text(2, value)])));
}

function histogramOf(histogram: Histogram, timeMs: number): Buffer {
  const { positive, negative, customValues } = histogram;
  const spans = (field: number, indices: readonly number[]): Buffer[] =>
    spansOf(indices).map(({ offset, length }) =>
      bytes(field, Buffer.concat([signed(1, offset), number(2, length)])),
    );
  const isInteger = [
    ...[histogram.count, histogram.zeroCount],
    ...[...positive.counts, ...negative.counts],
  ].every((count) => Number.isSafeInteger(count) && count >= 0);
  if (isInteger) return integerHistogramOf(histogram, timeMs);
  return Buffer.concat([
    double(2, bytesAt(Float64Array.of(histogram.count), 0)),
    double(3, bytesAt(Float64Array.of(histogram.sum), 0)),
    signed(4, histogram.schema),
    double(5, bytesAt(Float64Array.of(histogram.zeroThreshold), 0)),
    double(7, bytesAt(Float64Array.of(histogram.zeroCount), 0)),
    ...spans(8, negative.indices),
    doubles(10, negative.counts),
    ...spans(11, positive.indices),
    doubles(13, positive.counts),
    number(14, HINTS.indexOf(histogram.hint)),
    number(15, timeMs),
    ...(histogram.schema === CUSTOM_SCHEMA ? [doubles(16, customValues)] : []),
  ]);
}

function integerHistogramOf(histogram: Histogram, timeMs: number): Buffer {
  const { positive, negative, customValues } = histogram;
  const spans = (field: number, indices: readonly number[]): Buffer[] =>
    spansOf(indices).map(({ offset, length }) =>
      bytes(field, Buffer.concat([signed(1, offset), number(2, length)])),
    );
  const deltas = (field: number, counts: readonly number[]): Buffer =>
    bytes(
      field,
      Buffer.concat(
        counts.map((count, at) => {
          const delta = count - (counts[at - 1] ?? 0);
          return uvarintOf(delta < 0 ? -2 * delta - 1 : 2 * delta);
        }),
      ),
    );
  return Buffer.concat([
    number(1, histogram.count),
    double(3, bytesAt(Float64Array.of(histogram.sum), 0)),
    signed(4, histogram.schema),
    double(5, bytesAt(Float64Array.of(histogram.zeroThreshold), 0)),
    number(6, histogram.zeroCount),
    ...spans(8, negative.indices),
    deltas(9, negative.counts),
    ...spans(11, positive.indices),
    deltas(12, positive.counts),
    number(14, HINTS.indexOf(histogram.hint)),
    number(15, timeMs),
    ...(histogram.schema === CUSTOM_SCHEMA ? [doubles(16, customValues)] : []),
  ]);
}

function samplesOf(block: SeriesBlock): Buffer[] {
  return Array.from(block.timesMs, (timeMs, at) => {
    const histogram = block.histograms?.[at];
    if (histogram !== undefined) return bytes(4, histogramOf(histogram, timeMs));
    return bytes(2, Buffer.concat([double(1, bytesAt(block.values, at)), number(2, timeMs)]));
  });
}

/** `WriteRequest` of remote write, whose series have the same form. */
export function writeRequest(series: readonly SeriesBlock[]): Buffer {
  return Buffer.concat(
    series.map((block) => bytes(1, Buffer.concat([...labelsOf(block), ...samplesOf(block)]))),
  );
}

/** `ReadResponse`: for each query its series. */
export function sampledAnswer(results: readonly (readonly SeriesBlock[])[]): Buffer {
  return Buffer.concat(results.map((series) => bytes(1, writeRequest(series))));
}

/** `ChunkedReadResponse`: one series of one query. */
export function chunkedMessage(
  block: SeriesBlock,
  chunks: readonly EncodedChunk[],
  query: number,
): Buffer {
  const parts = chunks.map(({ minMs, maxMs, type, data }) =>
    bytes(2, Buffer.concat([number(1, minMs), number(2, maxMs), number(3, type), bytes(4, data)])),
  );
  return Buffer.concat([bytes(1, Buffer.concat([...labelsOf(block), ...parts])), number(2, query)]);
}
