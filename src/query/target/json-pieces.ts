/**
 * Bytes of JSON that come in pieces, of which only what is not yet read is kept.
 *
 * The work for a piece depends on its own length alone, not on how much of a value came before it: a
 * server may send a label set byte by byte.
 */
import { endOfValue, type Scanned } from './json-bytes.ts';

/** Less than this is copied with each piece; more is kept where further pieces have room. */
const SMALL_BYTES = 4_096;

export class JsonPieces {
  bytes: Buffer = Buffer.alloc(0);
  /** Where further pieces have room, if the bytes are a part of it, and where they end there. */
  #store: Buffer | undefined;
  #storeEnd = 0;
  /** Where the bytes begin in the whole of the JSON. */
  #offset = 0;
  /** Where the value begins in the whole of the JSON that was scanned in vain. */
  #scannedAt = -1;
  #scanned: Scanned = { bytes: 0, depth: 0, isInString: false };

  /** Takes a piece, and drops the bytes that were read. */
  push(piece: Buffer, read: number): void {
    const rest = this.bytes.subarray(read);
    this.#offset += read;
    if (rest.length < SMALL_BYTES) {
      this.#store = undefined;
      this.bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
      return;
    }
    const length = rest.length + piece.length;
    if (this.#store === undefined || this.#storeEnd + piece.length > this.#store.length) {
      this.#store = Buffer.allocUnsafeSlow(2 * length);
      rest.copy(this.#store);
      this.#storeEnd = rest.length;
    }
    piece.copy(this.#store, this.#storeEnd);
    this.#storeEnd += piece.length;
    this.bytes = this.#store.subarray(this.#storeEnd - length, this.#storeEnd);
  }

  /** The end of the value that begins at a byte. @returns -1 if it has not come yet */
  endOfValue(at: number): number {
    const place = this.#offset + at;
    const scanned =
      place === this.#scannedAt ? this.#scanned : { bytes: 0, depth: 0, isInString: false };
    const to = endOfValue(this.bytes, at, scanned);
    if (to >= 0) return to;
    this.#scannedAt = place;
    this.#scanned = scanned;
    return -1;
  }
}
