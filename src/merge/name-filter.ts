/**
 * Which samples of a page are wanted, by the names that Prometheus gives them (`__name__`):
 * `h_bucket` may be denied while `h_sum` stays.
 *
 * Patterns come from tenants: they are globs, whose worst case is the product of the two lengths. The
 * steps are counted, so that whoever walks a page can give up, or let others have their turn.
 */

/** Names whose verdicts are kept; beyond that all are forgotten. */
const MAX_KNOWN = 20_000;
/** Longer names fit no pattern. */
const MAX_NAME = 256;

export interface NamePatterns {
  /** Names that none of these fits are dropped; empty: none is. */
  readonly allow: readonly string[];
  /** Names that one of these fits are dropped, also when allowed. */
  readonly deny: readonly string[];
}

export class NameFilter {
  readonly #allow: readonly Glob[];
  readonly #deny: readonly Glob[];
  readonly #known = new Map<string, boolean>();
  /** Comparisons of one character so far. */
  steps = 0;

  constructor({ allow, deny }: NamePatterns) {
    this.#allow = allow.map(toGlob);
    this.#deny = deny.map(toGlob);
  }

  /** @param name - without quotes and escapes */
  passes(name: string): boolean {
    let passes = this.#known.get(name);
    if (passes === undefined) {
      if (this.#known.size === MAX_KNOWN) this.#known.clear();
      passes = this.#judge(name.length > MAX_NAME ? undefined : Array.from(name));
      this.#known.set(name, passes);
    }
    return passes;
  }

  #judge(name: readonly string[] | undefined): boolean {
    if (name === undefined) return this.#allow.length === 0;
    const allowed = this.#allow.length === 0 || this.#allow.some((glob) => this.#fits(glob, name));
    return allowed && !this.#deny.some((glob) => this.#fits(glob, name));
  }

  /** Goes back to the last `*` only: what an earlier one took was enough for what follows it. */
  #fits(glob: Glob, name: readonly string[]): boolean {
    let g = 0;
    let n = 0;
    let star = -1;
    let resume = 0;
    let steps = 0;
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
    this.steps += steps;
    while (glob[g] === '*') g++;
    return n === name.length && g === glob.length;
  }
}

/** Its characters; `*` stands for any run of characters, `?` for one. */
type Glob = readonly string[];

function toGlob(pattern: string): Glob {
  return Array.from(pattern);
}
