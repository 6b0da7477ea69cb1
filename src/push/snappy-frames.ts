/**
 * Decompresses snappy in its framed form, which clients of Pushgateway may send.
 *
 * Remote write uses the form without frames, which is not read here.
 *
 * @see https://github.com/google/snappy/blob/main/framing_format.txt
 * @see https://github.com/google/snappy/blob/main/format_description.txt
 */

const IDENTIFIER = Buffer.from([0xff, 6, 0, 0, ...Buffer.from('sNaPpY')]);
const COMPRESSED = 0;
const UNCOMPRESSED = 1;
/** Chunks of this type and above may be left out; those below, beside the two, must be known. */
const SKIPPABLE = 0x80;
const HEAD_BYTES = 4;
const CHECKSUM_BYTES = 4;
/** Bound on what one chunk holds, by the format. */
const MAX_CHUNK_BYTES = 65_536;

/** Gives the content in parts of at most 64 KiB; a text says what is wrong, and is the last. */
export function* unframeSnappy(bytes: Buffer): Generator<Buffer | string> {
  if (!bytes.subarray(0, IDENTIFIER.length).equals(IDENTIFIER)) {
    yield 'it does not begin with the stream identifier';
    return;
  }
  let at = IDENTIFIER.length;
  while (at < bytes.length) {
    const end = at + HEAD_BYTES > bytes.length ? undefined : at + HEAD_BYTES + sizeAt(bytes, at);
    if (end === undefined || end > bytes.length) {
      yield 'its last chunk is cut off';
      return;
    }
    const type = bytes[at]!; // within the bytes, as checked above
    const content = bytes.subarray(at + HEAD_BYTES, end);
    at = end;
    if (type >= SKIPPABLE) continue;
    const chunk =
      type <= UNCOMPRESSED ? readChunk(type, content) : 'it has a chunk of unknown type';
    yield chunk;
    if (typeof chunk === 'string') return;
  }
}

function sizeAt(bytes: Buffer, at: number): number {
  return bytes.readUIntLE(at + 1, 3);
}

function readChunk(type: number, content: Buffer): Buffer | string {
  if (content.length < CHECKSUM_BYTES) return 'a chunk lacks its checksum';
  const data = content.subarray(CHECKSUM_BYTES);
  const chunk = type === COMPRESSED ? decompress(data) : data;
  if (chunk === undefined || chunk.length > MAX_CHUNK_BYTES) return 'a chunk is damaged';
  return content.readUInt32LE(0) === maskedChecksum(chunk) ? chunk : 'a checksum is wrong';
}

/** @returns undefined for a block that is damaged, or larger than a chunk may be */
function decompress(block: Buffer): Buffer | undefined {
  const length = readVarint(block);
  if (length === undefined || length.value > MAX_CHUNK_BYTES) return undefined;
  const out = Buffer.alloc(length.value);
  let at = length.end;
  let filled = 0;
  while (at < block.length) {
    const tag = block[at]!; // within the block
    const element = (tag & 3) === 0 ? readLiteral(block, at) : readCopy(block, at);
    if (element === undefined || filled + element.length > out.length) return undefined;
    if (element.offset === 0) block.copy(out, filled, element.end - element.length, element.end);
    else if (element.offset > filled) return undefined;
    else repeat(out, filled, element);
    filled += element.length;
    at = element.end;
  }
  return filled === out.length ? out : undefined;
}

interface Element {
  readonly length: number;
  /** How far back the bytes are; 0 for a literal, whose bytes end at `end`. */
  readonly offset: number;
  readonly end: number;
}

function readLiteral(block: Buffer, at: number): Element | undefined {
  const short = block[at]! >> 2; // the caller has read this byte
  const more = short < 60 ? 0 : short - 59;
  if (at + 1 + more > block.length) return undefined;
  const length = 1 + (more === 0 ? short : block.readUIntLE(at + 1, more));
  const end = at + 1 + more + length;
  return end > block.length ? undefined : { length, offset: 0, end };
}

function readCopy(block: Buffer, at: number): Element | undefined {
  const tag = block[at]!; // the caller has read this byte
  const kind = tag & 3;
  const more = kind === 3 ? 4 : kind;
  const end = at + 1 + more;
  if (end > block.length) return undefined;
  const length = kind === 1 ? 4 + ((tag >> 2) & 7) : 1 + (tag >> 2);
  const offset = kind === 1 ? ((tag >> 5) << 8) | block[at + 1]! : block.readUIntLE(at + 1, more);
  return offset === 0 ? undefined : { length, offset, end };
}

/** The copied bytes may overlap those that are being written. */
function repeat(out: Buffer, filled: number, { length, offset }: Element): void {
  for (let i = filled; i < filled + length; i++) out[i] = out[i - offset]!; // checked by the caller
}

function readVarint(bytes: Buffer): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let i = 0; i < 5 && i < bytes.length; i++) {
    const byte = bytes[i]!; // within the bytes
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: i + 1 };
  }
  return undefined;
}

/** CRC-32C (Castagnoli), bit by bit for each byte that can occur. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  return crc;
});

/** The checksum as the format has it: turned, so that a checksum of checksums is not weak. */
export function maskedChecksum(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 0xff]!;
  const sum = (crc ^ 0xffffffff) >>> 0;
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;
}
