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
