/**
 * Native histograms as Prometheus' API writes them: count, sum, and each populated bucket with its bounds.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/#native-histograms
 */
import { type BucketRange, bucketRanges, type Histogram, isCustom } from '../evaluate/histogram.ts';
import type { ChunkWriter } from './chunk-writer.ts';
import { MAX_NUMBER_BYTES, writeNumber } from './number.ts';

/** A bucket that excludes its lower bound. */
const OPEN_LEFT = 0;
/** A bucket that excludes its upper bound. */
const OPEN_RIGHT = 1;
/** A bucket that holds both of its bounds. */
const CLOSED = 3;
const MAX_BUCKET_BYTES = 3 * (MAX_NUMBER_BYTES + 3) + 5;

/** Writes a histogram. Gives the chunks that are full. */
export function* writeHistogram(histogram: Histogram, out: ChunkWriter): Generator<Buffer> {
  yield* out.plain('{"count":');
  yield* quotedNumber(histogram.count, out);
  yield* out.plain(',"sum":');
  yield* quotedNumber(histogram.sum, out);
  let before = ',"buckets":[';
  for (const range of bucketRanges(histogram)) {
    if (range.count === 0) continue;
    if (!out.hasRoom(before.length + MAX_BUCKET_BYTES)) yield out.take();
    out.at += out.bytes.write(`${before}[${ruleOf(range, histogram)}`, out.at, 'latin1');
    writeQuoted(range.lower, out);
    writeQuoted(range.upper, out);
    writeQuoted(range.count, out);
    out.bytes[out.at++] = 93; // ]
    before = ',';
  }
  yield* out.plain(before === ',' ? ']}' : '}');
}

/** Which bounds belong to a bucket. */
function ruleOf({ lower, upper }: BucketRange, histogram: Histogram): number {
  if (isCustom(histogram)) return lower === -Infinity ? CLOSED : OPEN_LEFT;
  if (lower < 0) return upper > 0 ? CLOSED : OPEN_RIGHT;
  return upper > 0 ? OPEN_LEFT : CLOSED;
}

function* quotedNumber(value: number, out: ChunkWriter): Generator<Buffer> {
  if (!out.hasRoom(MAX_NUMBER_BYTES + 2)) yield out.take();
  out.bytes[out.at++] = 34;
  out.at = writeNumber(out.bytes, out.at, value);
  out.bytes[out.at++] = 34;
}

function writeQuoted(value: number, out: ChunkWriter): void {
  out.bytes[out.at++] = 44; // ,
  out.bytes[out.at++] = 34; // "
  out.at = writeNumber(out.bytes, out.at, value);
  out.bytes[out.at++] = 34;
}
