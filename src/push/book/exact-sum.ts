/**
 * Sums of doubles that do not depend on the order of the additions.
 *
 * A sum is kept as two doubles: the sum, and what it lost by rounding. Together these have about 106
 * bits, so that the rounded sum of up to millions of values is the same in any order, as long as the
 * values do not differ by more than 50 binary orders of magnitude. A counter of 0.1 and 0.2 and 0.3 is
 * 0.6, whoever comes first; and a value that is added and taken away again leaves nothing.
 *
 * @see Knuth, The Art of Computer Programming, volume 2, section 4.2.2, theorem B
 */

/**
 * Adds `value` to the sum at `at`, whose lost part is at `lostAt`. A sum that is not finite stays so.
 */
export function addExactly(cells: Float64Array, at: number, lostAt: number, value: number): void {
  const before = cells[at]!;
  const sum = before + value;
  if (!Number.isFinite(sum)) {
    cells[at] = sum;
    cells[lostAt] = 0;
    return;
  }
  const added = sum - before;
  const lost = cells[lostAt]! + (before - (sum - added) + (value - added));
  const rounded = sum + lost;
  cells[at] = rounded;
  cells[lostAt] = lost - (rounded - sum);
}

/** Adds up a few numbers. */
export class ExactSum {
  readonly #pair = new Float64Array(2);

  add(value: number): void {
    addExactly(this.#pair, 0, 1, value);
  }

  get value(): number {
    return this.#pair[0]!;
  }
}
