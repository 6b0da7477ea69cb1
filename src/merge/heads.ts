/**
 * The HELP, TYPE and UNIT lines of all families of a plan, in one buffer: a small one for each line or
 * family would cost a small page a tenth of the memory that its scrape goes through.
 */
import type { Metadata } from './page-index.ts';

const FIRST_BYTES = 4_096;
/** The most bytes of UTF-8 for a unit of a JavaScript string. */
const UNIT_BYTES = 3;
const LINE_FEED = 10;

export class Heads {
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;

  /** The bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** Adds a line. @param text - what follows `begin`: the text of a page's line, as it came */
  addLine(begin: string, text?: Pick<Metadata, 'bytes' | 'from' | 'to'>): void {
    const textBytes = text === undefined ? 0 : text.to - text.from;
    this.#makeRoom(begin.length * UNIT_BYTES + textBytes + 1);
    this.#length += this.#buffer.write(begin, this.#length);
    if (text) this.#length += text.bytes.copy(this.#buffer, this.#length, text.from, text.to);
    this.#buffer[this.#length++] = LINE_FEED;
  }

  /** A copy without spare room. */
  get bytes(): Buffer {
    return Buffer.from(this.#buffer.buffer.slice(0, this.#length));
  }

  #makeRoom(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
