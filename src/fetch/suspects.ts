/**
 * Addresses that hang: after an address hung twice in a row, one fetch at a time, the probe, may
 * ask the address until it answers.
 *
 * If bindings name several pages of an address, each page counts by itself, since a page that hangs
 * must not delay the others. All paths that readers name count as one page, so that a reader cannot
 * send more requests to a hanging address by naming ever new paths.
 */

/** Whether the address hung during a fetch. `unknown` leaves its strikes unchanged. */
export type Outcome = 'answered' | 'hung' | 'unknown';

/** An address, or one of its pages. */
export interface Asked<Waiting> {
  readonly address: string;
  readonly page: string;
  running: number;
  /** How often in a row the address or page hung, at most 2. */
  strikes: number;
  /** Fetches whose turn for a slot came while the probe was under way. */
  readonly parked: Waiting;
}

const HUNG_AT = 2;
/** Bound on remembered addresses and pages; the oldest goes. */
const MAX_SUSPECTS = 65_536;

export class Suspects<Waiting extends { readonly size: number }> {
  readonly #asked = new Map<string, Asked<Waiting>>();
  /** Address -> its remembered pages, for addresses with several pages. */
  readonly #pages = new Map<string, Set<Asked<Waiting>>>();
  readonly #nobody: () => Waiting;

  /** @param nobody - makes an empty queue */
  constructor(nobody: () => Waiting) {
    this.#nobody = nobody;
  }

  get size(): number {
    return this.#asked.size;
  }

  /** @param page - '' unless the address has several */
  of(address: string, page: string): Asked<Waiting> {
    const key = keyOf(address, page);
    let known = this.#asked.get(key);
    if (!known) {
      known = { address, page, running: 0, strikes: 0, parked: this.#nobody() };
      this.#asked.set(key, known);
      if (page !== '') this.#addPage(known);
    }
    return known;
  }

  /** Whether only one fetch at a time may ask. */
  hangs({ strikes }: Asked<Waiting>): boolean {
    return strikes >= HUNG_AT;
  }

  /** Whether one more fetch may ask now. */
  admits(asked: Asked<Waiting>): boolean {
    return asked.running === 0 || !this.hangs(asked);
  }

  /** Counts the end of a fetch. The caller unparks fetches and then calls `tidy`. */
  left(asked: Asked<Waiting>, outcome: Outcome): void {
    asked.running--;
    if (outcome === 'answered') asked.strikes = 0;
    else if (outcome === 'hung') asked.strikes = Math.min(asked.strikes + 1, HUNG_AT);
  }

  /** The remembered entries of an address: its own and those of its pages. */
  at(address: string): readonly Asked<Waiting>[] {
    const whole = this.#asked.get(address);
    return [...(whole ? [whole] : []), ...(this.#pages.get(address) ?? [])];
  }

  /** Forgets an entry without strikes, or the oldest entry if there are too many. */
  tidy(asked: Asked<Waiting>): void {
    if (asked.running > 0 || asked.parked.size > 0) return;
    if (asked.strikes === 0) this.#forget(asked);
    else if (this.#asked.size > MAX_SUSPECTS) this.#forgetOldest();
  }

  #forgetOldest(): void {
    for (const asked of this.#asked.values()) {
      if (asked.running > 0 || asked.parked.size > 0) continue;
      this.#forget(asked);
      return;
    }
  }

  #forget(asked: Asked<Waiting>): void {
    const { address, page } = asked;
    this.#asked.delete(keyOf(address, page));
    if (page === '') return;
    const pages = this.#pages.get(address);
    pages?.delete(asked);
    if (pages?.size === 0) this.#pages.delete(address);
  }

  #addPage(asked: Asked<Waiting>): void {
    const pages = this.#pages.get(asked.address);
    if (pages) pages.add(asked);
    else this.#pages.set(asked.address, new Set([asked]));
  }
}

/** The blank separates the two, since an address holds no blank. */
function keyOf(address: string, page: string): string {
  return page === '' ? address : `${address} ${page}`;
}
