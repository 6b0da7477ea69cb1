/**
 * The metric families of one merge, numbered in the order met.
 *
 * Pages are indexed with these numbers, so that a merge compares integers instead of names.
 */

/**
 * Families that promgate itself appends to a merged page. An app's own samples of these names are
 * dropped and counted: nobody speaks in promgate's name.
 */
const OWN_FAMILIES = [
  'promgate_instance_up',
  'promgate_instance_scrape_duration_seconds',
  'promgate_instance_scrape_samples',
  'promgate_instance_scrape_bytes',
  'promfetcher_scrape_error',
  'promfetcher_scrape_external_exporter_error',
] as const;

const OWN: ReadonlySet<string> = new Set(OWN_FAMILIES);

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
    return OWN.has(this.nameOf(family));
  }
}
