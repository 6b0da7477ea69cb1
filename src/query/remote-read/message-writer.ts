/**
 * Writes messages of Protocol Buffers into memory that grows.
 */

const FIRST_BYTES = 1_024;

/** The bytes of a message under construction. */
export class MessageWriter {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #at = 0;

  get length(): number {
    return this.#at;
  }

  /** The bytes so far: valid until more is written. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  /** A copy of the bytes; the writer is empty then. */
  take(): Buffer {
    const taken = Buffer.from(this.bytes);
    this.#at = 0;
    return taken;
  }

  clear(): void {
    this.#at = 0;
  }

  /** An integer of 53 bits, signed as `int64` is. */
  varint(value: number): void {
    this.#reserve(10);
    if (value < 0) {
      let rest = BigInt.asUintN(64, BigInt(value));
      for (; rest > 127n; rest >>= 7n) this.#bytes[this.#at++] = Number(rest & 127n) | 128;
      this.#bytes[this.#at++] = Number(rest);
      return;
    }
    let rest = value;
    while (rest > 127) {
      this.#bytes[this.#at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#at++] = rest;
  }

  /** The field of an integer. */
  integer(field: number, value: number): void {
    this.varint(field * 8);
    this.varint(value);
  }

  /** The field of a `sint32` or `sint64`. */
  signed(field: number, value: number): void {
    this.integer(field, value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** The field of a `double`. */
  double(field: number, value: number): void {
    this.varint(field * 8 + 1);
    this.rawDouble(value);
  }

  /** The eight bytes of a number, without a field. */
  rawDouble(value: number): void {
    this.#reserve(8);
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  /** The field of a number whose bits are given: a stale marker must not become another NaN. */
  words(field: number, high: number, low: number): void {
    this.varint(field * 8 + 1);
    this.#reserve(8);
    this.#bytes.writeUInt32LE(low, this.#at);
    this.#bytes.writeUInt32LE(high, this.#at + 4);
    this.#at += 8;
  }

  /** The field of a text, of bytes or of a message. */
  bytesField(field: number, bytes: Uint8Array): void {
    this.varint(field * 8 + 2);
    this.varint(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  text(field: number, text: string): void {
    this.bytesField(field, Buffer.from(text));
  }

  /** The field of a packed list of `double`. */
  doubles(field: number, values: readonly number[]): void {
    if (values.length === 0) return;
    this.varint(field * 8 + 2);
    this.varint(values.length * 8);
    for (const value of values) this.rawDouble(value);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + bytes));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}
