/**
 * A page's bytes, laid out so that a scanner may read past their end.
 *
 * Behind the last byte stand `PADDING` line feeds: a scanner needs no bound check to find the end
 * of the last line, and sixteen bytes can be read at once from anywhere in the page.
 */
export const PADDING = 16;
const LINE_FEED = 10;

export interface Body {
  /** The page, then `PADDING` line feeds. */
  readonly bytes: Buffer;
  /** The same memory, for reads and writes of eight bytes at any offset. */
  readonly view: DataView;
  /** Bytes of the page itself. */
  readonly length: number;
}

/**
 * Takes a page for scanning. A page at the start of an ArrayBuffer of its own, with room for the
 * padding behind it, is used where it lies; any other is copied.
 *
 * @param page - the caller gives it away: nobody writes to it from now on
 */
export function toBody(page: Buffer): Body {
  const { buffer, byteOffset, length } = page;
  // Node hands out small buffers as parts of one pool: what lies behind those is not ours.
  const pooled = buffer.byteLength === Buffer.poolSize;
  const owned = !pooled && byteOffset === 0 && buffer.byteLength - length >= PADDING;
  const bytes = owned
    ? Buffer.from(buffer, 0, length + PADDING)
    : Buffer.allocUnsafeSlow(length + PADDING);
  if (!owned) page.copy(bytes);
  bytes.fill(LINE_FEED, length);
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), length };
}

/** Byte by byte: names are short, and a view of each would cost more than its bytes. */
export function hasNul(bytes: Buffer, from: number, to: number): boolean {
  for (let p = from; p < to; p++) if (bytes[p] === 0) return true;
  return false;
}

/** Whether `length` bytes of two pages are equal, compared eight at a time. */
export function sameBytes(
  a: DataView,
  aFrom: number,
  b: DataView,
  bFrom: number,
  length: number,
): boolean {
  const last = length - 8;
  if (last < 0) return sameFewBytes(a, aFrom, b, bFrom, length);
  let at = 0;
  for (; at + 8 < last; at += 16) {
    if (a.getBigInt64(aFrom + at, true) !== b.getBigInt64(bFrom + at, true)) return false;
    if (a.getBigInt64(aFrom + at + 8, true) !== b.getBigInt64(bFrom + at + 8, true)) return false;
  }
  if (at < last && a.getBigInt64(aFrom + at, true) !== b.getBigInt64(bFrom + at, true)) {
    return false;
  }
  return a.getBigInt64(aFrom + last, true) === b.getBigInt64(bFrom + last, true);
}

function sameFewBytes(
  a: DataView,
  aFrom: number,
  b: DataView,
  bFrom: number,
  length: number,
): boolean {
  for (let at = 0; at < length; at++) {
    if (a.getUint8(aFrom + at) !== b.getUint8(bFrom + at)) return false;
  }
  return true;
}
