/**
 * A stable sort that gives turns to others: a million series take longer to order than anybody should wait.
 */
import { type Budget, LABELS_WORK } from './budget.ts';

/** Runs of this length are sorted in one go. */
const RUN = 256;

/** The items in order; those that are equal keep their order. */
export async function sortInTurns<Item>(
  items: readonly Item[],
  compare: (a: Item, b: Item) => number,
  budget: Budget,
): Promise<Item[]> {
  let sorted: Item[] = [];
  for (let from = 0; from < items.length; from += RUN) {
    sorted.push(...items.slice(from, from + RUN).sort(compare));
    if (budget.turnIsOver(RUN * LABELS_WORK)) await budget.giveTurn();
  }
  for (let run = RUN; run < items.length; run *= 2) {
    const merged: Item[] = [];
    for (let from = 0; from < items.length; from += 2 * run) {
      const middle = Math.min(from + run, items.length);
      const end = Math.min(from + 2 * run, items.length);
      let left = from;
      let right = middle;
      while (left < middle && right < end) {
        const [a, b] = [sorted[left] as Item, sorted[right] as Item];
        const takesRight = compare(a, b) > 0;
        merged.push(takesRight ? b : a);
        if (takesRight) right++;
        else left++;
        if (budget.turnIsOver(LABELS_WORK)) await budget.giveTurn();
      }
      for (; left < middle; left++) merged.push(sorted[left] as Item);
      for (; right < end; right++) merged.push(sorted[right] as Item);
    }
    sorted = merged;
  }
  return sorted;
}
