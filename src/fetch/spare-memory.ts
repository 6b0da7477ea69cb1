/**
 * Memory of bodies that have ended, kept for the next ones.
 *
 * A scrape needs memory for each page, and for what it reads from the page's connection, and gives it
 * back a moment later. Taken anew from the system each time, that is a system call, a page fault for
 * each 4 KB, and work for the garbage collector: `npm run bench -- --only pages` shows an eighth more
 * CPU for `100-order`, a fifth for `one-2k-16`.
 *
 * Whoever gives memory here keeps an empty buffer (`ArrayBuffer.prototype.transfer`), so that a bug
 * shows no reader what another one's page says.
 */

/** Less comes from the heap of the C library, without a system call. */
const LEAST_BYTES = 4_096;
const LEAST_STEP_BYTES = 1_024;
/** Keeps sizes apart from that of Node's own pool, which `free` in `memory.ts` must not take. */
const APART_BYTES = 64;
/** A larger body is kept in parts. */
const MOST_BYTES = 262_144 + APART_BYTES;
/** As many bytes as about 100 pages of 50 KB need at once, with what is read from their connections. */
const MAX_SPARE_BYTES = 16_777_216;
/** When nothing was taken for so long, all of it goes back to the system. */
const IDLE_MS = 10_000;

export class SpareMemory {
  /** Size in bytes -> memory of that size. */
  readonly #spare = new Map<number, ArrayBuffer[]>();
  #bytes = 0;
  #taken = 0;
  #timer: NodeJS.Timeout | undefined;

  /** The bytes that wait to be taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @returns `length` bytes with any content */
  take(length: number): Buffer<ArrayBuffer> {
    const size = roomFor(length);
    if (size === undefined) return Buffer.allocUnsafeSlow(length);
    this.#taken++;
    const memory = this.#spare.get(size)?.pop();
    if (memory === undefined) return Buffer.allocUnsafeSlow(size).subarray(0, length);
    this.#bytes -= size;
    return Buffer.from(memory, 0, length);
  }

  /** Keeps memory that nobody needs; its holders see no bytes any more. @returns false if it is not kept */
  keep(memory: ArrayBuffer): boolean {
    const size = memory.byteLength;
    if (memory.resizable || roomFor(size) !== size) return false;
    if (this.#bytes + size > MAX_SPARE_BYTES) return false;
    const kept = memory.transfer();
    const others = this.#spare.get(size);
    if (others) others.push(kept);
    else this.#spare.set(size, [kept]);
    this.#bytes += size;
    this.#timer ??= setTimeout(this.#look, IDLE_MS, this.#taken).unref();
    return true;
  }

  readonly #look = (takenBefore: number): void => {
    this.#timer = undefined;
    if (this.#taken === takenBefore) {
      this.#spare.clear();
      this.#bytes = 0;
    } else this.#timer = setTimeout(this.#look, IDLE_MS, this.#taken).unref();
  };
}

/** The one of the process. */
export const spareMemory = new SpareMemory();

/**
 * The size of memory for so many bytes: one of eight in each power of two, so that little is unused.
 *
 * @returns undefined if memory for so many bytes is not kept
 */
function roomFor(length: number): number | undefined {
  if (length < LEAST_BYTES || length > MOST_BYTES) return undefined;
  const needed = length - APART_BYTES;
  const step = Math.max(LEAST_STEP_BYTES, 1 << (28 - Math.clz32(needed - 1)));
  return Math.ceil(needed / step) * step + APART_BYTES;
}
