/**
 * The metric families of one merge, numbered in the order in which pages name them.
 *
 * Pages are indexed with these numbers, so that a merge compares integers instead of names.
 */

/**
 * Names of promgate's own families, and of Promfetcher's. The merge drops and counts samples of
 * these names. The pattern also matches the bare name, since `promgate_total` would be a sample of
 * `promgate`, and names in quotes that escaping may turn into an own name: `promgate.bindings`.
 */
const OWN_FAMILIES = /^prom(?:gate|fetch|fetcher)(?![a-zA-Z0-9:])/;

/** Bound on the families of a page: a page with more is a mistake or an attack. */
const MAX_PAGE_FAMILIES = 100_000;
/**
 * Above this size of the table, which still holds families of removed pages, a page may add only
 * its share. Whether the merge refuses a page above its share then depends on the order of arrival.
 */
const MAX_NAMES = 1_000_000;

export class FamilyTable {
  readonly #names: string[] = [];
  readonly #ids = new Map<string, number>();
  readonly #share: number;
  readonly #own: RegExp;
  #pageFrom = 0;
  #pageLimit = MAX_PAGE_FAMILIES;

  /**
   * @param share - the number of families that each page may always add
   * @param own - matches the names of promgate's own families
   */
  constructor(share = MAX_PAGE_FAMILIES, own = OWN_FAMILIES) {
    this.#share = share;
    this.#own = own;
  }

  get size(): number {
    return this.#names.length;
  }

  /** The page that began last has added more families than it may. */
  get full(): boolean {
    return this.#names.length - this.#pageFrom > this.#pageLimit;
  }

  /**
   * Begins another page.
   *
   * @returns the size of the table, for `truncate`
   */
  beginPage(): number {
    this.#pageFrom = this.size;
    const limit = this.size > MAX_NAMES ? this.#share : MAX_PAGE_FAMILIES;
    this.#pageLimit = Math.min(limit, MAX_PAGE_FAMILIES);
    return this.#pageFrom;
  }

  /** Whether this many families, new and known, are too many for a page. */
  isTooMany(families: number): boolean {
    return families > MAX_PAGE_FAMILIES;
  }

  nameOf(family: number): string {
    return this.#names[family] ?? '';
  }

  find(name: string): number | undefined {
    return this.#ids.get(name);
  }

  /** The number of a family; numbers a new family. */
  idOf(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = this.#names.push(name) - 1;
    this.#ids.set(name, id);
    return id;
  }

  /** Forgets the families added since the table had this size, when their page is refused. */
  truncate(size: number): void {
    for (const name of this.#names.splice(size)) this.#ids.delete(name);
  }

  /** Whether a family is promgate's own, so that pages must not have it. */
  isOwn(family: number): boolean {
    return this.#own.test(this.nameOf(family));
  }
}
