/** Finds labels whose names promgate is going to insert in the lines of pages. */

/** Further names share this bit: only the first names, which `honor` may keep, need their own. */
const LAST_BIT = 30;

/**
 * Label names that a line should not have, since promgate inserts labels of these names.
 *
 * A bitmap over length and first letter rules most other names out without making a string.
 */
export class LabelNames {
  readonly names: readonly string[];
  readonly #bits: ReadonlyMap<string, number>;
  readonly #bitmap = new Int32Array(64);

  constructor(names: readonly string[]) {
    this.names = names;
    this.#bits = new Map(names.map((name, at) => [name, 1 << Math.min(at, LAST_BIT)]));
    for (const name of names) this.#bitmap[name.length & 63]! |= 1 << (name.charCodeAt(0) & 31);
  }

  /**
   * The bit of the name that lies from `from` to `to`: bit `i` for the `i`-th name of the list, bit
   * 30 from the 31st name on. 0 for a name that is not in the list.
   */
  bitOf(bytes: Buffer, from: number, to: number): number {
    const bits = this.#bitmap[(to - from) & 63]!;
    if (((bits >>> (bytes[from]! & 31)) & 1) === 0) return 0;
    return this.#bits.get(bytes.toString('latin1', from, to)) ?? 0;
  }
}
