/**
 * Sums that keep what rounding loses (Neumaier's variant of Kahan's summation).
 *
 * @see https://en.wikipedia.org/wiki/Kahan_summation_algorithm#Further_enhancements
 */

/** A sum and what rounding has lost of it so far. The true sum is `sum + lost`. */
export interface CompensatedSum {
  sum: number;
  lost: number;
}

/** Adds one value. An infinite sum loses nothing that could be given back. */
export function addTo(total: CompensatedSum, value: number): void {
  const { sum } = total;
  const next = sum + value;
  if (next === Infinity || next === -Infinity) total.lost = 0;
  else if (Math.abs(sum) >= Math.abs(value)) total.lost += sum - next + value;
  else total.lost += value - next + sum;
  total.sum = next;
}

/** The sum of some values of an array, from `from` up to, not including, `to`. */
export function sumOf(values: Float64Array, from: number, to: number): number {
  const total: CompensatedSum = { sum: 0, lost: 0 };
  for (let at = from; at < to; at++) addTo(total, values[at] ?? 0);
  return total.sum + total.lost;
}

/**
 * The arithmetic mean of some values of an array.
 *
 * The sum is kept as long as it is finite. A sum about to overflow becomes a mean that each further value moves.
 */
export function meanOf(values: Float64Array, from: number, to: number): number {
  const mean = new RunningMean();
  for (let at = from; at < to; at++) mean.add(values[at] ?? 0);
  return mean.value();
}

/** A mean that values are added to one by one. */
export class RunningMean {
  count = 0;
  readonly #total: CompensatedSum = { sum: 0, lost: 0 };
  #incremental = false;

  add(value: number): void {
    this.count++;
    const total = this.#total;
    if (this.count === 1) {
      total.sum = value;
      return;
    }
    if (!this.#incremental) {
      const before = { ...total };
      addTo(total, value);
      if (Number.isFinite(total.sum) || !Number.isFinite(before.sum)) return;
      this.#incremental = true;
      total.sum = before.sum / (this.count - 1);
      total.lost = before.lost / (this.count - 1);
    }
    const share = (this.count - 1) / this.count;
    total.sum *= share;
    total.lost *= share;
    addTo(total, value / this.count);
  }

  value(): number {
    const { sum, lost } = this.#total;
    if (this.#incremental) return sum + lost;
    return sum / this.count + lost / this.count;
  }
}
