/**
 * A body that is still coming, read by several readers, each at its own pace.
 *
 * As long as the body is to be stored, all of it is kept, and the origin is never made to wait for a
 * reader. A body that grows past its bound is not stored: then only a window of it is kept, and the
 * slowest reader sets the pace; one that does not move at all is cut off if others wait for it.
 */

/** Bytes that wait for the slowest reader before the origin is paused. */
const WINDOW_BYTES = 262_144;
/** How long a reader may hold up others. */
const STALL_MS = 10_000;

/** Bytes of bodies that are being kept, over all of them. */
export class KeepBudget {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#maxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }
}

interface Flow {
  readonly pause: () => void;
  readonly resume: () => void;
}

export interface SharedBodyOptions {
  readonly flow: Flow;
  /** A body of more bytes is not kept whole; 0 keeps none. */
  readonly maxKeptBytes: number;
  readonly budget: KeepBudget;
  /** Called when the last reader has left before the end. */
  readonly onDeserted: () => void;
}

export type BodyState = 'coming' | 'ended' | 'failed';

/** One reader's place in the body. */
export interface BodyReader {
  /** The next bytes; undefined if none are there now. */
  next(): Buffer | undefined;
  readonly state: BodyState;
  /** Whether all of the body is kept, so that nobody has to read it for it to be stored. */
  readonly isKept: boolean;
  /** Called when `next` or `state` has news, and when this reader was cut off (`failed`). */
  onNews: () => void;
  leave(): void;
}

export class SharedBody {
  readonly #options: SharedBodyOptions;
  readonly #readers = new Set<Reader>();
  #chunks: Buffer[] = [];
  /** How many chunks before the first of `#chunks` were dropped. */
  #dropped = 0;
  /** Bytes of `#chunks`. */
  #heldBytes = 0;
  /** Bytes taken from the budget. */
  #keptBytes = 0;
  #keepsAll: boolean;
  #paused = false;
  #stall: NodeJS.Timeout | undefined;
  state: BodyState = 'coming';

  constructor(options: SharedBodyOptions) {
    this.#options = options;
    this.#keepsAll = options.maxKeptBytes > 0;
  }

  get keepsAll(): boolean {
    return this.#keepsAll;
  }

  /** Stops keeping what all readers have read. */
  keepNothing(): void {
    if (!this.#keepsAll) return;
    this.#keepsAll = false;
    this.#giveBack();
    if (this.#readers.size === 0 && this.state === 'coming') this.#options.onDeserted();
    else this.#settle();
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#keepsAll) this.#keep(chunk.length);
    this.#settle();
    this.#tell();
  }

  /** @returns the whole body, if all of it was kept */
  end(): Buffer | undefined {
    const whole = this.#keepsAll ? Buffer.concat(this.#chunks) : undefined;
    this.#finish('ended');
    return whole;
  }

  fail(): void {
    this.#finish('failed');
  }

  /** @returns a reader from the start of the body; only while all of it is kept, or nothing has come */
  attach(): BodyReader {
    const reader = new Reader(this);
    this.#readers.add(reader);
    return reader;
  }

  chunkAt(place: number): Buffer | undefined {
    return this.#chunks[place - this.#dropped];
  }

  /** A reader has read a chunk. */
  moved(): void {
    if (!this.#keepsAll) this.#settle();
  }

  left(reader: Reader): void {
    if (!this.#readers.delete(reader)) return;
    if (this.state !== 'coming') this.#release();
    else if (this.#readers.size === 0) this.#options.onDeserted();
    else this.#settle();
  }

  #keep(bytes: number): void {
    if (this.#heldBytes <= this.#options.maxKeptBytes && this.#options.budget.take(bytes)) {
      this.#keptBytes += bytes;
    } else this.keepNothing();
  }

  /** Drops what no reader needs, and lets the origin go on or wait. */
  #settle(): void {
    if (this.#keepsAll || this.state !== 'coming') return;
    let slowest = Number.POSITIVE_INFINITY;
    for (const { place } of this.#readers) slowest = Math.min(slowest, place);
    const done = Math.min(slowest - this.#dropped, this.#chunks.length);
    for (const chunk of this.#chunks.splice(0, done)) this.#heldBytes -= chunk.length;
    this.#dropped += done;
    if (done > 0) this.#stopStall();
    if (this.#heldBytes > WINDOW_BYTES) this.#pause();
    else if (this.#paused && this.#heldBytes <= WINDOW_BYTES / 2) this.#resume();
  }

  #pause(): void {
    if (!this.#paused) this.#options.flow.pause();
    this.#paused = true;
    if (this.#readers.size > 1) this.#stall ??= setTimeout(() => this.#cutSlowest(), STALL_MS);
  }

  #resume(): void {
    this.#paused = false;
    this.#stopStall();
    this.#options.flow.resume();
  }

  #stopStall(): void {
    clearTimeout(this.#stall);
    this.#stall = undefined;
  }

  #cutSlowest(): void {
    this.#stall = undefined;
    for (const reader of [...this.#readers]) {
      if (reader.place !== this.#dropped || this.#readers.size === 1) continue;
      this.#readers.delete(reader);
      reader.cut = true;
      reader.onNews();
    }
    this.#settle();
  }

  #finish(state: BodyState): void {
    if (this.state !== 'coming') return;
    this.state = state;
    this.#stopStall();
    this.#tell();
    this.#release();
  }

  /** Frees the body once its last reader has left: until then it counts as kept. */
  #release(): void {
    if (this.#readers.size > 0) return;
    this.#giveBack();
    this.#chunks = [];
  }

  #giveBack(): void {
    this.#options.budget.giveBack(this.#keptBytes);
    this.#keptBytes = 0;
  }

  #tell(): void {
    for (const reader of [...this.#readers]) reader.onNews();
  }
}

class Reader implements BodyReader {
  readonly #body: SharedBody;
  place = 0;
  cut = false;
  onNews: () => void = () => undefined;

  constructor(body: SharedBody) {
    this.#body = body;
  }

  get state(): BodyState {
    return this.cut ? 'failed' : this.#body.state;
  }

  get isKept(): boolean {
    return this.#body.keepsAll;
  }

  next(): Buffer | undefined {
    const chunk = this.cut ? undefined : this.#body.chunkAt(this.place);
    if (chunk === undefined) return undefined;
    this.place++;
    this.#body.moved();
    return chunk;
  }

  leave(): void {
    this.#body.left(this);
  }
}
