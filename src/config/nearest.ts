/**
 * Finds the name that was probably meant by an unknown name.
 */

/** @returns `; did you mean …?`, or '' if no name is near */
export function nearest(name: string, names: readonly string[]): string {
  const plain = bare(name);
  const bound = Math.max(1, Math.floor(plain.length / 4));
  const near = names
    .map((candidate) => ({ candidate, steps: distance(plain, bare(candidate)) }))
    .filter(({ steps }) => steps <= bound)
    .sort((a, b) => a.steps - b.steps)[0];
  return near ? `; did you mean ${near.candidate}?` : '';
}

function bare(name: string): string {
  return name.slice(0, 100).toLowerCase().replaceAll(/[_-]/g, '');
}

/** Levenshtein's distance; a swap of two neighbours counts as one step. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let steps = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        steps = Math.min(steps, before[j - 2]! + 1);
      }
      row.push(steps);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
