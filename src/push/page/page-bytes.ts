/**
 * Bytes of a piece of a page, put together in memory that is used again for the next piece.
 */
const FIRST_BYTES = 4_096;
/** More memory is not kept for the next piece. */
const MAX_KEPT_BYTES = 1_048_576;
/** A byte of a varint holds less, and this bit if more bytes follow. */
const CONTINUES = 0x80;

export class PageBytes {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** All bytes; valid until the next change. */
  get view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A copy of all bytes. The next piece begins empty. */
  take(): Buffer {
    const taken = Buffer.allocUnsafeSlow(this.#length);
    this.#bytes.copy(taken, 0, 0, this.#length);
    if (this.#bytes.length > MAX_KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    this.#length = 0;
    return taken;
  }

  /** Forgets all bytes. */
  clear(): void {
    this.#length = 0;
  }

  text(text: string): void {
    this.#reserve(text.length * 3);
    this.#length += this.#bytes.write(text, this.#length);
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /**
   * Puts the length of the bytes from `from` on before these, as a varint.
   *
   * @returns how many bytes the length takes
   */
  insertLength(from: number): number {
    const to = this.#length;
    this.varint(to - from);
    const size = this.#length - to;
    const length = Uint8Array.from(this.#bytes.subarray(to, this.#length));
    this.#bytes.copyWithin(from + size, from, to);
    this.#bytes.set(length, from);
    return size;
  }

  /** A number of protobuf in as few bytes as it needs; below 2^53. */
  varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest >= CONTINUES) {
      this.#bytes[this.#length++] = (rest % CONTINUES) | CONTINUES;
      rest = Math.floor(rest / CONTINUES);
    }
    this.#bytes[this.#length++] = rest;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, needed));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
