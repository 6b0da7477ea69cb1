/**
 * A body while it comes in: one buffer that grows, within a bound of its own and the byte budget. A
 * large one comes in parts, which are put together at the end: moving 8 MB to a larger buffer kept
 * everybody waiting for 6 ms.
 *
 * The buffer ends up with 16 bytes to spare behind the body: `merge/` reads 16 at a time.
 */
import { mapMemory } from '../discover/mapped-memory.ts';
import type { Budget } from './budget.ts';
import type { Account } from './lease.ts';
import { free } from './memory.ts';

export interface BodyOptions {
  /** `scrape.max_body`, after decompression. */
  readonly maxBytes: number;
  readonly budget: Budget;
  /** Of this fetch, open. Its `bytesGranted` must lead to `granted`. */
  readonly account: Account;
}

/**
 * What `add` did: `full`: over `maxBytes`; `refused`: the budget will never have room;
 * `waiting`: the chunk is kept, and everything should stop until the budget has room.
 */
export type Added = 'added' | 'waiting' | 'full' | 'refused';

const SPARE_BYTES = 16;
/** What is asked for before a fetch begins: most pages fit, and so do undici's buffers. */
const FIRST_BYTES = 65_536;
/** A Content-Length is believed up to here; beyond, memory follows what really comes. */
const BELIEVED_BYTES = 1_048_576;
/** A buffer of this size or more is not moved: what comes behind it is another part. */
export const PART_BYTES = 262_144;
/** What grows to this size is mapped, and copied once it is whole. */
const MAPPED_BYTES = 131_072;

/** How much to take from the budget before a fetch begins. */
export function firstBytes(maxBytes: number, budget: Budget): number {
  return Math.min(FIRST_BYTES, maxBytes + SPARE_BYTES, Math.ceil(budget.mostBytes / 64));
}

export class Body {
  readonly #maxBytes: number;
  readonly #budget: Budget;
  readonly #account: Account;
  /** What is being filled. */
  #buffer: Buffer<ArrayBuffer> = Buffer.alloc(0);
  #filled = 0;
  /** What comes behind it: the next chunk does not fit. */
  #next: Buffer<ArrayBuffer> | undefined;
  /** What was filled before it. */
  #parts: Buffer<ArrayBuffer>[] = [];
  #partsBytes = 0;
  /** All parts together, and how much of it is in place. */
  #whole: Buffer<ArrayBuffer> | undefined;
  #placed = 0;
  #sizeHint = 0;
  /** Chunks that came while waiting. */
  #late: Buffer[] = [];
  #lateBytes = 0;

  constructor({ maxBytes, budget, account }: BodyOptions) {
    this.#maxBytes = maxBytes;
    this.#budget = budget;
    this.#account = account;
  }

  /** Bytes that came, those that wait for room too. */
  get length(): number {
    return this.#partsBytes + this.#filled + this.#lateBytes;
  }

  /** It waits for room. */
  get waiting(): boolean {
    return this.#late.length > 0;
  }

  /** Says how large it will be, if that is known: a buffer of that size is never moved. */
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

  /** The budget has given what `add` asked for: the chunks that were kept go in. */
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
   * The whole body, once all has come; what it does not need goes back to the budget.
   *
   * @returns `undefined` when PART_BYTES were put into place and there are more: to be called again
   */
  finish(): Buffer | undefined {
    if (this.#parts.length > 0 || this.#whole !== undefined) return this.#placeNext();
    const size = this.#filled + SPARE_BYTES;
    const wasted = this.#buffer.length - size;
    // A whole page is read often, and views of mapped memory are slower.
    if (this.#buffer.buffer.resizable) this.#copyTo(Buffer.allocUnsafeSlow(size));
    else if (wasted < 0 || wasted > size >> 3) this.#move(size);
    return this.#kept(this.#buffer);
  }

  /** It is of no more use: its memory is free at once, which the collector would find late. */
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
    const part = this.#parts.shift()!; // it was not the last that was placed before
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

  /** Room for a chunk: in the buffer, or in it and the next one. */
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

  /** The chunk, or its end, goes into another part. */
  #needsPart(chunkBytes: number): boolean {
    return this.#filled > 0 && this.#filled + chunkBytes + SPARE_BYTES > PART_BYTES;
  }

  #grow(size: number): 'granted' | 'waiting' | 'refused' {
    return size <= this.#account.bytes ? 'granted' : this.#budget.grow(this.#account, size);
  }

  /** @param bytes - what the body may hold from now on */
  #enlarge(chunkBytes: number, bytes: number): void {
    const size = bytes - this.#partsBytes;
    if (!this.#needsPart(chunkBytes)) this.#move(size);
    else this.#next = mapBuffer(size - this.#buffer.length);
  }

  /**
   * Outgrown memory is free at once. Left to the collector it added up to the budget once more:
   * with 100 pages of 16 MiB the process had 850 MiB instead of 600.
   */
  #move(size: number): void {
    const { buffer } = this.#buffer;
    if (this.#filled === 0) this.#buffer = Buffer.allocUnsafeSlow(size);
    else if (size < MAPPED_BYTES && !buffer.resizable) {
      this.#buffer = Buffer.from(buffer.transfer(size));
    } else this.#copyTo(mapBuffer(size));
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
