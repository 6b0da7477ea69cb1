/** A native histogram as a message of remote read. */
import type { Histogram } from '../../promql/evaluate/histogram.ts';
import { CUSTOM_SCHEMA } from '../../promql/evaluate/histogram.ts';
import { checkSchema } from '../chunk/bucket-layout.ts';
import { finishHistogram } from '../chunk/finish-histogram.ts';
import { MessageError, type MessageReader } from './message-reader.ts';

const HINTS: readonly Histogram['hint'][] = ['unknown', 'reset', 'not_reset', 'gauge'];
const STALE_HIGH = 0x7ff0_0000;
const STALE_LOW = 2;
const MAX_BUCKETS = 65_536;
/** A longer one is refused: one is read without a pause. */
const MAX_BYTES = 2 ** 20;

interface BucketSpan {
  readonly offset: number;
  readonly length: number;
}

/** Buckets of one sign: differences if they are integers, counts if they are not. */
interface SignedBuckets {
  readonly spans: BucketSpan[];
  readonly deltas: number[];
  readonly counts: number[];
}

/** @returns no histogram for the marker that the series has ended */
export function readHistogram(reader: MessageReader): {
  timeMs: number;
  histogram: Histogram | undefined;
} {
  const outer = reader.enter();
  const { bytes } = reader;
  if (reader.end - reader.at > MAX_BYTES)
    throw new MessageError(`a histogram has more than ${MAX_BYTES} bytes`);
  const found = { schema: 0, zeroThreshold: 0, count: 0, zeroCount: 0, sum: 0 };
  const negative: SignedBuckets = { spans: [], deltas: [], counts: [] };
  const positive: SignedBuckets = { spans: [], deltas: [], counts: [] };
  const customValues: number[] = [];
  let hint: Histogram['hint'] = 'unknown';
  let timeMs = 0;
  let isStale = false;
  while (reader.next()) {
    const { field } = reader;
    if (field === 1) found.count = reader.varint();
    else if (field === 2) found.count = bytes.readDoubleLE(reader.fixed64());
    else if (field === 3) {
      const at = reader.fixed64();
      found.sum = bytes.readDoubleLE(at);
      isStale = bytes.readInt32LE(at + 4) === STALE_HIGH && bytes.readInt32LE(at) === STALE_LOW;
    } else if (field === 4) found.schema = zigzag(reader.varint());
    else if (field === 5) found.zeroThreshold = bytes.readDoubleLE(reader.fixed64());
    else if (field === 6) found.zeroCount = reader.varint();
    else if (field === 7) found.zeroCount = bytes.readDoubleLE(reader.fixed64());
    else if (field >= 8 && field <= 10) readBuckets(reader, field - 8, negative);
    else if (field >= 11 && field <= 13) readBuckets(reader, field - 11, positive);
    else if (field === 14) hint = HINTS[reader.varint()] ?? 'unknown';
    else if (field === 15) timeMs = reader.signed();
    else if (field === 16) readDoubles(reader, customValues);
    else reader.skip();
  }
  reader.leave(outer);
  if (isStale) return { timeMs, histogram: undefined };
  checkSchema(found.schema);
  const histogram = finishHistogram({
    ...{ ...found, hint },
    customValues: found.schema === CUSTOM_SCHEMA ? customValues : [],
    positive: bucketsOf(positive),
    negative: bucketsOf(negative),
  });
  return { timeMs, histogram };
}

function zigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** @param part - 0 spans, 1 differences, 2 counts */
function readBuckets(reader: MessageReader, part: number, into: SignedBuckets): void {
  if (part === 0) into.spans.push(readSpan(reader));
  else if (part === 2) readDoubles(reader, into.counts);
  else if (!reader.isPacked) into.deltas.push(zigzag(reader.varint()));
  else {
    const outer = reader.enter();
    while (reader.at < reader.end) into.deltas.push(zigzag(reader.uint()));
    reader.leave(outer);
  }
}

function readSpan(reader: MessageReader): BucketSpan {
  const outer = reader.enter();
  let offset = 0;
  let length = 0;
  while (reader.next()) {
    if (reader.field === 1) offset = zigzag(reader.varint());
    else if (reader.field === 2) length = reader.varint();
    else reader.skip();
  }
  reader.leave(outer);
  return { offset, length };
}

function readDoubles(reader: MessageReader, into: number[]): void {
  const { bytes } = reader;
  if (!reader.isPacked) {
    into.push(bytes.readDoubleLE(reader.fixed64()));
    return;
  }
  const from = reader.skipBytes();
  if ((reader.at - from) % 8 !== 0) throw new MessageError('a list of numbers is truncated');
  for (let at = from; at < reader.at; at += 8) into.push(bytes.readDoubleLE(at));
}

function bucketsOf({ spans, deltas, counts }: SignedBuckets): Histogram['positive'] {
  const total = spans.reduce((sum, { length }) => sum + length, 0);
  const isInteger = deltas.length > 0;
  if (total > MAX_BUCKETS || total !== (isInteger ? deltas.length : counts.length)) {
    throw new MessageError('a histogram has other buckets than its spans say');
  }
  const indices: number[] = [];
  let next = 0;
  for (const { offset, length } of spans) {
    next += offset;
    for (let at = 0; at < length; at++) indices.push(next++);
  }
  if (!isInteger) return { indices, counts };
  let count = 0;
  return { indices, counts: deltas.map((delta) => (count += delta)) };
}
