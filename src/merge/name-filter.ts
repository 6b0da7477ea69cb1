/**
 * Which samples of a page are wanted, by the names that Prometheus gives them (`__name__`):
 * `h_bucket` may be denied while `h_sum` stays.
 *
 * Patterns come from tenants: they are globs, whose worst case is the product of the two lengths.
 */

/** Names whose verdicts are kept; beyond that all are forgotten. */
const MAX_KNOWN = 20_000;

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

  constructor({ allow, deny }: NamePatterns) {
    this.#allow = allow.map(toGlob);
    this.#deny = deny.map(toGlob);
  }

  /** @param name - without quotes and escapes */
  passes(name: string): boolean {
    let passes = this.#known.get(name);
    if (passes === undefined) {
      if (this.#known.size === MAX_KNOWN) this.#known.clear();
      passes = this.#judge(Array.from(name));
      this.#known.set(name, passes);
    }
    return passes;
  }

  #judge(name: readonly string[]): boolean {
    const allowed = this.#allow.length === 0 || this.#allow.some((glob) => fits(glob, name));
    return allowed && !this.#deny.some((glob) => fits(glob, name));
  }
}

/** Its characters; `*` stands for any run of characters, `?` for one. */
type Glob = readonly string[];

function toGlob(pattern: string): Glob {
  return Array.from(pattern);
}

/** Goes back to the last `*` only: what an earlier one took was enough for what follows it. */
function fits(glob: Glob, name: readonly string[]): boolean {
  let g = 0;
  let n = 0;
  let star = -1;
  let resume = 0;
  while (n < name.length) {
    if (glob[g] === '*') {
      star = g++;
      resume = n;
    } else if (g < glob.length && (glob[g] === '?' || glob[g] === name[n])) {
      g++;
      n++;
    } else if (star >= 0) {
      g = star + 1;
      n = ++resume;
    } else return false;
  }
  while (glob[g] === '*') g++;
  return g === glob.length;
}
