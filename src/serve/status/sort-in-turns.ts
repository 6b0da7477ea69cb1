/**
 * Sorts long lists in slices, so that other work runs in between.
 */
import { everyTurn, takeSteps } from '../../clock.ts';

const RUN_LENGTH = 512;
/** How many items are merged between two looks at the clock. */
const STEP = 512;

/** @returns the items in order, equal ones in their former order */
export function sortInTurns<T>(
  items: readonly T[],
  compare: (a: T, b: T) => number,
  turnMs: number,
): Promise<T[]> {
  return takeSteps(sorting(items, compare), everyTurn(turnMs));
}

function* sorting<T>(
  items: readonly T[],
  compare: (a: T, b: T) => number,
): Generator<void, T[], void> {
  let runs: T[][] = [];
  for (let at = 0; at < items.length; at += RUN_LENGTH) {
    runs.push(items.slice(at, at + RUN_LENGTH).sort(compare));
    yield;
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(yield* mergeTwo(runs[at]!, runs[at + 1] ?? [], compare)); // `at` is within
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

function* mergeTwo<T>(
  left: readonly T[],
  right: readonly T[],
  compare: (a: T, b: T) => number,
): Generator<void, T[], void> {
  const out: T[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length || r < right.length) {
    const takesLeft = r >= right.length || (l < left.length && compare(left[l]!, right[r]!) <= 0); // both are within
    out.push(takesLeft ? left[l++]! : right[r++]!);
    if (out.length % STEP === 0) yield;
  }
  return out;
}
