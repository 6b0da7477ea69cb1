/**
 * Builds a page piece by piece in a buffer that grows.
 */
import { type Body, PADDING, toBody } from './body.ts';

export class PageBuilder {
  #bytes: Buffer;
  #length = 0;

  /** @param expectedBytes - the first size of the buffer */
  constructor(expectedBytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(expectedBytes + PADDING);
  }

  /** Appends bytes of another page. */
  copy(bytes: Buffer, from: number, to: number): void {
    this.#reserve(to - from);
    bytes.copy(this.#bytes, this.#length, from, to);
    this.#length += to - from;
  }

  write(text: string): void {
    this.#reserve(text.length * 3);
    this.#length += this.#bytes.write(text, this.#length);
  }

  append(other: PageBuilder): void {
    this.copy(other.#bytes, 0, other.#length);
  }

  /** The bytes written so far; valid until the next write. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** The page, ready for scanning. Call nothing after it. */
  finish(): Body {
    return toBody(this.bytes);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + bytes));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
