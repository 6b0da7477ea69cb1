/**
 * Decodes the framed stream format of Snappy, in which clients send bodies to Pushgateway. (Remote
 * write uses blocks without frames.)
 *
 * @see https://github.com/google/snappy/blob/main/framing_format.txt
 * @see https://github.com/google/snappy/blob/main/format_description.txt
 */

const IDENTIFIER = Buffer.from('sNaPpY');
/** Types of chunks. Other types from `SKIPPABLE` on are skipped; below, they are refused. */
const COMPRESSED = 0x00;
const UNCOMPRESSED = 0x01;
const SKIPPABLE = 0x80;
const STREAM_IDENTIFIER = 0xff;

/** Bound of the format on the data of one chunk. */
const MAX_CHUNK_BYTES = 65_536;

/** A stream breaks the format, or its data exceed a bound. */
export class SnappyError extends Error {
  override readonly name = 'SnappyError';
  readonly kind: 'malformed' | 'too-large';

  constructor(kind: 'malformed' | 'too-large', message: string) {
    super(message);
    this.kind = kind;
  }
}

/**
 * Decodes a stream, one chunk per step: the caller may do other work between two steps.
 *
 * @param maxBytes - bound on the decoded bytes
 * @throws {SnappyError}
 */
export function* decodeFrames(stream: Buffer, maxBytes: number): Generator<void, Buffer, void> {
  const parts: Buffer[] = [];
  let length = 0;
  let at = 0;
  while (at < stream.length) {
    if (stream.length - at < 4) throw malformed('the stream ends inside of a chunk header');
    const type = stream[at]!;
    const from = at + 4;
    const to = from + stream.readUIntLE(at + 1, 3);
    if (to > stream.length) throw malformed('the stream ends inside of a chunk');
    if (at === 0 && type !== STREAM_IDENTIFIER) {
      throw malformed('the stream does not begin with its identifier: send the framed format');
    }
    const part = chunkData(type, stream.subarray(from, to));
    if (part !== undefined) {
      length += part.length;
      if (length > maxBytes) throw tooLarge(maxBytes);
      parts.push(part);
    }
    at = to;
    yield;
  }
  return Buffer.concat(parts, length);
}

/** @returns the data of a chunk; undefined for a chunk without data */
function chunkData(type: number, chunk: Buffer): Buffer | undefined {
  if (type === STREAM_IDENTIFIER) {
    if (!chunk.equals(IDENTIFIER)) throw malformed('the identifier of the stream is not sNaPpY');
    return undefined;
  }
  if (type >= SKIPPABLE) return undefined;
  if (type !== COMPRESSED && type !== UNCOMPRESSED)
    throw malformed(`chunk type ${type} is unknown`);
  if (chunk.length < 4) throw malformed('a chunk has no checksum');
  const rest = chunk.subarray(4);
  const data = type === COMPRESSED ? decodeBlock(rest, MAX_CHUNK_BYTES) : rest;
  if (data.length > MAX_CHUNK_BYTES) throw malformed('a chunk has more than 65536 bytes of data');
  if (maskedChecksum(data) !== chunk.readUInt32LE(0)) throw malformed('a checksum is wrong');
  return data;
}

/**
 * Decodes a block.
 *
 * @param maxBytes - bound on the decoded bytes
 * @throws {SnappyError}
 */
export function decodeBlock(block: Buffer, maxBytes: number): Buffer {
  let length = 0;
  let p = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = block[p++];
    if (byte === undefined || shift > 28) throw malformed('a block has no valid length');
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (length > maxBytes) throw malformed(`a block has more than ${maxBytes} bytes of data`);
  const out = Buffer.allocUnsafe(length);
  let end = 0;
  while (p < block.length) {
    const tag = block[p++]!;
    if ((tag & 3) === 0) {
      let size = (tag >>> 2) + 1;
      const extra = size > 60 ? size - 60 : 0;
      if (p + extra > block.length) throw malformed('a block ends inside of a literal');
      if (extra > 0) size = block.readUIntLE(p, extra) + 1;
      p += extra;
      if (p + size > block.length || end + size > length) throw malformed('a literal is too long');
      block.copy(out, end, p, p + size);
      p += size;
      end += size;
      continue;
    }
    const extra = (tag & 3) === 3 ? 4 : tag & 3;
    if (p + extra > block.length) throw malformed('a block ends inside of a copy');
    const short = extra === 1;
    const size = short ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    const offset = short ? ((tag >>> 5) << 8) | block[p]! : block.readUIntLE(p, extra);
    p += extra;
    if (offset === 0 || offset > end || end + size > length)
      throw malformed('a copy is out of bounds');
    for (const to = end + size; end < to; end++) out[end] = out[end - offset]!; // may overlap
  }
  if (end !== length) throw malformed('a block has less data than it says');
  return out;
}

/** The table of CRC-32C (Castagnoli), reflected. */
const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  return crc;
});

/** The checksum of data as chunks have it. */
export function maskedChecksum(data: Buffer): number {
  let crc = -1;
  for (let at = 0; at < data.length; at++) {
    crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ data[at]!) & 0xff]!;
  }
  crc = ~crc;
  return (((crc >>> 15) | (crc << 17)) + 0xa282_ead8) >>> 0;
}

function malformed(what: string): SnappyError {
  return new SnappyError('malformed', what);
}

function tooLarge(maxBytes: number): SnappyError {
  return new SnappyError('too-large', `the decoded stream has more than ${maxBytes} bytes`);
}
