/**
 * Chunks of samples as Prometheus stores and sends them: each type to its decoder.
 *
 * The types are those of Prometheus 3.14. Bytes are never trusted: a count is bounded by the bits
 * that follow, and no read goes beyond the chunk.
 */
import { BitReader } from './bit-reader.ts';
import { ChunkError } from './chunk-error.ts';
import { decodeHistograms } from './histogram.ts';
import type { SampleColumns } from './sample-columns.ts';
import { StartTimes } from './start-times.ts';
import { decodeXor } from './xor.ts';
import { decodeXor2 } from './xor2.ts';

const reader = new BitReader();
const starts = new StartTimes();
/** The two bits of a chunk of gauges. */
const GAUGE = 3;
/** Far more than a chunk has: one is decoded without a pause. */
const MAX_CHUNK_BYTES = 2 ** 19;

/** A chunk within a message. */
export interface ChunkPlace {
  readonly type: number;
  /** Of its bytes; `to` is behind the last one. */
  readonly from: number;
  readonly to: number;
}

/** How many samples a chunk says that it has, bounded by its size. */
function countOf(bytes: Uint8Array, { type, from, to }: ChunkPlace): number {
  if (to - from < 2) throw new ChunkError('the chunk has no count');
  if (to - from > MAX_CHUNK_BYTES)
    throw new ChunkError(`the chunk has more than ${MAX_CHUNK_BYTES} bytes`);
  const count = (bytes[from]! << 8) | bytes[from + 1]!;
  const claimed = type === 5 || type === 6 ? count & 0x3fff : count;
  if (claimed > 8 * (to - from)) throw new ChunkError('the chunk claims more samples than bits');
  return claimed;
}

/**
 * Appends the samples of a chunk to those of its series.
 *
 * @throws {ChunkError} if the bytes are no such chunk; some samples may have been appended then
 */
export function decodeChunk(bytes: Uint8Array, place: ChunkPlace, columns: SampleColumns): void {
  const { type, from, to } = place;
  const count = countOf(bytes, place);
  columns.reserve(count);
  reader.open(bytes, from, to);
  const head = reader.bits(16);
  switch (type) {
    case 1:
      decodeXor(reader, count, columns);
      break;
    case 2:
    case 3: {
      const isGauge = reader.bits(8) >> 6 === GAUGE;
      const counts = type === 2 ? 'integer' : 'float';
      decodeHistograms(reader, { count, isGauge, counts, starts: undefined }, columns);
      break;
    }
    case 4:
      decodeXor2(reader, count, columns);
      break;
    case 5:
    case 6: {
      starts.open(reader.bits(8));
      const counts = type === 5 ? 'integer' : 'float';
      decodeHistograms(reader, { count, isGauge: head >> 14 === GAUGE, counts, starts }, columns);
      break;
    }
    default:
      throw new ChunkError(`chunks of type ${type} are not known`);
  }
  reader.shrink();
}
