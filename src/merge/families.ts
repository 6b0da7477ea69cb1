/**
 * The metric families of one merge, numbered in the order met.
 *
 * Pages are indexed with these numbers, so that a merge compares integers instead of names.
 */

/**
 * Nobody but promgate speaks in its name, or in Promfetcher's: such samples of pages are dropped and
 * counted. That goes for the bare name too (its `_bucket` or `_total` would be one), and for names
 * in quotes that escaping turns into one, for whichever reader: `promgate.bindings`.
 */
const OWN = /^prom(?:gate|fetch|fetcher)(?![a-zA-Z0-9:])/;

/** Names beyond this many are a mistake or an attack: each costs memory for the whole merge. */
const MAX_FAMILIES = 100_000;

export class FamilyTable {
  readonly #names: string[] = [];
  readonly #ids = new Map<string, number>();

  get size(): number {
    return this.#names.length;
  }

  get full(): boolean {
    return this.#names.length > MAX_FAMILIES;
  }

  nameOf(family: number): string {
    return this.#names[family] ?? '';
  }

  find(name: string): number | undefined {
    return this.#ids.get(name);
  }

  /** The number of a family; a new one is numbered. */
  idOf(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = this.#names.push(name) - 1;
    this.#ids.set(name, id);
    return id;
  }

  /** Forgets the families numbered since the table had `size`: of a page that was refused. */
  truncate(size: number): void {
    for (const name of this.#names.splice(size)) this.#ids.delete(name);
  }

  isOwn(family: number): boolean {
    return OWN.test(this.nameOf(family));
  }
}
