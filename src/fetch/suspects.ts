/**
 * Addresses that hang: what hung twice in a row is asked by one fetch at a time, its probe, until it
 * answers.
 *
 * Where an address is asked for several pages, each of them counts by itself: a page that hangs
 * must not keep the others from being asked. (Whatever a reader asks for counts as one: a reader
 * that names ever new paths gets no more of an address that hangs.)
 */

/** How a fetch ended, for the address: whether it hangs. `unknown` leaves it as it was. */
export type Outcome = 'answered' | 'hung' | 'unknown';

/** An address, or one of its pages. */
export interface Asked<Waiting> {
  readonly address: string;
  readonly page: string;
  running: number;
  /** How often in a row it hung, up to 2. */
  strikes: number;
  /** Those who had a slot coming while the probe was out. */
  readonly parked: Waiting;
}

const HUNG_AT = 2;
/** What hung is remembered until it answers or its address leaves the table, and so much at most. */
const MAX_SUSPECTS = 65_536;

export class Suspects<Waiting extends { readonly size: number }> {
  readonly #asked = new Map<string, Asked<Waiting>>();
  /** Address -> its pages that are remembered, where it has several. */
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

  /** Whether it is asked by one at a time. */
  hangs({ strikes }: Asked<Waiting>): boolean {
    return strikes >= HUNG_AT;
  }

  /** Whether one more may be sent there now. */
  admits(asked: Asked<Waiting>): boolean {
    return asked.running === 0 || !this.hangs(asked);
  }

  /** A fetch has ended. `tidy` is to follow once those parked have been looked after. */
  left(asked: Asked<Waiting>, outcome: Outcome): void {
    asked.running--;
    if (outcome === 'answered') asked.strikes = 0;
    else if (outcome === 'hung') asked.strikes = Math.min(asked.strikes + 1, HUNG_AT);
  }

  /** All that is remembered of an address. */
  at(address: string): readonly Asked<Waiting>[] {
    const whole = this.#asked.get(address);
    return [...(whole ? [whole] : []), ...(this.#pages.get(address) ?? [])];
  }

  /** Forgets what has nothing against it, or the oldest where too much is remembered. */
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

/** An address holds no blank. */
function keyOf(address: string, page: string): string {
  return page === '' ? address : `${address} ${page}`;
}
