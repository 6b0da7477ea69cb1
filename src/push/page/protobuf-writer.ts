/**
 * Writes the few kinds of protobuf fields that remote write has, into a buffer that grows.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;

/** The first byte of a field with a number below 16. */
export function tag(field: number, wireType: number): number {
  return (field << 3) | wireType;
}

/** How many bytes `varint` writes. @param value - a whole number from 0 to 2^53 - 1 */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

/** How many bytes a text or message of so many bytes takes, with tag and length. */
export function fieldSize(sizeBytes: number): number {
  return 1 + varintSize(sizeBytes) + sizeBytes;
}

export class ProtobufWriter {
  #bytes: Buffer = Buffer.allocUnsafe(16 * 1024);
  #at = 0;

  /** What was written; shares memory with the writer. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Makes room, so that the next writes of together so many bytes need no check. */
  reserve(sizeBytes: number): void {
    if (this.#at + sizeBytes <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + sizeBytes));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }

  byte(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#at++] = rest;
  }

  double(value: number): void {
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** A text with tag and length. @param sizeBytes - of the text as UTF-8 */
  text(fieldTag: number, text: string, sizeBytes: number): void {
    this.byte(fieldTag);
    this.varint(sizeBytes);
    this.#at += this.#bytes.write(text, this.#at, 'utf8');
  }
}
