/**
 * A body while it arrives: one buffer that grows, within `scrape.max_body` and the byte budget. A
 * large body is kept in parts, which are joined at the end: moving 8 MB to a larger buffer blocked
 * the event loop for 6 ms.
 *
 * The budget counts the bytes asked for; the memory may be an eighth larger (`spare-memory.ts`).
 *
 * The finished buffer has 16 spare bytes behind the body: `merge/` reads 16 bytes at a time.
 */
import { mapMemory } from '../discover/mapped-memory.ts';
import type { Budget } from './budget.ts';
import type { Account } from './lease.ts';
import { free } from './memory.ts';
import { spareMemory } from './spare-memory.ts';

export interface BodyOptions {
  /** `scrape.max_body`, after decompression. */
  readonly maxBytes: number;
  readonly budget: Budget;
  /** The open account of this fetch. Its claim's `bytesGranted` must call `granted`. */
  readonly account: Account;
}

/**
 * The result of `add`. `full`: the body exceeds `maxBytes`; `refused`: the budget never has room;
 * `waiting`: the chunk is kept, and the caller should pause until the budget grants room.
 */
export type Added = 'added' | 'waiting' | 'full' | 'refused';

const SPARE_BYTES = 16;
/** Reserved before a fetch begins: enough for most pages, and for undici's buffers. */
const FIRST_BYTES = 65_536;
/** Bound on memory allocated for a Content-Length; beyond, memory grows as bytes arrive. */
const BELIEVED_BYTES = 1_048_576;
/** A buffer of this size or more is not moved: the bytes that follow go into another part. */
export const PART_BYTES = 262_144;
/** A buffer that grows to this size is mapped memory; `finish` copies the body out. */
const MAPPED_BYTES = 131_072;

/** How many bytes to take from the budget before a fetch begins. */
export function firstBytes(maxBytes: number, budget: Budget): number {
  return Math.min(FIRST_BYTES, maxBytes + SPARE_BYTES, Math.ceil(budget.mostBytes / 64));
}

export class Body {
  readonly #maxBytes: number;
  readonly #budget: Budget;
  readonly #account: Account;
  /** The buffer being filled. */
  #buffer: Buffer<ArrayBuffer> = Buffer.alloc(0);
  #filled = 0;
  /** The buffer to fill after `#buffer`, if the next chunk does not fit there. */
  #next: Buffer<ArrayBuffer> | undefined;
  /** The parts filled before `#buffer`. */
  #parts: Buffer<ArrayBuffer>[] = [];
  #partsBytes = 0;
  /** The joined body, and how many of its bytes are in place. */
  #whole: Buffer<ArrayBuffer> | undefined;
  #placed = 0;
  #sizeHint = 0;
  /** Chunks that arrived while the body waits for room. */
  #late: Buffer[] = [];
  #lateBytes = 0;

  constructor({ maxBytes, budget, account }: BodyOptions) {
    this.#maxBytes = maxBytes;
    this.#budget = budget;
    this.#account = account;
  }

  /** Bytes that arrived, including those that wait for room. */
  get length(): number {
    return this.#partsBytes + this.#filled + this.#lateBytes;
  }

  /** Whether the body waits for room in the budget. */
  get waiting(): boolean {
    return this.#late.length > 0;
  }

  /** Announces the size of the body, so that its buffer need not be moved. */
  expect(sizeBytes: number): void {
    this.#sizeHint = Math.min(sizeBytes, BELIEVED_BYTES) + SPARE_BYTES;
  }

