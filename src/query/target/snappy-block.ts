/**
 * The block format of Snappy: what remote read sends and takes.
 *
 * @see https://github.com/google/snappy/blob/main/format_description.txt
 */

/** Decoded bytes between two steps. */
const STEP_BYTES = 262_144;
/** Literals and copies between two steps: each may have a single byte. */
const STEP_ELEMENTS = 32_768;
const MAX_LITERAL_BYTES = 65_536;

/** The bytes are no block, or it is longer than its reader takes. */
export class SnappyBlockError extends Error {
  override readonly name = 'SnappyBlockError';
  readonly isTooBig: boolean;

  constructor(what: string, isTooBig = false) {
    super(what);
    this.isTooBig = isTooBig;
  }
}

/** A block that holds the bytes as they are: requests are too short to gain from more. */
export function literalBlock(bytes: Buffer): Buffer {
  const parts: Buffer[] = [lengthOf(bytes.length)];
  for (let at = 0; at < bytes.length; at += MAX_LITERAL_BYTES) {
    const part = bytes.subarray(at, at + MAX_LITERAL_BYTES);
    const tag = Buffer.alloc(3);
    tag[0] = 61 << 2; // a literal whose length less one follows in two bytes
    tag.writeUInt16LE(part.length - 1, 1);
    parts.push(tag, part);
  }
  return Buffer.concat(parts);
}

function lengthOf(length: number): Buffer {
  const bytes: number[] = [];
  let rest = length;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/**
 * Decodes a block in steps of a quarter of a megabyte at most.
 *
 * @throws {SnappyBlockError}
 */
export function* decodeBlock(block: Buffer, maxBytes: number): Generator<void, Buffer, void> {
  let { length, at } = headOf(block);
  if (length > maxBytes) {
    throw new SnappyBlockError(`the answer has more than ${maxBytes} bytes`, true);
  }
  // No element of three bytes makes more than 64: a claim is bounded by what follows.
  if (length > 32 * block.length) throw new SnappyBlockError('a block claims too many bytes');
  const out = Buffer.allocUnsafe(length);
  let end = 0;
  let pauseAt = STEP_BYTES;
  let elements = 0;
  while (at < block.length) {
    if (end >= pauseAt || ++elements > STEP_ELEMENTS) {
      pauseAt = end + STEP_BYTES;
      elements = 0;
      yield;
    }
    const tag = block[at++]!;
    const kind = tag & 3;
    let size = (tag >>> 2) + 1;
    if (kind === 0) {
      const extra = size > 60 ? size - 60 : 0;
      if (at + extra > block.length) throw new SnappyBlockError('a block ends in a literal');
      if (extra > 0) size = block.readUIntLE(at, extra) + 1;
      at += extra;
      if (at + size > block.length || end + size > length)
        throw new SnappyBlockError('a literal of a block is too long');
      block.copy(out, end, at, at + size);
      at += size;
      end += size;
      continue;
    }
    const extra = kind === 3 ? 4 : kind;
    if (at + extra > block.length) throw new SnappyBlockError('a block ends in a copy');
    let offset: number;
    if (kind === 1) {
      size = ((tag >>> 2) & 7) + 4;
      offset = ((tag >>> 5) << 8) | block[at]!;
    } else offset = kind === 2 ? block.readUInt16LE(at) : block.readUInt32LE(at);
    at += extra;
    if (offset === 0 || offset > end || end + size > length)
      throw new SnappyBlockError('a copy of a block is out of bounds');
    if (offset >= size) out.copyWithin(end, end - offset, end - offset + size);
    else for (let to = 0; to < size; to++) out[end + to] = out[end + to - offset]!; // it overlaps
    end += size;
  }
  if (end !== length) throw new SnappyBlockError('a block has fewer bytes than it says');
  return out;
}

function headOf(block: Buffer): { length: number; at: number } {
  let length = 0;
  for (let at = 0; at < 5; at++) {
    const byte = block[at];
    if (byte === undefined) break;
    length += (byte & 127) * 2 ** (7 * at);
    if (byte < 128) return { length, at: at + 1 };
  }
  throw new SnappyBlockError('a block does not begin with its length');
}
