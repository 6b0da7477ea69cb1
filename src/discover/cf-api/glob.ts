/**
 * Names with `*` for any characters and `?` for one, compared without regard to case.
 *
 * The time is at most proportional to the lengths of pattern and name multiplied, whatever a
 * developer calls an app.
 */
function matchesGlob(pattern: string, name: string): boolean {
  const [wanted, given] = [pattern.toLowerCase(), name.toLowerCase()];
  let [at, from] = [0, 0];
  let star = -1;
  let afterStar = 0;
  while (from < given.length) {
    if (wanted[at] === '*') {
      star = at;
      afterStar = from;
      at += 1;
    } else if (at < wanted.length && (wanted[at] === '?' || wanted[at] === given[from])) {
      at += 1;
      from += 1;
    } else if (star >= 0) {
      at = star + 1;
      afterStar += 1;
      from = afterStar;
    } else {
      return false;
    }
  }
  while (wanted[at] === '*') at += 1;
  return at === wanted.length;
}

/** Whether a name matches one of the patterns; an empty list matches every name. */
export function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.length === 0 || patterns.some((pattern) => matchesGlob(pattern, name));
}
