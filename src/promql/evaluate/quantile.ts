/**
 * Quantiles of a set of numbers.
 */

/** Orders numbers from small to large; NaN is the smallest of all. */
export function compareNumbers(a: number, b: number): number {
  if (a === b) return 0;
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : -1;
  if (Number.isNaN(b)) return 1;
  return a < b ? -1 : 1;
}

/** The q-quantile of numbers in any order, interpolated between the two nearest ranks. */
export function quantileOf(q: number, numbers: readonly number[]): number {
  if (numbers.length === 0 || Number.isNaN(q)) return Number.NaN;
  if (q < 0) return -Infinity;
  if (q > 1) return Infinity;
  const sorted = numbers.toSorted(compareNumbers);
  const rank = q * (sorted.length - 1);
  const below = Math.max(0, Math.floor(rank));
  const above = Math.min(sorted.length - 1, below + 1);
  const weight = rank - Math.floor(rank);
  return (sorted[below] ?? 0) * (1 - weight) + (sorted[above] ?? 0) * weight;
}
