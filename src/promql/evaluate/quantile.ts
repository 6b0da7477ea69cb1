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
  return quantileInPlace(q, Float64Array.from(numbers));
}

/** The same; puts the numbers in order, which is five times faster in an array of this type. */
export function quantileInPlace(q: number, numbers: Float64Array): number {
  const { length } = numbers;
  if (length === 0 || Number.isNaN(q)) return Number.NaN;
  if (q < 0) return -Infinity;
  if (q > 1) return Infinity;
  numbers.sort(); // NaN is the largest here, and the smallest for PromQL
  let nans = 0;
  while (nans < length && Number.isNaN(numbers[length - 1 - nans])) nans++;
  const at = (rank: number): number => (rank < nans ? Number.NaN : (numbers[rank - nans] ?? 0));
  const rank = q * (length - 1);
  const below = Math.max(0, Math.floor(rank));
  const above = Math.min(length - 1, below + 1);
  const weight = rank - Math.floor(rank);
  return at(below) * (1 - weight) + at(above) * weight;
}
