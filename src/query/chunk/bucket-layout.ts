/** The buckets that all histograms of a chunk have: their indices and their bounds. */
import { CUSTOM_SCHEMA } from '../../promql/evaluate/histogram.ts';
import type { BitReader } from './bit-reader.ts';
import { ChunkError } from './chunk-error.ts';

export interface BucketLayout {
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly positive: readonly number[];
  readonly negative: readonly number[];
  readonly customValues: readonly number[];
}

/** The finest schema that the evaluation knows; finer ones are reduced to it. */
export const MAX_SCHEMA = 8;
const MAX_FINE_SCHEMA = 52;
const MIN_SCHEMA = -4;
/** Far more than a histogram has; bounds the memory for the bits of one chunk. */
const MAX_BUCKETS = 65_536;
/** Indices of buckets have 32 bits. */
const MAX_INDEX = 2 ** 31;
const LISTED_THRESHOLD = 255;
const THRESHOLD_BIAS = 243;

/** @throws {ChunkError} if it claims more buckets than bits follow */
export function readLayout(reader: BitReader): BucketLayout {
  const threshold = reader.bits(8);
  const zeroThreshold = thresholdOf(threshold, reader);
  const schema = reader.varbit();
  checkSchema(schema);
  const positive = readIndices(reader);
  const negative = readIndices(reader);
  const customValues = schema === CUSTOM_SCHEMA ? readBounds(reader) : [];
  if (positive.some((index) => schema === CUSTOM_SCHEMA && index > customValues.length)) {
    throw new ChunkError('a histogram has a bucket without bounds');
  }
  return { schema, zeroThreshold, positive, negative, customValues };
}

/** @throws {ChunkError} if the schema is none */
export function checkSchema(schema: number): void {
  if (schema === CUSTOM_SCHEMA) return;
  if (schema < MIN_SCHEMA || schema > MAX_FINE_SCHEMA)
    throw new ChunkError(`a histogram has the schema ${schema}, which is not known`);
}

function thresholdOf(byte: number, reader: BitReader): number {
  if (byte === 0) return 0;
  if (byte === LISTED_THRESHOLD) return reader.double();
  return 0.5 * 2 ** (byte - THRESHOLD_BIAS);
}

function readIndices(reader: BitReader): number[] {
  const spans = reader.unsignedVarbit();
  claim(reader, spans);
  const indices: number[] = [];
  let next = 0;
  for (let span = 0; span < spans; span++) {
    const length = reader.unsignedVarbit();
    next += reader.varbit();
    claim(reader, length + indices.length);
    if (Math.abs(next) + length > MAX_INDEX) {
      throw new ChunkError('a bucket of a histogram has an index of more than 32 bits');
    }
    for (let at = 0; at < length; at++) indices.push(next++);
  }
  return indices;
}

function readBounds(reader: BitReader): number[] {
  const count = reader.unsignedVarbit();
  claim(reader, count);
  const bounds: number[] = [];
  for (let at = 0; at < count; at++) {
    const thousandths = reader.unsignedVarbit();
    bounds.push(thousandths === 0 ? reader.double() : (thousandths - 1) / 1000);
    reader.check();
  }
  return bounds;
}

/** Each bucket, span and bound takes at least one bit of what follows. */
function claim(reader: BitReader, count: number): void {
  if (count > Math.min(reader.left, MAX_BUCKETS))
    throw new ChunkError('a histogram claims more buckets than it can have');
}
