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

/** A page that names more families is a mistake or an attack. */
const MAX_PAGE_FAMILIES = 100_000;
/**
 * Beyond so many, those of pages that are gone among them, a page may add its share only: then the
 * order of arrival does matter to pages above their share.
 */
const MAX_NAMES = 1_000_000;

export class FamilyTable {
  readonly #names: string[] = [];
  readonly #ids = new Map<string, number>();
  readonly #share: number;
  #pageFrom = 0;
  #pageLimit = MAX_PAGE_FAMILIES;

  /** @param share - families that each page of the merge may add in any case */
  constructor(share = MAX_PAGE_FAMILIES) {
    this.#share = share;
  }

  get size(): number {
    return this.#names.length;
  }

  /** The page that was begun last adds more than a page may. */
  get full(): boolean {
    return this.#names.length - this.#pageFrom > this.#pageLimit;
  }

  /**
   * Another page begins.
   *
   * @returns the size, for `truncate`
   */
  beginPage(): number {
    this.#pageFrom = this.size;
    const limit = this.size > MAX_NAMES ? this.#share : MAX_PAGE_FAMILIES;
    this.#pageLimit = Math.min(limit, MAX_PAGE_FAMILIES);
    return this.#pageFrom;
  }

  /** Whether these are more than a page may name, new or not. */
  isTooMany(families: number): boolean {
    return families > MAX_PAGE_FAMILIES;
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
