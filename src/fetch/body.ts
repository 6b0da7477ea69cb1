/**
 * A body while it comes in: one buffer that grows, within a bound of its own and the byte budget.
 *
 * The buffer ends up with 16 bytes to spare behind the body: `merge/` reads 16 at a time.
 */
import type { Account, Budget } from './budget.ts';

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

/** How much to take from the budget before a fetch begins. */
export function firstBytes(maxBytes: number, budget: Budget): number {
  return Math.min(FIRST_BYTES, maxBytes + SPARE_BYTES, Math.ceil(budget.mostBytes / 64));
}

export class Body {
  readonly #maxBytes: number;
  readonly #budget: Budget;
  readonly #account: Account;
  #buffer: Buffer<ArrayBuffer> = Buffer.alloc(0);
  #length = 0;
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
    return this.#length + this.#lateBytes;
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
    const room = this.#makeRoom(length + SPARE_BYTES);
    if (room === 'refused') return 'refused';
    if (room === 'waiting') {
      this.#late.push(chunk);
      this.#lateBytes = chunk.length;
      return 'waiting';
    }
    chunk.copy(this.#buffer, this.#length);
    this.#length = length;
    return 'added';
  }

  /** The budget has given what `add` asked for: the chunks that were kept go in. */
  granted(): Added {
    const late = this.#late;
    this.#late = [];
    this.#lateBytes = 0;
    this.#move(this.#account.bytes);
    let added: Added = 'added';
    for (const chunk of late) {
      added = this.add(chunk);
      if (added !== 'added' && added !== 'waiting') break;
    }
    return added;
  }

  /** The whole body; what it does not need goes back to the budget. */
  finish(): Buffer {
    const size = this.#length + SPARE_BYTES;
    const wasted = this.#buffer.length - size;
    if (wasted < 0 || wasted > size >> 3) this.#move(size);
    this.#budget.keep(this.#account, this.#buffer.length);
    return this.#buffer.subarray(0, this.#length);
  }

  #makeRoom(needed: number): 'granted' | 'waiting' | 'refused' {
    if (needed <= this.#buffer.length) return 'granted';
    const doubled = Math.max(this.#buffer.length * 2, this.#sizeHint || this.#account.bytes);
    const size = Math.max(needed, Math.min(doubled, this.#maxBytes + SPARE_BYTES));
    let room = this.#grow(size);
    if (room === 'refused' && size > needed) room = this.#grow(needed);
    if (room === 'granted') this.#move(this.#account.bytes >= size ? size : needed);
    return room;
  }

  #grow(size: number): 'granted' | 'waiting' | 'refused' {
    return size <= this.#account.bytes ? 'granted' : this.#budget.grow(this.#account, size);
  }

  /**
   * Outgrown memory is free at once. Left to the collector it added up to the budget once more:
   * with 100 pages of 16 MiB the process had 850 MiB instead of 600.
   */
  #move(size: number): void {
    const grows = this.#length > 0;
    this.#buffer = grows
      ? Buffer.from(this.#buffer.buffer.transfer(size))
      : Buffer.allocUnsafeSlow(size);
  }
}
