/**
 * The outcomes of scrapes over the last 15 minutes, one ring of slots for each instance.
 *
 * A slot stands for 15 s and is numbered from 1970 on, so that no slot needs a time of its own. All rings
 * together have a bound in bytes; they live in slabs of typed arrays, and a freed ring is used again.
 */

export const SLOT_SECONDS = 15;
export const SLOTS = 60;

/** The code of a slot in which the instance gave its page; failures have codes above. */
export const UP = 1;
const NOTHING = 0;

const RINGS_OF_SLAB = 256;
/** Durations, samples and codes of all slots, and the newest slot. */
const RING_BYTES = SLOTS * (4 + 4 + 1) + 4;
const SLAB_BYTES = RINGS_OF_SLAB * RING_BYTES;

/** The outcome of one scrape of an instance. */
export interface Reading {
  readonly durationSeconds: number;
  readonly samples: number;
  /** `UP`, or a larger number for a failure; at most 255. */
  readonly code: number;
}

/** All slots of a ring, oldest first; undefined for a slot without a scrape. */
export type Readings = readonly (Reading | undefined)[];

interface Slab {
  readonly durations: Float32Array;
  readonly samples: Uint32Array;
  readonly codes: Uint8Array;
  /** The newest slot of each ring. */
  readonly newest: Int32Array;
}

/** @param atSeconds - seconds since 1970 */
export function slotOf(atSeconds: number): number {
  return Math.floor(atSeconds / SLOT_SECONDS);
}

export class Rings {
  readonly #maxSlabs: number;
  readonly #slabs: Slab[] = [];
  readonly #free: number[] = [];
  #used = 0;

  constructor(maxBytes: number) {
    this.#maxSlabs = Math.floor(maxBytes / SLAB_BYTES);
  }

  /** The memory of all slabs; it never shrinks, since freed rings are used again. */
  get bytes(): number {
    return this.#slabs.length * SLAB_BYTES;
  }

  /** How many rings are in use. */
  get used(): number {
    return this.#used;
  }

  /** @returns the number of an empty ring; undefined if all are in use */
  allocate(): number | undefined {
    if (this.#free.length === 0 && !this.#grow()) return undefined;
    const ring = this.#free.pop();
    if (ring === undefined) return undefined;
    const { slab, at } = this.#find(ring);
    slab.codes.fill(NOTHING, at * SLOTS, (at + 1) * SLOTS);
    slab.newest[at] = 0;
    this.#used += 1;
    return ring;
  }

  free(ring: number): void {
    this.#free.push(ring);
    this.#used -= 1;
  }

  /** Notes a reading. In a slot that has a failure already the failure stays. */
  write(ring: number, slot: number, { durationSeconds, samples, code }: Reading): void {
    const { slab, at } = this.#find(ring);
    const newest = slab.newest[at]!; // every ring of a slab has one
    if (slot <= newest - SLOTS) return;
    for (let passed = Math.max(newest + 1, slot - SLOTS + 1); passed <= slot; passed += 1) {
      slab.codes[at * SLOTS + (passed % SLOTS)] = NOTHING;
    }
    slab.newest[at] = Math.max(newest, slot);
    const place = at * SLOTS + (slot % SLOTS);
    if (slab.codes[place]! > UP && code === UP) return;
    slab.durations[place] = durationSeconds;
    slab.samples[place] = samples;
    slab.codes[place] = code;
  }

  /** @param slot - the newest slot to read */
  read(ring: number, slot: number): Readings {
    const { slab, at } = this.#find(ring);
    const newest = slab.newest[at]!; // every ring of a slab has one
    return Array.from({ length: SLOTS }, (_, index) => {
      const wanted = slot - SLOTS + 1 + index;
      const place = at * SLOTS + (wanted % SLOTS);
      const code = slab.codes[place] ?? NOTHING; // slots before 1970 have no place
      if (wanted > newest || wanted <= newest - SLOTS || code === NOTHING) return undefined;
      return { durationSeconds: slab.durations[place]!, samples: slab.samples[place]!, code };
    });
  }

  #grow(): boolean {
    if (this.#slabs.length >= this.#maxSlabs) return false;
    const first = this.#slabs.length * RINGS_OF_SLAB;
    const slots = RINGS_OF_SLAB * SLOTS;
    this.#slabs.push({
      durations: new Float32Array(slots),
      samples: new Uint32Array(slots),
      codes: new Uint8Array(slots),
      newest: new Int32Array(RINGS_OF_SLAB),
    });
    for (let at = RINGS_OF_SLAB - 1; at >= 0; at -= 1) this.#free.push(first + at);
    return true;
  }

  #find(ring: number): { readonly slab: Slab; readonly at: number } {
    const slab = this.#slabs[Math.floor(ring / RINGS_OF_SLAB)]!; // rings come from `allocate`
    return { slab, at: ring % RINGS_OF_SLAB };
  }
}
