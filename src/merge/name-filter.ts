/**
 * Chooses the samples of a page to keep, by their whole names (`__name__`): a filter may deny
 * `h_bucket` and keep `h_sum`.
 *
 * Tenants choose both patterns and names. So the filter reports the cost of each verdict, and the
 * caller can pause or refuse the page. The filter keeps no verdicts.
 */

/** Bound on names in characters: a longer name matches no pattern. */
export const MAX_NAME = 256;

export interface NamePatterns {
  /** Drops names that match none of these patterns; an empty list allows every name. */
  readonly allow: readonly string[];
  /** Drops names that match one of these patterns, allowed or not. */
  readonly deny: readonly string[];
}

export interface Verdict {
  readonly passes: boolean;
  /** The cost, in comparisons of one character, about. */
  readonly steps: number;
}

export class NameFilter {
  readonly #allow: readonly Glob[];
  readonly #deny: readonly Glob[];

  constructor({ allow, deny }: NamePatterns) {
    this.#allow = allow.map(toGlob);
    this.#deny = deny.map(toGlob);
  }

  /** @param name - without quotes and escapes */
  judge(name: string): Verdict {
    if (name.length > MAX_NAME) return { passes: this.#allow.length === 0, steps: 1 };
    const cost = { steps: 0 };
    const matches = (glob: Glob): boolean => glob(name, cost);
    const allowed = this.#allow.length === 0 || this.#allow.some(matches);
    return { passes: allowed && !this.#deny.some(matches), steps: cost.steps };
  }
}

interface Cost {
  steps: number;
}

/** Whether a name matches a pattern; adds the steps to `cost`. */
type Glob = (name: string, cost: Cost) => boolean;

/** Characters that a string method compares in the time of one step of `wildGlob`. */
const AT_ONCE = 8;

/**
 * Compiles a pattern. `*` stands for any run of characters, `?` for one. Most patterns are one
 * literal text with `*` at the ends, which string methods match faster.
 */
function toGlob(pattern: string): Glob {
  const [, before = '', literal = '', after = ''] = /^(\*?)([^*?]*)(\*?)$/.exec(pattern) ?? [];
  if (before + literal + after !== pattern || literal === '') return wildGlob(Array.from(pattern));
  return (name, cost) => {
    cost.steps += 1 + Math.ceil(name.length / AT_ONCE);
    if (before === '') return after === '' ? name === literal : name.startsWith(literal);
    return after === '' ? name.endsWith(literal) : name.includes(literal);
  };
}

/** Matches any pattern. Goes back to the last `*` only, since earlier ones need not match more. */
function wildGlob(glob: readonly string[]): Glob {
  return (text, cost) => {
    const name = Array.from(text);
    let g = 0;
    let n = 0;
    let star = -1;
    let resume = 0;
    let steps = name.length;
    for (; n < name.length; steps++) {
      if (glob[g] === '*') {
        star = g++;
        resume = n;
      } else if (g < glob.length && (glob[g] === '?' || glob[g] === name[n])) {
        g++;
        n++;
      } else if (star >= 0) {
        g = star + 1;
        n = ++resume;
      } else break;
    }
    cost.steps += steps;
    while (glob[g] === '*') g++;
    return n === name.length && g === glob.length;
  };
}
