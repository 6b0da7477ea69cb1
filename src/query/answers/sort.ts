/**
 * Sorts long lists in steps, between which other work may run.
 */

/** So many items are sorted, or merged, in one step. */
const STEP_ITEMS = 1_024;

/** A stable sort. Yields after each step. */
export function* sortInSteps<T>(
  items: readonly T[],
  compare: (a: T, b: T) => number,
): Generator<void, readonly T[], void> {
  let runs: (readonly T[])[] = [];
  for (let from = 0; from < items.length; from += STEP_ITEMS) {
    runs.push(items.slice(from, from + STEP_ITEMS).sort(compare));
    yield;
  }
  while (runs.length > 1) {
    const merged: (readonly T[])[] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(yield* mergeTwo(runs[at]!, runs[at + 1] ?? [], compare)); // `at` is below the length
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

function* mergeTwo<T>(
  a: readonly T[],
  b: readonly T[],
  compare: (a: T, b: T) => number,
): Generator<void, readonly T[], void> {
  if (b.length === 0) return a;
  const merged: T[] = [];
  let inA = 0;
  let inB = 0;
  while (inA < a.length || inB < b.length) {
    const fromA = inB >= b.length || (inA < a.length && compare(a[inA]!, b[inB]!) <= 0);
    merged.push(fromA ? a[inA++]! : b[inB++]!); // one of the two has an item left
    if (merged.length % STEP_ITEMS === 0) yield;
  }
  return merged;
}
