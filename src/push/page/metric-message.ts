/**
 * Reads one `Metric` of Prometheus' protobuf messages.
 *
 * @see https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
 */
import { MAX_NAME_BYTES, MAX_TEXT_BYTES } from '../../exposition/bounds.ts';
import type { FamilyType } from '../../exposition/grammar.ts';
import type { Label } from '../labels.ts';
import { type ProtobufCursor, ProtobufError } from '../read/protobuf.ts';

/** Bounds on what one metric may have: its labels, and its buckets or quantiles, are sorted in one go. */
const MAX_LABELS = 6_144;
const MAX_BOUNDS = 16_384;

/** What a metric says; of a single value `count` is the value. */
export interface MetricMessage {
  readonly labels: Label[];
  /** What the message holds; undefined for nothing. */
  type: FamilyType | undefined;
  count: number;
  hasCount: boolean;
  sum: number;
  hasSum: boolean;
  /** Bounds and values by turns, in the order of the message. */
  readonly bounded: number[];
  hasTimestamp: boolean;
  /** The bytes of a native histogram. */
  native: Buffer | undefined;
}

/** @param cursor - the message `Metric` was entered */
export function readMetric(cursor: ProtobufCursor): MetricMessage {
  const metric: MetricMessage = {
    labels: [],
    type: undefined,
    count: 0,
    hasCount: false,
    sum: 0,
    hasSum: false,
    bounded: [],
    hasTimestamp: false,
    native: undefined,
  };
  while (cursor.next()) {
    switch (cursor.field) {
      case 1:
        metric.labels.push(readLabel(cursor));
        if (metric.labels.length > MAX_LABELS)
          throw new ProtobufError('a metric has too many labels');
        break;
      case 2:
        readValue(cursor, metric, 'gauge');
        break;
      case 3:
        readValue(cursor, metric, 'counter');
        break;
      case 4:
        readSummary(cursor, metric);
        break;
      case 5:
        readValue(cursor, metric, 'unknown');
        break;
      case 6:
        cursor.uint64();
        metric.hasTimestamp = true;
        break;
      case 7:
        readHistogram(cursor, metric);
        break;
      default:
        cursor.skip();
    }
  }
  return metric;
}

function readLabel(cursor: ProtobufCursor): Label {
  let name = '';
  let value = '';
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 1) name = cursor.string(MAX_NAME_BYTES);
    else if (cursor.field === 2) value = cursor.string(MAX_TEXT_BYTES);
    else cursor.skip();
  }
  cursor.leave(outer);
  if (name === '' || name === '__name__' || name.includes('\0')) {
    throw new ProtobufError('a label has no valid name');
  }
  return [name, value];
}

/** A metric holds one message; in a malformed one with several, the last counts. */
function begin(metric: MetricMessage, type: FamilyType): void {
  metric.type = type;
  metric.count = 0;
  metric.hasCount = false;
  metric.sum = 0;
  metric.hasSum = false;
  metric.bounded.length = 0;
  metric.native = undefined;
}

/** Gauge, Counter and Untyped are alike. */
function readValue(cursor: ProtobufCursor, metric: MetricMessage, type: FamilyType): void {
  begin(metric, type);
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 1) metric.count = cursor.double();
    else cursor.skip();
  }
  cursor.leave(outer);
}

function readSummary(cursor: ProtobufCursor, metric: MetricMessage): void {
  begin(metric, 'summary');
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 1) setCount(metric, cursor.uint64());
    else if (cursor.field === 2) setSum(metric, cursor.double());
    else if (cursor.field === 3) readQuantile(cursor, metric);
    else cursor.skip();
  }
  cursor.leave(outer);
}

function readQuantile(cursor: ProtobufCursor, metric: MetricMessage): void {
  let quantile = 0;
  let value = 0;
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 1) quantile = cursor.double();
    else if (cursor.field === 2) value = cursor.double();
    else cursor.skip();
  }
  cursor.leave(outer);
  addBounded(metric, quantile, value);
}

function readHistogram(cursor: ProtobufCursor, metric: MetricMessage): void {
  begin(metric, 'histogram');
  const outer = cursor.enter();
  const from = cursor.at;
  let isNative = false;
  while (cursor.next()) {
    switch (cursor.field) {
      case 1:
        setCount(metric, cursor.uint64());
        break;
      case 2:
        setSum(metric, cursor.double());
        break;
      case 3:
        readBucket(cursor, metric);
        break;
      case 4: // the count of a histogram of floats
        setCount(metric, cursor.double());
        break;
      case 6: // zero threshold
      case 8: // zero count of floats
        isNative = cursor.double() > 0 || isNative;
        break;
      case 7: // zero count
        isNative = cursor.uint64() > 0 || isNative;
        break;
      case 9: // negative span
      case 12: // positive span
        isNative = true;
        cursor.skip();
        break;
      default:
        cursor.skip();
    }
  }
  if (isNative) metric.native = Buffer.from(cursor.bytes.subarray(from, cursor.end));
  cursor.leave(outer);
}

function readBucket(cursor: ProtobufCursor, metric: MetricMessage): void {
  let count = 0;
  let bound = 0;
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 1) count = cursor.uint64();
    else if (cursor.field === 2) bound = cursor.double();
    else if (cursor.field === 4) count = cursor.double();
    else cursor.skip();
  }
  cursor.leave(outer);
  addBounded(metric, bound, count);
}

function addBounded(metric: MetricMessage, bound: number, value: number): void {
  metric.bounded.push(bound, value);
  if (metric.bounded.length > 2 * MAX_BOUNDS) {
    throw new ProtobufError('a metric has too many buckets or quantiles');
  }
}

function setCount(metric: MetricMessage, count: number): void {
  metric.count = count;
  metric.hasCount = true;
}

function setSum(metric: MetricMessage, sum: number): void {
  metric.sum = sum;
  metric.hasSum = true;
}