  add(chunk: Buffer): Added {
    const length = this.length + chunk.length;
    if (length > this.#maxBytes) return 'full';
    if (this.waiting) {
      this.#late.push(chunk);
      this.#lateBytes += chunk.length;
      return 'waiting';
    }
    const room = this.#makeRoom(chunk.length);
    if (room === 'refused') return 'refused';
    if (room === 'waiting') {
      this.#late.push(chunk);
      this.#lateBytes = chunk.length;
      return 'waiting';
    }
    this.#append(chunk);
    return 'added';
  }

  /** Adds the kept chunks after the budget granted the room that `add` asked for. */
  granted(): Added {
    const late = this.#late;
    this.#late = [];
    this.#lateBytes = 0;
    this.#enlarge(late[0]!.length, this.#account.bytes);
    let added: Added = 'added';
    for (const chunk of late) {
      added = this.add(chunk);
      if (added !== 'added' && added !== 'waiting') break;
    }
    return added;
  }

  /**
   * Returns the whole body after its last chunk; unneeded bytes go back to the budget.
   *
   * @returns `undefined` after joining one part of several; call again for the next part
   */
  finish(): Buffer | undefined {
    if (this.#parts.length > 0 || this.#whole !== undefined) return this.#placeNext();
    const size = this.#filled + SPARE_BYTES;
    const wasted = this.#buffer.length - size;
    // The merge reads a page several times, and views of mapped memory are slower.
    if (this.#buffer.buffer.resizable) this.#copyTo(Buffer.allocUnsafeSlow(size));
    else if (wasted < 0 || wasted > size >> 3) this.#move(size);
    return this.#kept(this.#buffer);
  }

  /** Frees the memory of an unneeded body at once; the garbage collector would free it late. */
  discard(): void {
    for (const part of [this.#buffer, this.#next, this.#whole, ...this.#parts]) {
      if (part) free(part.buffer);
    }
    this.#parts = [];
  }

  #placeNext(): Buffer | undefined {
    if (this.#whole === undefined) {
      this.#whole = Buffer.allocUnsafeSlow(this.length + SPARE_BYTES);
      this.#endPart();
    }
    const part = this.#parts.shift()!; // not empty: `finish` ends with the last part
    part.copy(this.#whole, this.#placed);
    this.#placed += part.length;
    free(part.buffer);
    return this.#parts.length > 0 ? undefined : this.#kept(this.#whole);
  }

  #kept(buffer: Buffer): Buffer {
    this.#budget.keep(this.#account, buffer.length);
    return buffer.subarray(0, this.length);
  }

  #append(chunk: Buffer): void {
    const fits = chunk.copy(this.#buffer, this.#filled);
    this.#filled += fits;
    if (this.#next === undefined) return;
    this.#endPart();
    this.#buffer = this.#next;
    this.#next = undefined;
    this.#filled = chunk.copy(this.#buffer, 0, fits);
  }

  #endPart(): void {
    this.#parts.push(this.#buffer.subarray(0, this.#filled));
    this.#partsBytes += this.#filled;
    this.#filled = 0;
  }

  /** Makes room for a chunk in `#buffer`, or in `#buffer` and `#next` together. */
  #makeRoom(chunkBytes: number): 'granted' | 'waiting' | 'refused' {
    const needed = this.#filled + chunkBytes + SPARE_BYTES;
    if (needed <= this.#buffer.length + (this.#next?.length ?? 0)) return 'granted';
    const isPart = this.#needsPart(chunkBytes);
    const held = this.#partsBytes + (isPart ? this.#buffer.length : 0);
    const least = isPart ? needed - this.#buffer.length : needed;
    const wanted = isPart ? PART_BYTES : this.#doubled;
    const most = this.#maxBytes + SPARE_BYTES - held;
    const size = Math.max(least, Math.min(wanted, most));
    let room = this.#grow(held + size);
    if (room === 'refused' && size > least) room = this.#grow(held + least);
    const bytes = held + size <= this.#account.bytes ? held + size : held + least;
    if (room === 'granted') this.#enlarge(chunkBytes, bytes);
    return room;
  }

  get #doubled(): number {
    if (this.#buffer.length > 0) return this.#buffer.length * 2;
    return this.#sizeHint || this.#account.bytes;
  }

  /** Whether the chunk, or the rest of it, goes into another part. */
  #needsPart(chunkBytes: number): boolean {
    return this.#filled > 0 && this.#filled + chunkBytes + SPARE_BYTES > PART_BYTES;
  }

  #grow(size: number): 'granted' | 'waiting' | 'refused' {
    return size <= this.#account.bytes ? 'granted' : this.#budget.grow(this.#account, size);
  }

  /** @param bytes - how many bytes all buffers of the body may have from now on */
  #enlarge(chunkBytes: number, bytes: number): void {
    const size = bytes - this.#partsBytes;
    if (!this.#needsPart(chunkBytes)) this.#move(size);
    else this.#next = mapBuffer(size - this.#buffer.length);
  }

  /**
   * Frees the outgrown buffer at once. Left to the garbage collector, such buffers took as much as
   * the budget again: 850 MiB instead of 600 for the process with 100 pages of 16 MiB.
   */
  #move(size: number): void {
    const { buffer } = this.#buffer;
    if (this.#filled === 0) this.#buffer = spareMemory.take(size);
    else if (size < MAPPED_BYTES && !buffer.resizable) this.#copyTo(spareMemory.take(size));
    else this.#copyTo(mapBuffer(size));
  }

  #copyTo(memory: Buffer<ArrayBuffer>): void {
    const { buffer } = this.#buffer;
    this.#buffer.copy(memory, 0, 0, this.#filled);
    this.#buffer = memory;
    free(buffer);
  }
}

function mapBuffer(sizeBytes: number): Buffer<ArrayBuffer> {
  return Buffer.from(mapMemory(sizeBytes).buffer, 0, sizeBytes);
}
