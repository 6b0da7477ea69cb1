/** Names of labels that are looked for in the lines of pages: those that will be inserted. */

/** Names beyond it share it: only those that may be honoured, the first ones, must be told apart. */
const LAST_BIT = 30;

/**
 * Label names that a line should not have, since others of the same name are inserted.
 *
 * A bitmap over length and first letter answers "no" without making a string.
 */
export class LabelNames {
  readonly #bits: ReadonlyMap<string, number>;
  readonly #bitmap = new Int32Array(64);

  constructor(names: readonly string[]) {
    this.#bits = new Map(names.map((name, at) => [name, 1 << Math.min(at, LAST_BIT)]));
    for (const name of names) this.#bitmap[name.length & 63]! |= 1 << (name.charCodeAt(0) & 31);
  }

  /**
   * The bit of the name at `from` to `to`, by its place in the list; names behind the 31st have
   * that one's. 0 for any other name.
   */
  bitOf(bytes: Buffer, from: number, to: number): number {
    const bits = this.#bitmap[(to - from) & 63]!;
    if (((bits >>> (bytes[from]! & 31)) & 1) === 0) return 0;
    return this.#bits.get(bytes.toString('latin1', from, to)) ?? 0;
  }
}
