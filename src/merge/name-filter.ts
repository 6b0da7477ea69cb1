/**
 * Which samples of a page are wanted, by the names that Prometheus gives them (`__name__`):
 * `h_bucket` may be denied while `h_sum` stays.
 *
 * Patterns come from tenants, and so do names: what judging a name costs is told, so that whoever
 * walks a page can let others have their turn, or give up. Nothing is kept here of what was judged.
 */

/** Longer names fit no pattern. */
export const MAX_NAME = 256;

export interface NamePatterns {
  /** Names that none of these fits are dropped; empty: none is. */
  readonly allow: readonly string[];
  /** Names that one of these fits are dropped, also when allowed. */
  readonly deny: readonly string[];
}

export interface Verdict {
  readonly passes: boolean;
  /** Comparisons of one character, about. */
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
    const fits = (glob: Glob): boolean => glob(name, cost);
    const allowed = this.#allow.length === 0 || this.#allow.some(fits);
    return { passes: allowed && !this.#deny.some(fits), steps: cost.steps };
  }
}

interface Cost {
  steps: number;
}

/** Whether a name fits, and what it cost to tell. */
type Glob = (name: string, cost: Cost) => boolean;

/** The runtime compares so many characters in the time of one of our steps. */
const AT_ONCE = 8;

/**
 * `*` stands for any run of characters, `?` for one. Most patterns have one literal text with `*` at
 * its ends: the runtime finds that faster.
 */
function toGlob(pattern: string): Glob {
  const [, before = '', literal = '', behind = ''] = /^(\*?)([^*?]*)(\*?)$/.exec(pattern) ?? [];
  if (before + literal + behind !== pattern || literal === '') return wildGlob(Array.from(pattern));
  return (name, cost) => {
    cost.steps += 1 + Math.ceil(name.length / AT_ONCE);
    if (before === '') return behind === '' ? name === literal : name.startsWith(literal);
    return behind === '' ? name.endsWith(literal) : name.includes(literal);
  };
}

/** Goes back to the last `*` only: what an earlier one took was enough for what follows it. */
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
