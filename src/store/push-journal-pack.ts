/**
 * Numbers and texts in one buffer, as the thread of the disk's journal and the main thread hand them
 * to each other: first all numbers, then the bytes of all texts. A pack is written and read in one
 * order. Numbers that belong together are copied as bytes, so that each kind of NaN stays what it is.
 *
 * One buffer is transferred in a few microseconds, whatever it holds; objects would be copied one by
 * one.
 */

/** UTF-8 has no such byte. It marks a text that UTF-8 cannot write, as UTF-16 after the mark. */
const NOT_UTF8 = 0xff;

export class PackWriter {
  readonly #numbers: Float64Array;
  readonly #bytes: Buffer<ArrayBuffer>;
  #at = 0;
  #byteAt: number;

  /**
   * @param numbers - how many numbers will be written; a text counts as one, for its length
   * @param textBytes - how many bytes the texts have together
   */
  constructor(numbers: number, textBytes: number) {
    const pack = new ArrayBuffer(numbers * 8 + textBytes);
    this.#numbers = new Float64Array(pack, 0, numbers);
    this.#bytes = Buffer.from(pack);
    this.#byteAt = numbers * 8;
  }

  get pack(): ArrayBuffer {
    return this.#bytes.buffer;
  }

  number(value: number): void {
    this.#numbers[this.#at++] = value;
  }

  values(values: Float64Array): void {
    this.#numbers.set(values, this.#at);
    this.#at += values.length;
  }

  text(text: string): void {
    this.#ended(writeText(text, this.#bytes, this.#byteAt));
  }

  bytes(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#byteAt);
    this.#ended(bytes.length);
  }

  #ended(length: number): void {
    this.#byteAt += length;
    this.number(length);
  }
}

export class PackReader {
  readonly #numbers: Float64Array;
  readonly #bytes: Buffer;
  #at = 0;
  #byteAt: number;

  /** @param numbers - how many numbers were written */
  constructor(pack: ArrayBuffer, numbers: number) {
    this.#numbers = new Float64Array(pack, 0, numbers);
    this.#bytes = Buffer.from(pack);
    this.#byteAt = numbers * 8;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#numbers.length;
  }

  number(): number {
    return this.#numbers[this.#at++]!; // the reader asks for what was written
  }

  /** All numbers of the pack. */
  get numbers(): Float64Array {
    return this.#numbers;
  }

  /** Reads on after `count` numbers. @returns where in `numbers` these begin */
  skip(count: number): number {
    this.#at += count;
    return this.#at - count;
  }

  /** @returns a view of the pack */
  bytes(): Buffer {
    const length = this.number();
    this.#byteAt += length;
    return this.#bytes.subarray(this.#byteAt - length, this.#byteAt);
  }
}

/** How many bytes `text` takes in a pack. */
export function textBytes(text: string): number {
  return text.isWellFormed() ? Buffer.byteLength(text) : 1 + text.length * 2;
}

export function bytesOf(text: string): Buffer<ArrayBuffer> {
  const bytes = Buffer.alloc(textBytes(text));
  writeText(text, bytes, 0);
  return bytes;
}

export function textOf({ buffer, byteOffset, length }: Uint8Array): string {
  const bytes = Buffer.from(buffer, byteOffset, length);
  if (bytes[0] === NOT_UTF8) return bytes.toString('utf16le', 1);
  return bytes.toString('utf8');
}

/** @returns how many bytes were written */
function writeText(text: string, bytes: Buffer, at: number): number {
  if (text.isWellFormed()) return bytes.write(text, at, 'utf8');
  bytes[at] = NOT_UTF8;
  return 1 + bytes.write(text, at + 1, 'utf16le');
}
